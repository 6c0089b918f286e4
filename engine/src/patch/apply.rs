//! What does a document become by a difference?

use super::path;
use crate::parse::{Document, ElementId, Position};

/// Why a difference cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It is something else.
    #[error("this is no <diff format=\"2\">: `crm_diff` and `lockstep config diff` write such")]
    NotADiff,
    /// It is about an element that is not there.
    #[error("there is nothing at {path} to {operation}: the difference is from another CIB")]
    NoSuchElement {
        /// Where in the difference.
        position: Option<Position>,
        /// What should be done.
        operation: String,
        /// To what.
        path: String,
    },
    /// A change lacks something, or is of an unknown kind.
    #[error("a change is not understood: {problem}")]
    Malformed {
        /// Where in the difference.
        position: Option<Position>,
        /// What is wrong.
        problem: String,
    },
}

impl PatchError {
    /// Where in the difference the problem is.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::NotADiff => None,
            Self::NoSuchElement { position, .. } | Self::Malformed { position, .. } => *position,
        }
    }
}

/// What is put into its place once everything else is done.
struct Placement {
    position: usize,
    /// The parent of what is created, or what is moved.
    at: ElementId,
    /// What is created, in the difference.
    new: Option<ElementId>,
}

/// Applies a difference. What should be deleted and is not there is no error. The counters of
/// source and target are not looked at.
///
/// # Errors
/// If it is no difference, or one from another document. `document` is unchanged then.
pub fn apply(document: &mut Document, diff: &Document) -> Result<(), PatchError> {
    let root = diff.root();
    if diff.name(root) != "diff" || diff.attr(root, "format") != Some("2") {
        return Err(PatchError::NotADiff);
    }
    let mut result = document.clone();
    let mut placements = Vec::new();
    for change in diff.children_named(root, "change") {
        placements.extend(apply_one(&mut result, diff, change)?);
    }
    placements.sort_by_key(|placement| placement.position);
    for placement in placements {
        place(&mut result, diff, &placement);
    }
    *document = result;
    Ok(())
}

fn apply_one(
    document: &mut Document,
    diff: &Document,
    change: ElementId,
) -> Result<Option<Placement>, PatchError> {
    let malformed = |problem: &str| PatchError::Malformed {
        position: diff.position(change),
        problem: problem.to_owned(),
    };
    let operation = diff
        .attr(change, "operation")
        .ok_or_else(|| malformed("it has no operation"))?;
    let path = diff
        .attr(change, "path")
        .ok_or_else(|| malformed("it has no path"))?;
    let Some(found) = path::find(document, path) else {
        return match operation {
            "delete" => Ok(None),
            _ => Err(PatchError::NoSuchElement {
                position: diff.position(change),
                operation: operation.to_owned(),
                path: path.to_owned(),
            }),
        };
    };
    let position = || {
        let text = diff.attr(change, "position");
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| malformed("it has no position"))
    };
    match operation {
        "delete" if found == document.root() => Err(malformed("it deletes everything")),
        "delete" => {
            document.remove(found);
            Ok(None)
        }
        "modify" => {
            let result = diff.child(change, "change-result");
            let result = result.and_then(|result| diff.first_child(result));
            let result = result.ok_or_else(|| malformed("it has no change-result"))?;
            replace_attributes(document, found, diff, result);
            Ok(None)
        }
        "create" => {
            let new = diff.first_child(change);
            let new = new.ok_or_else(|| malformed("it has nothing to create"))?;
            Ok(Some(Placement {
                position: position()?,
                at: found,
                new: Some(new),
            }))
        }
        "move" => {
            let position = position()?;
            let parent = document.parent(found);
            let parent = parent.ok_or_else(|| malformed("it moves everything"))?;
            // Out of the way until its place comes.
            document.move_to(found, parent);
            Ok(Some(Placement {
                position,
                at: found,
                new: None,
            }))
        }
        other => Err(malformed(&format!("'{other}' is no operation"))),
    }
}

fn replace_attributes(document: &mut Document, e: ElementId, diff: &Document, result: ElementId) {
    let old: Vec<_> = document.attrs_by(e).map(|(name, _)| name).collect();
    for name in old {
        document.remove_attr(e, name);
    }
    for (name, value) in diff.attrs(result) {
        document.set_attr(e, name, value);
    }
}

fn place(document: &mut Document, diff: &Document, placement: &Placement) {
    let Placement { position, at, new } = *placement;
    let (e, parent) = match new {
        Some(new) => (document.copy_from(diff, new, at), at),
        None => match document.parent(at) {
            Some(parent) => (at, parent),
            // A later change deleted it.
            None => return,
        },
    };
    let mut others = document.children(parent).filter(|child| *child != e);
    match others.nth(position) {
        Some(next) => document.move_before(e, next),
        None => document.move_to(e, parent),
    }
}
