use std::collections::BTreeMap;

use super::*;
use crate::parse::{Document, IdIndex, Limits, names};
use crate::time::{Date, Earliest};

/// 2024-05-06 12:30:15 UTC, a Monday, day 127, week 19.
const NOW: i64 = 1_714_998_615;

struct Case {
    document: Document,
    ids: IdIndex,
}

impl Case {
    fn new(xml: &str) -> Self {
        let document = Document::parse(xml.as_bytes(), &Limits::default())
            .unwrap_or_else(|error| panic!("{xml}: {error}"));
        let ids = IdIndex::new(&document);
        Self { document, ids }
    }

    /// The first rule of the document.
    fn rule(&self) -> Result<Rule, Fault> {
        let root = self.document.root();
        let element = self
            .document
            .subtree(root)
            .find(|&e| self.document.is(e, names::RULE));
        Rule::read(&self.document, &self.ids, element.expect("a rule"))
    }
}

/// Whether a rule of these conditions holds, and when it may change.
fn holds(conditions: &str, facts: &Facts<'_>) -> (bool, Option<i64>) {
    let rule = Case::new(&format!("<rule id='r'>{conditions}</rule>"))
        .rule()
        .expect("well-formed");
    let mut change = Earliest::default();
    (rule.holds(facts, &mut change), change.0)
}

fn expression(attributes: &str) -> String {
    format!("<expression id='e' attribute='a' {attributes}/>")
}

#[test]
fn rules_combine_their_conditions() {
    let (yes, no) = (
        "<expression id='y' attribute='a' operation='not_defined'/>",
        "<expression id='n' attribute='a' operation='defined'/>",
    );
    let facts = Facts::at(Timestamp::utc(NOW));
    for (op, conditions, expected) in [
        ("", String::new(), true),
        ("boolean-op='or'", String::new(), true),
        ("", format!("{yes}{yes}"), true),
        ("", format!("{yes}{no}"), false),
        ("boolean-op='AND'", format!("{no}{yes}"), false),
        ("boolean-op='Or'", format!("{no}{yes}"), true),
        ("boolean-op='or'", format!("{no}{no}"), false),
        (
            "",
            format!("{yes}<rule id='s' boolean-op='or'>{no}{yes}</rule>"),
            true,
        ),
        ("", format!("{yes}<rule id='s'>{no}{yes}</rule>"), false),
        ("", format!("{yes}<other id='o'/>"), false),
        ("boolean-op='or'", format!("<other id='o'/>{yes}"), true),
        (
            "boolean-op='or'",
            format!("<rule id='s' boolean-op='xor'>{yes}</rule>{yes}"),
            true,
        ),
    ] {
        let case = Case::new(&format!("<rule id='r' {op}>{conditions}</rule>"));
        let rule = case.rule().expect("well-formed");
        assert_eq!(
            rule.holds(&facts, &mut Earliest::default()),
            expected,
            "{op} {conditions}"
        );
    }
}

/// Every comparison with every pair of values, with each type.
#[test]
fn attributes_compare_by_their_type() {
    // Attribute value, type, reference → which of eq ne lt lte gt gte hold.
    let cases: &[(Option<&str>, &str, &str, &str)] = &[
        (None, "", "", "ne"),
        (None, "integer", "1", "ne"),
        (Some("ABC"), "", "abc", "eq gte lte"),
        (Some("10"), "", "9", "ne gt gte"),
        (Some("10"), "string", "9", "ne lt lte"),
        (Some("10x"), "integer", "10", "eq lte gte"),
        (Some("10"), "", "1e1", "ne gt gte"),
        (Some("10.0"), "", "1e1", "ne lte gte"),
        (Some("10.0"), "number", "1e1", "eq lte gte"),
        (Some("2.10"), "", "2.9", "ne lt lte"),
        (Some("2.10"), "version", "2.9", "ne gt gte"),
        (Some("x.1"), "number", "y.1", "ne lt lte"),
        (Some("nan"), "number", "1", "eq lte gte"),
        (Some("-inf"), "number", "-1e308", "ne lt lte"),
        (Some("0x10"), "number", "16", "eq lte gte"),
        (Some("1e999"), "number", "1e99", "ne gt gte"),
        (Some("99999999999999999999"), "integer", "8", "ne gt gte"),
        (Some(""), "", "", "eq lte gte"),
    ];
    for &(actual, value_type, reference, expected) in cases {
        let attributes: BTreeMap<&str, &str> =
            actual.map(|value| ("a", value)).into_iter().collect();
        let mut facts = Facts::at(Timestamp::utc(NOW));
        facts.node = Some(&attributes);
        let value_type = match value_type {
            "" => String::new(),
            name => format!("type='{name}'"),
        };
        for operation in ["eq", "ne", "lt", "lte", "gt", "gte"] {
            let test = expression(&format!(
                "operation='{operation}' {value_type} value='{reference}'"
            ));
            let expected = expected.split(' ').any(|word| word == operation);
            assert_eq!(holds(&test, &facts), (expected, None), "{actual:?}: {test}");
        }
        for (operation, expected) in [
            ("defined", actual.is_some()),
            ("not_defined", actual.is_none()),
        ] {
            let test = expression(&format!("operation='{operation}'"));
            assert_eq!(holds(&test, &facts).0, expected, "{actual:?}: {test}");
        }
    }
}

