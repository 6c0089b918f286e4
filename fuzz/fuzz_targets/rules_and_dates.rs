//! Rules, dates and durations: any text is read or refused, arithmetic never overflows, and a date
//! that is shown reads as the same instant.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lockstep_engine::config::Attributes;
use lockstep_engine::parse::{Document, ElementId, IdIndex};
use lockstep_engine::rule::{Agent, Facts, Operation, Rule, Submatches};
use lockstep_engine::time::{Date, Earliest, Span, Timestamp, Unit, ctime};
use lockstep_fuzz::checks::written_and_read;
use lockstep_fuzz::few;

#[derive(Debug, Arbitrary)]
struct Input {
    seconds: i64,
    offset_minutes: i16,
    text: DateText,
    other: DateText,
    span: String,
    add: Vec<(UnitName, i32)>,
    #[arbitrary(with = few::<Part, 16>)]
    rule: Vec<Part>,
    attribute: Text,
}

#[derive(Debug, Arbitrary)]
enum DateText {
    Any(String),
    Calendar {
        year: u16,
        month: u8,
        day: u8,
        time: Option<(u8, u8, u8)>,
        zone: Option<i8>,
    },
    Ordinal {
        year: u16,
        day: u16,
    },
    Week {
        year: u16,
        week: u8,
        day: u8,
    },
    Epoch(i64),
}

