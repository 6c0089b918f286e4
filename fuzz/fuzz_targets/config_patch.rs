//! Differences: the one from a to b makes b out of a, and what is no difference, or one from another
//! document, changes nothing.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lockstep_engine::parse::{Document, ElementId};
use lockstep_engine::patch;
use lockstep_fuzz::checks::written_and_read;
use lockstep_fuzz::draft::{self, Draft, Edit};
use lockstep_fuzz::few;

#[derive(Debug, Arbitrary)]
struct Input {
    old: Draft,
    #[arbitrary(with = few::<Edit, 12>)]
    change: Vec<Edit>,
    #[arbitrary(with = few::<Edit, 6>)]
    damage: Vec<Edit>,
}

fuzz_target!(|input: Input| {
    let mut old = input.old.document();
    draft::tell_apart(&mut old);
    let mut new = old.clone();
    draft::apply(&mut new, &input.change);
    draft::tell_apart(&mut new);

    let Some(diff) = patch::make(&old, &new) else {
        assert_eq!(plain(&old), plain(&new), "no difference");
        return;
    };
    let mut diff = written_and_read(&diff);
    let mut patched = old.clone();
    patch::apply(&mut patched, &diff)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", old.to_xml(), diff.to_xml()));
    assert_eq!(
        plain(&patched),
        plain(&new),
        "{}\n{}",
        old.to_xml(),
        diff.to_xml()
    );
    let _ = (
        patch::source(&diff),
        patch::target(&diff),
        patch::paths(&diff).count(),
    );

    draft::apply(&mut diff, &input.damage);
    for mut document in [old, new] {
        let before = document.to_xml();
        match patch::apply(&mut document, &diff) {
            Ok(()) => drop(written_and_read(&document)),
            Err(_) => assert_eq!(
                before,
                document.to_xml(),
                "a refused difference changes nothing"
            ),
        }
    }
});

/// A document where the order of attributes makes no difference.
fn plain(document: &Document) -> String {
    fn write(document: &Document, e: ElementId, depth: usize, text: &mut String) {
        let mut attributes: Vec<(&str, &str)> = document.attrs(e).collect();
        attributes.sort_unstable();
        text.push_str(&format!("{depth} {} {attributes:?}\n", document.name(e)));
        for child in document.children(e) {
            write(document, child, depth + 1, text);
        }
    }
    let mut text = String::new();
    write(document, document.root(), 0, &mut text);
    text
}
