//! How are the tables of a compiled grammar written down? The engine's side is
//! `src/schema/grammar/tables.rs`.

use std::fmt::{Debug, Write as _};

use super::arena::PatternId;
use super::compile::{Compiled, Content};

/// The tables, in Rust.
pub(crate) fn write(compiled: &Compiled) -> String {
    let mut text = String::new();
    let mut table = |name: &str, kind: &str, rows: Vec<String>| {
        let _ = writeln!(text, "static {name}: [{kind}; {}] = [", rows.len());
        for row in rows {
            let _ = writeln!(text, "    {row},");
        }
        text.push_str("];\n");
    };
    table("NAMES", "&str", rows(&compiled.names));
    table("TYPES", "Type", compiled.types.clone());
    let patterns = 0..compiled.arena.len() as u32;
    let patterns = patterns.map(|number| compiled.arena.pattern(PatternId(number)));
    let patterns = patterns.map(|pattern| format!("Pattern::{pattern:?}"));
    table("PATTERNS", "Pattern", patterns.collect());

    let (mut attributes, mut alternatives, mut contents) = (Vec::new(), Vec::new(), Vec::new());
    for content in &compiled.contents {
        let first = (attributes.len(), alternatives.len());
        for attribute in &content.attributes {
            attributes.push(attribute_row(content, attribute));
        }
        let children = content.alternatives.iter().map(|a| a.children);
        alternatives.extend(children);
        let last = (attributes.len(), alternatives.len());
        assert!(
            last.0 - first.0 <= 64 && last.1 - first.1 <= 64,
            "more than a mask has bits"
        );
        contents.push(format!(
            "Content {{ attributes: ({}, {}), alternatives: ({}, {}) }}",
            first.0, last.0, first.1, last.1
        ));
    }
    table("ATTRIBUTES", "Attribute", attributes);
    table("ALTERNATIVES", "PatternId", rows(&alternatives));
    table("CONTENTS", "Content", contents);

    let (mut bodies, mut spans) = (Vec::new(), Vec::new());
    for body in &compiled.bodies {
        let first = spans.len();
        for (versions, content) in body {
            let (from, through) = (versions.start().0, versions.end().0);
            spans.push(format!(
                "Span {{ versions: (Version({from}), Version({through})), content: ContentId({content}) }}"
            ));
        }
        bodies.push((first, spans.len()));
    }
    table("BODIES", "(u16, u16)", rows(&bodies));
    table("SPANS", "Span", spans);
    let _ = writeln!(text, "const START: PatternId = {:?};", compiled.start);
    text
}

fn rows<T: Debug>(items: &[T]) -> Vec<String> {
    items.iter().map(|item| format!("{item:?}")).collect()
}

/// An attribute with the alternatives that permit and that require it.
fn attribute_row(content: &Content, attribute: &(super::arena::Symbol, usize)) -> String {
    let (mut permitted, mut required) = (0u64, 0u64);
    for (bit, alternative) in content.alternatives.iter().enumerate() {
        if let Some(&is_required) = alternative.attributes.get(attribute) {
            permitted |= 1 << bit;
            required |= u64::from(is_required) << bit;
        }
    }
    let (name, kind) = attribute;
    format!(
        "Attribute {{ name: {name:?}, kind: {kind}, permitted: {permitted:#x}, required: {required:#x} }}"
    )
}
