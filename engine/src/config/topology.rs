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
                "Ignoring fencing level without ID",
            ));
            continue;
        };
        let text = document.attr_by(level, names::INDEX);
        let message = match text.and_then(value::integer) {
            None => format!("Ignoring fencing level {id} with invalid index"),
            Some(index) if (1..=HIGHEST_LEVEL).contains(&index) => continue,
            Some(index) => {
                format!("Ignoring fencing level {id} with out-of-range index {index}")
            }
        };
        messages.push(Diagnostic::error(level, message).at(names::INDEX));
    }
}
