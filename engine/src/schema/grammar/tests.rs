use std::collections::{BTreeMap, BTreeSet};

use super::Grammar;
use super::build::NOTATION;
use super::notation::Notation;
use super::types::Type;
use crate::schema::version::Version;

/// The grammar can be read, every definition is used in some version, and in every version an
/// element knows each of its children by name alone.
#[test]
fn each_element_knows_its_children_by_name() {
    for version in Version::all() {
        let mut grammar = Grammar::new(version);
        let mut seen = BTreeSet::new();
        let mut open = vec![("the document", grammar.start())];
        while let Some((name, pattern)) = open.pop() {
            if !seen.insert(pattern) {
                continue;
            }
            let mut by_name = BTreeMap::new();
            for (child, content) in grammar.contents(pattern) {
                let before = by_name.insert(child, content);
                assert!(
                    before.is_none_or(|before| before == content),
                    "{version:?}: {name} has two kinds of {child}"
                );
                open.push((child, content));
            }
        }
        assert!(
            seen.len() > 20,
            "{version:?}: only {} kinds of content",
            seen.len()
        );
    }
}

/// A grammar that goes from version to version says in each what one made for it says.
#[test]
fn a_grammar_keeps_nothing_that_another_version_has_otherwise() {
    let mut walking = Grammar::new(Version::FIRST);
    for version in Version::all() {
        walking.set_version(version);
        let mut made = Grammar::new(version);
        let mut seen = BTreeSet::new();
        let mut open = vec![(made.start(), walking.start())];
        while let Some((of_made, of_walking)) = open.pop() {
            if !seen.insert(of_made) {
                continue;
            }
            let describe = |grammar: &Grammar, pattern| {
                let attributes = grammar.attributes_of(pattern).into_iter();
                let described = attributes.map(|(name, kind)| (name, kind.describe()));
                let may_end = grammar.may_end(pattern);
                (described.collect::<Vec<_>>(), may_end)
            };
            assert_eq!(
                describe(&made, of_made),
                describe(&walking, of_walking),
                "{version:?}"
            );
            let (made, walking) = (made.contents(of_made), walking.contents(of_walking));
            let names = |contents: &[(&'static str, _)]| -> Vec<_> {
                contents.iter().map(|(name, _)| *name).collect()
            };
            assert_eq!(names(&made), names(&walking), "{version:?}");
            let pairs = made.into_iter().zip(walking);
            open.extend(pairs.map(|((_, a), (_, b))| (a, b)));
        }
        assert_eq!(made.same_through(), walking.same_through(), "{version:?}");
    }
}

#[test]
fn the_whole_grammar_can_be_read() {
    assert_eq!(NOTATION.check(), Ok(()));
}

#[test]
fn mistakes_in_a_grammar_are_found() {
    for (text, fault) in [
        ("a = b { @c, @d | @e }", "line 1: parentheses is expected"),
        (
            "a = b {\n @c:colour }",
            "line 2: the name of a type is expected",
        ),
        ("a = %b", "%b is not defined"),
        ("a(x) = %x\nb = %a", "wrong number of arguments for %a"),
        ("a = b { @c", "at the end: '}' is expected"),
        ("a = [1.0-7.0] @b", "line 1: unreadable: [1.0-7.0] @b"),
        ("= a", "line 1: a name is expected"),
    ] {
        assert_eq!(Notation::new(text).check(), Err(fault.to_owned()), "{text}");
    }
}

/// Values at the edges of each type. What XML Schema allows is what libxml2 makes of it.
#[test]
fn types_admit_their_values() {
    #[rustfmt::skip]
    let cases: &[(Type, &[&str], &[&str])] = &[
        (Type::Text, &["", " ", "ü"], &[]),
        (Type::Id, &["a", "_", "a.b-c", " a ", "ü1"], &["", "1a", "a:b", "a b", ".a", "-a"]),
        (Type::Integer, &["0", "-1", "+1", " 007 "], &["", "-", "1.0", "x", "1 2"]),
        (Type::Natural, &["0", "-0", "+5", "007"], &["", "-1", "x"]),
        (Type::Positive, &["1", "+1", "010"], &["0", "-0", "00", "-1", ""]),
        (Type::Digit, &["1", "9", "+9", "09"], &["0", "10", "-1", ""]),
        (Type::Boolean, &["true", "false", "1", "0", " true "], &["", "TRUE", "yes", "2"]),
        (Type::Score, &["5", "-5", "INFINITY", "+INFINITY", "-INFINITY"], &["", "infinity", "red"]),
        (Type::Schema, &["none", "pacemaker-1.0", "pacemaker-4.0"], &["", "4.0", "pacemaker-5.0"]),
        (Type::Ports, &["1", "1-2", "-"], &["", "1,2", "a"]),
        (Type::Devices, &["a", "a,b.c-d_1"], &["", "a,", "a b", ",a"]),
        (Type::OneOf(vec!["a", "b"]), &["a", " b "], &["", "c", "A"]),
        (Type::NoneOf(vec!["a", "b"]), &["", "c", "A"], &["a", " b "]),
    ];
    for (kind, good, bad) in cases {
        for value in *good {
            assert!(kind.admits(value), "{kind:?} {value:?}");
        }
        for value in *bad {
            assert!(!kind.admits(value), "{kind:?} {value:?}");
        }
        assert!(!kind.describe().is_empty());
    }
}
