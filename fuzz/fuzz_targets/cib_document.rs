//! Valid and nearly valid documents: a document in memory and the same one written and read again
//! mean the same to validation, upgrade and the engine, and a refused upgrade changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::schema::{self, Version};
use lockstep_engine::verify::verify;
use lockstep_fuzz::checks::{NOW, graph_of, written_and_read};
use lockstep_fuzz::draft::Draft;

fuzz_target!(|draft: Draft| {
    let mut document = draft.document();
    let mut read = written_and_read(&document);
    for finding in verify(&mut document.clone(), NOW).findings {
        assert!(!finding.message.is_empty(), "a finding that says nothing");
    }

    let before = document.to_xml();
    let upgraded = schema::upgrade(&mut document).is_ok();
    assert_eq!(upgraded, schema::upgrade(&mut read).is_ok(), "{before}");
    if !upgraded {
        assert_eq!(
            before,
            document.to_xml(),
            "a refused upgrade changes nothing"
        );
        return;
    }
    assert_eq!(
        document.to_xml(),
        read.to_xml(),
        "two upgrades of\n{before}"
    );
    if let Err(violation) = schema::validate(&document, Version::LATEST) {
        panic!("upgraded, and not valid: {violation}\n{before}");
    }
    assert_eq!(
        graph_of(&document),
        graph_of(&read),
        "two plans for\n{before}"
    );

    // Packing the tables changes nothing that anybody can see.
    let text = document.to_xml();
    document.compact();
    assert_eq!(text, document.to_xml());
});
