//! Documents of older schemas (the first byte chooses which one the document claims): validation
//! and upgrade never panic; an upgraded document is valid and stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::schema::{self, Version};
use lockstep_fuzz::checks::{graph_of, written_and_read};

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, text)) = bytes.split_first() else {
        return;
    };
    let Ok(mut document) = Document::parse(text, &Limits::default()) else {
        return;
    };
    // Past the last version the document keeps what it says.
    if let Some(version) = Version::all().nth(usize::from(which)) {
        document.set_attr(document.root(), "validate-with", &version.name());
    }
    // And any other one.
    let other = Version::all()
        .rev()
        .nth(usize::from(which) % Version::all().count());
    if let Some(Err(violation)) = other.map(|version| schema::validate(&document, version)) {
        assert!(!violation.to_string().is_empty());
        assert!(!violation.problem.hint().is_empty());
    }
    let before = document.to_xml();
    match schema::upgrade(&mut document) {
        Err(error) => {
            assert!(!error.hint().is_empty(), "{error}");
            assert_eq!(
                before,
                document.to_xml(),
                "a refused upgrade changes nothing"
            );
        }
        // Wants no validation.
        Ok(schema::Upgrade { from: None, .. }) => {}
        Ok(_) => {
            if let Err(violation) = schema::validate(&document, Version::LATEST) {
                panic!("upgraded, and not valid: {violation}\n{before}");
            }
            let mut again = written_and_read(&document);
            let upgrade = schema::upgrade(&mut again).expect("it is valid");
            assert!(
                upgrade.notes.is_empty(),
                "nothing is left to do: {:?}",
                upgrade.notes
            );
            assert_eq!(
                document.to_xml(),
                again.to_xml(),
                "upgrading twice is upgrading once"
            );
            assert_eq!(graph_of(&document), graph_of(&again), "{before}");
        }
    }
});