#[test]
fn malformed_conditions_never_hold_and_say_why() {
    let facts = Facts::at(Timestamp::utc(NOW));
    for (condition, message) in [
        (
            "<expression attribute='a' operation='ne' value='1'/>",
            "it has no id",
        ),
        (
            "<expression id='' attribute='a' operation='ne' value='1'/>",
            "it has no id",
        ),
        (
            "<expression id='e' operation='ne' value='1'/>",
            "it has no 'attribute'",
        ),
        (
            "<expression id='e' attribute='a' value='1'/>",
            "it has no 'operation'",
        ),
        (
            "<expression id='e' attribute='a' operation='is' value='1'/>",
            "'is' is not a valid 'operation'",
        ),
        (
            "<expression id='e' attribute='a' operation='ne'/>",
            "it has no 'value'",
        ),
        (
            "<expression id='e' attribute='a' operation='not_defined' value=''/>",
            "'value' is not allowed with this operation",
        ),
        (
            "<expression id='e' attribute='a' operation='ne' value='1' type='t'/>",
            "'t' is not a valid 'type'",
        ),
        (
            "<expression id='e' attribute='a' operation='ne' value='1' value-source='s'/>",
            "'s' is not a valid 'value-source'",
        ),
        (
            "<date_expression id='d'/>",
            "it has neither a start nor an end",
        ),
        (
            "<date_expression id='d' operation='eq' start='2000-001'/>",
            "'eq' is not a valid 'operation'",
        ),
        (
            "<date_expression id='d' operation='gt' end='2000-001'/>",
            "it has no 'start'",
        ),
        (
            "<date_expression id='d' operation='lt' start='2000-001'/>",
            "it has no 'end'",
        ),
        (
            "<date_expression id='d' operation='date_spec'/>",
            "it has no 'date_spec'",
        ),
        (
            "<date_expression id='d' operation='date_spec'><date_spec/></date_expression>",
            "it has no id",
        ),
        (
            "<date_expression id='d' operation='date_spec'><date_spec id='s' hours='x'/></date_expression>",
            "'x' is not a valid 'hours'",
        ),
        (
            "<date_expression id='d' start='2000-001'><duration hours='1'/></date_expression>",
            "it has no id",
        ),
        (
            "<date_expression id='d' start='2000-001'><duration id='u' hours='x'/></date_expression>",
            "'x' is not a valid 'hours'",
        ),
        (
            "<date_expression id='d' start='2000-001'><duration id='u' days='2147483648'/></date_expression>",
            "'2147483648' is not a valid 'days'",
        ),
        ("<rsc_expression class='ocf'/>", "it has no id"),
        ("<op_expression id='o'/>", "it has no 'name'"),
        (
            "<op_expression id='o' name='start' interval='x'/>",
            "'x' is not a valid 'interval'",
        ),
        (
            "<rule id='s' boolean-op='xor'/>",
            "'xor' is not a valid 'boolean-op'",
        ),
        ("<rule/>", "it has no id"),
        (
            "<rule id-ref='nobody'/>",
            "its id-ref 'nobody' does not refer to exactly one rule",
        ),
        ("<nvpair id='n'/>", "'nvpair' is not a condition"),
    ] {
        assert_eq!(holds(condition, &facts), (false, None), "{condition}");
        let rule = Case::new(&format!("<rule id='r'>{condition}</rule>"))
            .rule()
            .expect("well-formed");
        let messages: Vec<String> = rule.faults().iter().map(|f| f.reason.to_string()).collect();
        assert_eq!(messages, [message], "{condition}");
    }
    // Dates are only read when they are needed.
    for condition in [
        "<date_expression id='d' start='x'/>",
        "<date_expression id='d' end='2000-13-01'/>",
        "<date_expression id='d' operation='gt' start='x'/>",
        "<date_expression id='d' operation='lt' end='x'/>",
    ] {
        assert_eq!(holds(condition, &facts), (false, None), "{condition}");
    }
}

