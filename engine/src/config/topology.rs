//! Is the fencing topology sound? Whoever fences uses it; planning only checks it.

use crate::Diagnostic;
use crate::parse::{Document, names};
use crate::value;

/// Levels are numbered from 1 to this.
const HIGHEST_LEVEL: i64 = 9;

pub(super) fn check(document: &Document, messages: &mut Vec<Diagnostic>) {
    let Some(section) = document.only(names::FENCING_TOPOLOGY) else {
        return;
    };
    for level in document.children_by(section, names::FENCING_LEVEL) {
        let Some(id) = document.id(level).filter(|id| !id.is_empty()) else {
            messages.push(Diagnostic::error(
                level,
                "fencing level without id is ignored",
            ));
            continue;
        };
        let index = document
            .attr_by(level, names::INDEX)
            .and_then(value::integer);
        if !index.is_some_and(|index| (1..=HIGHEST_LEVEL).contains(&index)) {
            messages.push(Diagnostic::error(
                level,
                format!(
                    "fencing level {id} is ignored: its index is not from 1 to {HIGHEST_LEVEL}"
                ),
            ));
        }
    }
}
