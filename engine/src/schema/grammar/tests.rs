use super::tables::{ContentId, patterns};
use super::{Attributes, Symbol, types::Type};

/// What the build script is made of.
#[path = "../../../build"]
mod compiler {
    use crate::schema::grammar::arena;
    use crate::schema::version;

    mod compile;
    mod notation;
    mod read;
    mod tables;

    /// The tables of a grammar.
    pub(super) fn tables(text: &str) -> Result<String, String> {
        let compiled = compile::compile(&notation::Notation::read(text)?)?;
        Ok(tables::write(&compiled))
    }
}

/// The tables are those of the grammar, each pattern there once.
#[test]
fn the_tables_are_those_of_the_grammar() {
    let tables = compiler::tables(include_str!("cib.grammar"));
    let compiled_in = include_str!(concat!(env!("OUT_DIR"), "/grammar.rs"));
    assert!(tables.as_deref() == Ok(compiled_in), "build again");
    for (number, pattern) in patterns().iter().enumerate() {
        assert!(!patterns()[..number].contains(pattern), "{pattern:?}");
    }
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
        ("a = @b", "a is not an element"),
        ("a = b { @c+ }", "an attribute cannot be there twice"),
        (
            "a = b { (c { @d } | c { @e })* }",
            "one element has two kinds of c",
        ),
        (
            "a = [-3.0] b { } | c { }",
            "a document is something else in another version",
        ),
    ] {
        assert_eq!(compiler::tables(text), Err(fault.to_owned()), "{text}");
    }
}

/// Attributes are taken in any order, and each decides which alternatives are left.
#[test]
fn an_alternative_is_left_while_it_has_all_attributes() {
    let symbol = |name| Symbol::of(name).expect("a name of the grammar");
    let order = [symbol("first"), symbol("then"), symbol("kind")];
    let score = symbol("score");
    let complete = ContentId::all().filter(|content| {
        let mut attributes = Attributes::new(*content);
        let taken = order.iter().rev().all(|&name| {
            let value = if name == order[2] { "Optional" } else { "a" };
            attributes.take(name, value).is_some()
        });
        if taken {
            assert_eq!(attributes.missing(), ["id"]);
            assert_eq!(attributes.complete(), 0);
            assert!(attributes.take(symbol("id"), "o").is_some());
            assert_ne!(attributes.complete(), 0);
            assert!(attributes.take(score, "1").is_none(), "a kind, and a score");
        }
        taken
    });
    assert!(complete.count() > 0, "orders are among the contents");
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
        (Type::OneOf(&["a", "b"]), &["a", " b "], &["", "c", "A"]),
        (Type::NoneOf(&["a", "b"]), &["", "c", "A"], &["a", " b "]),
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