#[test]
fn references_are_resolved_and_must_end() {
    let facts = Facts::at(Timestamp::utc(NOW));
    let shared = Case::new(
        "<x><rule id-ref='r'/><rule id='r'><expression id='e' attribute='a' operation='not_defined'/></rule></x>",
    );
    assert!(
        shared
            .rule()
            .expect("well-formed")
            .holds(&facts, &mut Earliest::default())
    );
    let endless = Case::new("<rule id='r'><rule id-ref='r'/></rule>");
    let rule = endless.rule().expect("well-formed at the top");
    assert!(!rule.holds(&facts, &mut Earliest::default()));
    // Each rule refers to the next twice: 2^40 conditions if nobody counted.
    let levels: String = (0..40)
        .map(|n| {
            format!(
                "<rule id='r{n}'><rule id-ref='r{0}'/><rule id-ref='r{0}'/></rule>",
                n + 1
            )
        })
        .collect();
    let bomb = Case::new(&format!("<x>{levels}<rule id='r40'/></x>"));
    assert_eq!(
        bomb.rule().map_err(|fault| fault.reason),
        Err(FaultReason::TooBig)
    );
}

/// Date expressions at the edges of their ranges: one second before, at and after each.
#[test]
fn dates_are_within_ranges_and_note_their_change() {
    let before = NOW - 1;
    let after = NOW + 1;
    let show = |seconds| format!("{:#}", Date::new(Timestamp::utc(seconds)));
    let (then, earlier, later) = (show(NOW), show(before), show(after));
    let facts = Facts::at(Timestamp::utc(NOW));
    for (attributes, expected, change) in [
        (format!("start='{earlier}'"), true, None),
        (format!("start='{then}'"), true, None),
        (format!("start='{later}'"), false, Some(after)),
        (format!("end='{earlier}'"), false, None),
        (format!("end='{then}'"), true, Some(NOW + 1)),
        (format!("end='{later}'"), true, Some(NOW + 2)),
        (
            format!("operation='In_Range' start='{then}' end='{then}'"),
            true,
            Some(NOW + 1),
        ),
        (
            format!("start='{later}' end='{earlier}'"),
            false,
            Some(after),
        ),
        (format!("operation='gt' start='{earlier}'"), true, None),
        (
            format!("operation='gt' start='{then}'"),
            false,
            Some(NOW + 1),
        ),
        (
            format!("operation='gt' start='{later}'"),
            false,
            Some(NOW + 2),
        ),
        (format!("operation='lt' end='{earlier}'"), false, None),
        (format!("operation='lt' end='{then}'"), false, None),
        (format!("operation='lt' end='{later}'"), true, Some(after)),
    ] {
        let condition = format!("<date_expression id='d' {attributes}/>");
        assert_eq!(holds(&condition, &facts), (expected, change), "{condition}");
    }
}

#[test]
fn a_range_may_end_after_a_duration() {
    let facts = Facts::at(Timestamp::utc(NOW));
    let range = |duration: &str| {
        let start = "2024-05-06 12:00:00Z";
        let condition = format!(
            "<date_expression id='d' start='{start}'><duration id='u' {duration}/></date_expression>"
        );
        holds(&condition, &facts)
    };
    assert_eq!(range("minutes='30'"), (false, None));
    assert_eq!(range("minutes='30' seconds='15'"), (true, Some(NOW + 1)));
    assert_eq!(
        range("hours='1' minutes='-29' seconds='0'"),
        (true, Some(NOW + 46))
    );
    assert_eq!(
        range("weeks='1'"),
        (true, Some(NOW - 1815 + 7 * 86_400 + 1))
    );
    assert_eq!(range(""), (false, None));
    // An end wins over a duration.
    let both = "<date_expression id='d' start='2024-001' end='2024-002'><duration id='u' years='1'/></date_expression>";
    assert_eq!(holds(both, &facts), (false, None));
}

#[test]
fn parts_of_the_local_date_are_in_their_ranges() {
    let spec = |attributes: &str, offset: i32| {
        let condition = format!(
            "<date_expression id='d' operation='date_spec'><date_spec id='s' {attributes}/></date_expression>"
        );
        let (holds, change) = holds(
            &condition,
            &Facts::at(Timestamp {
                seconds: NOW,
                offset,
            }),
        );
        assert_eq!(change, None);
        holds
    };
    for (part, value) in [
        ("years", 2024),
        ("months", 5),
        ("monthdays", 6),
        ("hours", 12),
        ("minutes", 30),
        ("seconds", 15),
        ("yeardays", 127),
        ("weekyears", 2024),
        ("weeks", 19),
        ("weekdays", 1),
    ] {
        let (less, more) = (value - 1, value + 1);
        for (range, expected) in [
            (format!("{value}"), true),
            (format!("{less}"), false),
            (format!("{less}-{value}"), true),
            (format!("{value}-{more}"), true),
            (format!("{more}-"), false),
            (format!("{value}-"), true),
            (format!("-{value}"), true),
            (format!("-{less}"), false),
        ] {
            assert_eq!(
                spec(&format!("{part}='{range}'"), 0),
                expected,
                "{part} {range}"
            );
        }
    }
    assert!(spec("", 0));
    assert!(spec("hours='14' weekdays='1-5'", 2 * 3600));
    assert!(!spec("hours='14' weekdays='6-7'", 2 * 3600));
}

