//! Rules at random: for locations, which ask about nodes, and for sets of values, which ask
//! about dates, agents and operations.

use super::vocabulary::COLORS;
use crate::differential::random::Random;
use crate::differential::tree::Element;

const OPERATIONS: [&str; 8] = [
    "eq",
    "ne",
    "lt",
    "gt",
    "lte",
    "gte",
    "defined",
    "not_defined",
];

/// A rule of a location; the score is the caller's to set.
pub fn for_nodes(random: &mut Random, id: &str) -> Element {
    let mut rule = frame(random, id);
    for number in 0..random.between(1, 2) {
        let id = format!("{id}-{number}");
        let condition = match random.below(8) {
            0 => date(random, &id),
            1 => frame(random, &id).containing(about_node(random, &format!("{id}-0"))),
            _ => about_node(random, &id),
        };
        rule.children.push(condition);
    }
    rule
}

/// A rule of a set of values.
pub fn for_values(random: &mut Random, id: &str) -> Element {
    let mut rule = frame(random, id);
    for number in 0..random.between(1, 2) {
        let id = format!("{id}-{number}");
        let condition = match random.below(6) {
            0 | 1 => about_node(random, &id),
            2 => Element::new("rsc_expression")
                .with("id", &id)
                .with("class", "ocf")
                .with("provider", random.word(&["pacemaker", "heartbeat"]))
                .with("type", random.word(&["Dummy", "Stateful", "IPaddr2"])),
            3 => Element::new("op_expression")
                .with("id", &id)
                .with("name", random.word(&["monitor", "start", "stop"]))
                .with("interval", random.word(&["0", "10s"])),
            _ => date(random, &id),
        };
        rule.children.push(condition);
    }
    rule
}

/// A rule of defaults: about dates, agents and operations only.
pub fn for_defaults(random: &mut Random, id: &str, operations: bool) -> Element {
    let condition = format!("{id}-0");
    let condition = match random.below(if operations { 3 } else { 2 }) {
        0 => date(random, &condition),
        1 => Element::new("rsc_expression")
            .with("id", condition)
            .with("class", "ocf")
            .with("type", random.word(&["Dummy", "Stateful", "IPaddr2"])),
        _ => Element::new("op_expression")
            .with("id", condition)
            .with("name", random.word(&["monitor", "start", "stop"])),
    };
    frame(random, id).containing(condition)
}

/// A rule of cluster options: about dates only.
pub fn for_options(random: &mut Random, id: &str) -> Element {
    let date = date(random, &format!("{id}-0"));
    frame(random, id).containing(date)
}

fn frame(random: &mut Random, id: &str) -> Element {
    let mut rule = Element::new("rule").with("id", id);
    if random.chance(40) {
        rule.set("boolean-op", random.word(&["and", "or"]));
    }
    rule
}

fn about_node(random: &mut Random, id: &str) -> Element {
    if random.chance(6) {
        // Compares with a parameter of the resource, or with one of its meta-attributes.
        let (source, value) =
            [("param", "state"), ("meta", "priority"), ("literal", "1")][random.below(3)];
        return Element::new("expression")
            .with("id", id)
            .with("attribute", random.word(&["rack", "color", "pingd"]))
            .with("operation", random.word(&["eq", "ne", "gt"]))
            .with("value", value)
            .with("value-source", source);
    }
    let (attribute, value, kind) = match random.below(7) {
        0 => ("#uname", "node1", "string"),
        1 => ("#uname", "node2", "string"),
        2 => ("rack", "2", "integer"),
        3 => ("pingd", "100", "number"),
        4 => ("version", "1.2", "version"),
        5 => (
            "#kind",
            random.word(&["cluster", "remote", "container"]),
            "string",
        ),
        _ => ("color", random.word(COLORS), "string"),
    };
    let operation = random.word(&OPERATIONS);
    let mut expression = Element::new("expression")
        .with("id", id)
        .with("attribute", attribute)
        .with("operation", operation);
    if !operation.ends_with("defined") {
        expression.set("value", value);
        if random.chance(60) {
            expression.set("type", kind);
        }
    }
    expression
}

fn date(random: &mut Random, id: &str) -> Element {
    let expression = Element::new("date_expression").with("id", id);
    match random.below(5) {
        0 => expression
            .with("operation", "lt")
            .with("end", "2023-11-14T23:00:00Z"),
        1 => expression
            .with("operation", "gt")
            .with("start", "2023-11-14T22:00:00Z"),
        2 => expression
            .with("operation", "in_range")
            .with("start", "2023-11-14T00:00:00Z")
            .with(
                "end",
                random.word(&["2023-11-14T22:00:00Z", "2023-11-15T00:00:00Z"]),
            ),
        3 => expression
            .with("operation", "in_range")
            .with("start", "2023-11-14T00:00:00Z")
            .containing(
                Element::new("duration")
                    .with("id", format!("{id}-duration"))
                    .with(
                        random.word(&["hours", "hours", "minutes", "days", "weeks", "months"]),
                        random.word(&["1", "22", "23", "1320"]),
                    ),
            ),
        _ => {
            let mut spec = Element::new("date_spec").with("id", format!("{id}-spec"));
            let fields: [(&str, &[&str]); 11] = [
                ("hours", &["9-16", "22", "20-23", "-21", "22-"]),
                ("minutes", &["0-30", "13", "31-59"]),
                ("seconds", &["0-20", "40"]),
                ("weekdays", &["1-5", "2", "6-7"]),
                ("months", &["11", "1-6"]),
                ("monthdays", &["14", "1-10", "14-"]),
                ("yeardays", &["318", "1-300", "319-366"]),
                ("weeks", &["46", "1-45"]),
                ("weekyears", &["2023", "2024-"]),
                ("years", &["2023", "2024", "2020-2025"]),
                ("moon", &["0-3", "4"]),
            ];
            for (name, value) in super::some(random, &fields, 2) {
                spec.set(name, value);
            }
            if spec.attributes.len() == 1 {
                spec.set("hours", "22");
            }
            expression.with("operation", "date_spec").containing(spec)
        }
    }
}