impl DateText {
    fn text(&self) -> String {
        match self {
            DateText::Any(text) => text.clone(),
            DateText::Calendar {
                year,
                month,
                day,
                time,
                zone,
            } => {
                let mut text = format!("{year:04}-{month:02}-{day:02}");
                if let Some((hour, minute, second)) = time {
                    text.push_str(&format!(" {hour:02}:{minute:02}:{second:02}"));
                }
                match zone {
                    Some(0) => text.push('Z'),
                    Some(hours) => text.push_str(&format!(" {hours:+03}:00")),
                    None => {}
                }
                text
            }
            DateText::Ordinal { year, day } => format!("{year:04}-{day:03}"),
            DateText::Week { year, week, day } => format!("{year:04}-W{week:02}-{day}"),
            DateText::Epoch(seconds) => format!("@{seconds}"),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum UnitName {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

/// A step of writing a rule: opens, closes or fills elements.
#[derive(Debug, Arbitrary)]
enum Part {
    Rule {
        or: Option<bool>,
    },
    Up,
    Attribute {
        operation: u8,
        kind: u8,
        source: u8,
        value: Text,
    },
    Date {
        operation: u8,
        start: Option<DateText>,
        end: Option<DateText>,
    },
    Spec {
        of: u8,
        range: (i32, Option<i32>),
    },
    Duration {
        of: u8,
        length: i32,
    },
    Resource {
        class: Text,
    },
    Operation {
        name: Text,
        interval: Text,
    },
}

#[derive(Debug, Arbitrary)]
enum Text {
    Any(String),
    Number(i64),
    Version(u8, u8),
    Word(u8),
}

impl Text {
    fn text(&self) -> String {
        const WORDS: [&str; 8] = ["", "true", "10s", "start", "ocf", "%0", "%9x", "INFINITY"];
        match self {
            Text::Any(text) => text.clone(),
            Text::Number(number) => number.to_string(),
            Text::Version(major, minor) => format!("{major}.{minor}"),
            Text::Word(at) => WORDS[usize::from(*at) % 8].to_owned(),
        }
    }
}

fn pick(words: &[&'static str], at: u8) -> &'static str {
    words[usize::from(at) % words.len()]
}

/// The rule as a document: whatever the parts are, the outermost element is a rule.
fn document(parts: &[Part]) -> Document {
    let mut document = Document::new("rule");
    let root = document.root();
    document.set_attr(root, "id", "r");
    document.set_attr(root, "score", "1");
    let mut at = root;
    for (number, part) in parts.iter().enumerate() {
        let (id, up) = (format!("e{number}"), document.parent(at));
        let add =
            |document: &mut Document, at: ElementId, name: &str, attributes: &[(&str, String)]| {
                let e = document.append(at, name);
                document.set_attr(e, "id", &id);
                for (name, value) in attributes {
                    document.set_attr(e, name, value);
                }
                e
            };
        match part {
            Part::Rule { or } => {
                let e = add(&mut document, at, "rule", &[]);
                if let Some(or) = or {
                    document.set_attr(e, "boolean-op", if *or { "or" } else { "and" });
                }
                at = e;
            }
            Part::Up => at = up.unwrap_or(at),
            Part::Attribute {
                operation,
                kind,
                source,
                value,
            } => {
                const OPERATIONS: [&str; 9] = [
                    "lt",
                    "gt",
                    "lte",
                    "gte",
                    "eq",
                    "ne",
                    "defined",
                    "not_defined",
                    "x",
                ];
                let attributes = [
                    ("attribute", "a%1".to_owned()),
                    ("operation", pick(&OPERATIONS, *operation).to_owned()),
                    (
                        "type",
                        pick(&["string", "integer", "number", "version"], *kind).to_owned(),
                    ),
                    (
                        "value-source",
                        pick(&["literal", "param", "meta"], *source).to_owned(),
                    ),
                    ("value", value.text()),
                ];
                add(&mut document, at, "expression", &attributes);
            }
            Part::Date {
                operation,
                start,
                end,
            } => {
                let operation = pick(
                    &["in_range", "gt", "lt", "date_spec", "in_range"],
                    *operation,
                );
                let mut attributes = vec![("operation", operation.to_owned())];
                attributes.extend(start.iter().map(|date| ("start", date.text())));
                attributes.extend(end.iter().map(|date| ("end", date.text())));
                at = add(&mut document, at, "date_expression", &attributes);
            }
            Part::Spec {
                of,
                range: (from, to),
            } => {
                const PARTS: [&str; 11] = [
                    "seconds",
                    "minutes",
                    "hours",
                    "monthdays",
                    "weekdays",
                    "yeardays",
                    "months",
                    "weeks",
                    "years",
                    "weekyears",
                    "moon",
                ];
                let range = match to {
                    Some(to) => format!("{from}-{to}"),
                    None => from.to_string(),
                };
                add(
                    &mut document,
                    at,
                    "date_spec",
                    &[(pick(&PARTS, *of), range)],
                );
            }
            Part::Duration { of, length } => {
                const UNITS: [&str; 7] = [
                    "years", "months", "weeks", "days", "hours", "minutes", "seconds",
                ];
                add(
                    &mut document,
                    at,
                    "duration",
                    &[(pick(&UNITS, *of), length.to_string())],
                );
            }
            Part::Resource { class } => {
                add(
                    &mut document,
                    at,
                    "rsc_expression",
                    &[("class", class.text())],
                );
            }
            Part::Operation { name, interval } => {
                let attributes = [("name", name.text()), ("interval", interval.text())];
                add(&mut document, at, "op_expression", &attributes);
            }
        }
    }
    document
}

fuzz_target!(|input: Input| {
    let now = Timestamp {
        seconds: input.seconds,
        offset: i32::from(input.offset_minutes % (24 * 60)) * 60,
    };
    assert!(!ctime(now).is_empty());
    dates(&input, now);
    rules(&input, now);
});

fn dates(input: &Input, now: Timestamp) {
    let span = Span::parse(&input.span);
    let parsed = [&input.text, &input.other].map(|text| Date::parse(&text.text(), now));
    for date in parsed.iter().flatten() {
        let shown = date.to_string();
        let (year, month, _) = date.year_month_day();
        // Day 366 of a shorter year is accepted as Pacemaker accepts it, and is in no month.
        if (1..=9999).contains(&year) && month <= 12 {
            let again = Date::parse(&shown, now)
                .unwrap_or_else(|error| panic!("{shown}, as it is shown, is no date: {error}"));
            // An offset's seconds count, but nobody shows them: Pacemaker does not either.
            let not_shown = i64::from(date.timestamp().offset % 60);
            assert_eq!(date.seconds() + not_shown, again.seconds(), "{shown}");
        }
        let mut moved = *date;
        for (unit, count) in &input.add {
            let unit = match unit {
                UnitName::Years => Unit::Years,
                UnitName::Months => Unit::Months,
                UnitName::Weeks => Unit::Weeks,
                UnitName::Days => Unit::Days,
                UnitName::Hours => Unit::Hours,
                UnitName::Minutes => Unit::Minutes,
                UnitName::Seconds => Unit::Seconds,
            };
            moved.add(unit, *count);
        }
        if let Ok(span) = &span {
            moved.add_span(span);
            moved.subtract_span(span);
            let _ = span.approximate_seconds();
        }
        let _ = (
            moved.to_string(),
            format!("{moved:#}"),
            moved.week_date(),
            moved.timestamp(),
        );
    }
    if let [Ok(a), Ok(b)] = &parsed {
        assert_eq!(a.compare(b), b.compare(a).reverse());
    }
}

fn rules(input: &Input, now: Timestamp) {
    let document = written_and_read(&document(&input.rule));
    let ids = IdIndex::new(&document);
    let Ok(rule) = Rule::read(&document, &ids, document.root()) else {
        return;
    };
    for fault in rule.faults() {
        assert!(!fault.diagnostic(&document).message.is_empty());
    }
    let value = input.attribute.text();
    let attributes =
        Attributes::from(["a%1", "a"].map(|name| (name.into(), value.as_str().into())));
    let groups = [Some((0, 1)), None];
    let facts = Facts {
        node: Some(&attributes),
        parameters: Some(&attributes),
        meta: Some(&attributes),
        resource: Some(Agent {
            class: Some("ocf"),
            provider: None,
            agent: Some(&value),
        }),
        operation: Some(Operation {
            name: "start",
            interval_ms: 10_000,
        }),
        submatches: Some(Submatches {
            text: "p0",
            groups: &groups,
        }),
        ..Facts::at(now)
    };
    let [mut change, mut again] = [Earliest::default(); 2];
    assert_eq!(
        rule.holds(&facts, &mut change),
        rule.holds(&facts, &mut again)
    );
    assert_eq!(change, again);
    if !rule.depends_on_node() {
        let elsewhere = Facts {
            node: None,
            ..facts
        };
        assert_eq!(
            rule.holds(&facts, &mut change),
            rule.holds(&elsewhere, &mut change),
            "it does not depend on the node"
        );
    }
}