#[test]
fn unreached_conditions_note_no_change() {
    let facts = Facts::at(Timestamp::utc(NOW));
    let no = "<expression id='n' attribute='a' operation='defined'/>";
    let later = "<date_expression id='d' operation='lt' end='2030-001'/>";
    assert_eq!(holds(&format!("{no}{later}"), &facts), (false, None));
    assert!(holds(&format!("{later}{no}"), &facts).1.is_some());
}

#[test]
fn resources_and_operations_are_compared_with_case() {
    let mut facts = Facts::at(Timestamp::utc(NOW));
    let resource = "<rsc_expression id='x' class='ocf' provider='heartbeat' type='IPaddr2'/>";
    let anything = "<rsc_expression id='x'/>";
    let operation = "<op_expression id='x' name='monitor' interval='10s'/>";
    let any_interval = "<op_expression id='x' name='monitor'/>";
    assert!(!holds(resource, &facts).0);
    assert!(holds(anything, &facts).0);
    assert!(!holds(any_interval, &facts).0);
    facts.resource = Some(Agent {
        class: Some("ocf"),
        provider: Some("heartbeat"),
        agent: Some("IPaddr2"),
    });
    facts.operation = Some(Operation {
        name: "monitor",
        interval_ms: 10_000,
    });
    for condition in [resource, anything, operation, any_interval] {
        assert!(holds(condition, &facts).0, "{condition}");
    }
    facts.resource = Some(Agent {
        class: Some("ocf"),
        provider: Some("heartbeat"),
        agent: Some("IPAddr2"),
    });
    facts.operation = Some(Operation {
        name: "monitor",
        interval_ms: 20_000,
    });
    for (condition, expected) in [(resource, false), (operation, false), (any_interval, true)] {
        assert_eq!(holds(condition, &facts).0, expected, "{condition}");
    }
}

#[test]
fn references_may_be_parameters_and_meta_attributes() {
    let node: BTreeMap<&str, &str> = [("a", "big")].into();
    let parameters: BTreeMap<&str, &str> = [("size", "big")].into();
    let meta: BTreeMap<&str, &str> = [("size", "small")].into();
    let mut facts = Facts::at(Timestamp::utc(NOW));
    let test = |source: &str, operation: &str| {
        expression(&format!(
            "operation='{operation}' value='size' value-source='{source}'"
        ))
    };
    facts.node = Some(&node);
    assert!(!holds(&test("param", "eq"), &facts).0);
    assert!(holds(&test("param", "ne"), &facts).0);
    facts.parameters = Some(&parameters);
    facts.meta = Some(&meta);
    assert!(holds(&test("param", "eq"), &facts).0);
    assert!(holds(&test("Meta", "ne"), &facts).0);
    assert!(!holds(&test("literal", "eq"), &facts).0);
}

#[test]
fn attribute_names_may_hold_what_a_pattern_matched() {
    let groups = [Some((0, 8)), Some((5, 8)), None];
    let submatches = Submatches {
        text: "port-443",
        groups: &groups,
    };
    for (text, expected) in [
        ("open-%1", "open-443"),
        ("%0%0", "port-443port-443"),
        ("%2|%3|%9", "||"),
        ("100%", "100%"),
        ("%x%1", "%x443"),
        ("%%1", "%443"),
        ("ü%1ü", "ü443ü"),
    ] {
        assert_eq!(submatches.expand(text), expected);
    }
    assert_eq!(
        Submatches {
            text: "",
            groups: &groups
        }
        .expand("%1"),
        "%1"
    );
    let node: BTreeMap<&str, &str> = [("open-443", "")].into();
    let mut facts = Facts::at(Timestamp::utc(NOW));
    facts.node = Some(&node);
    let test = "<expression id='e' attribute='open-%1' operation='defined'/>";
    assert!(!holds(test, &facts).0);
    facts.submatches = Some(submatches);
    assert!(holds(test, &facts).0);
}
