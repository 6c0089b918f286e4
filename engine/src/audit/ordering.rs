//! Is what the configuration orders done in that order?
//!
//! Read from the document itself: `rsc_order` between two primitives that are no clone's members.
//! Other ends (collectives, tags, sets) expand into orderings whose ends depend on the plan.

use crate::parse::{Document, ElementId};
use crate::value::Score;

/// One `rsc_order` between two primitives, as the document has it.
pub(super) struct Order<'a> {
    pub(super) id: &'a str,
    pub(super) first: End<'a>,
    pub(super) then: End<'a>,
    /// The inverse holds too.
    pub(super) symmetrical: bool,
}

/// One end: `task` of `resource`.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) resource: &'a str,
    pub(super) task: &'a str,
}

impl<'a> End<'a> {
    /// What an inverse ordering is about.
    fn inverse(self) -> Option<Self> {
        let task = match self.task {
            "start" => "stop",
            "stop" => "start",
            "promote" => "demote",
            "demote" => "promote",
            _ => return None,
        };
        Some(End { task, ..self })
    }
}

impl<'a> Order<'a> {
    /// What has to come first, and then, as often as the constraint says so.
    pub(super) fn pairs(&self) -> Vec<(End<'a>, End<'a>)> {
        let mut pairs = vec![(self.first, self.then)];
        if self.symmetrical
            && let (Some(first), Some(then)) = (self.then.inverse(), self.first.inverse())
        {
            pairs.push((first, then));
        }
        pairs
    }
}

/// Every ordering of the document between two plain primitives.
pub(super) fn orders(cib: &Document) -> Vec<Order<'_>> {
    let orders = cib
        .descendants(cib.root())
        .filter(|&e| cib.name(e) == "rsc_order");
    orders.filter_map(|e| order(cib, e)).collect()
}

fn order(cib: &Document, e: ElementId) -> Option<Order<'_>> {
    if cib.first_child(e).is_some() {
        return None;
    }
    let first_task = cib.attr(e, "first-action").unwrap_or("start");
    let first = End {
        resource: cib.attr(e, "first")?,
        task: first_task,
    };
    let then = End {
        resource: cib.attr(e, "then")?,
        task: cib.attr(e, "then-action").unwrap_or(first_task),
    };
    // A serialized pair has no direction; an old score of 0 made an ordering optional.
    let kind = cib.attr(e, "kind").unwrap_or("Mandatory");
    let score = Score::parse_or(cib.attr(e, "score"), Score::INFINITY);
    if kind.eq_ignore_ascii_case("serialize") || score <= Score::ZERO {
        return None;
    }
    let symmetrical = match cib.attr(e, "symmetrical") {
        Some(text) => text.eq_ignore_ascii_case("true"),
        None => true,
    };
    Some(Order {
        id: cib.id(e)?,
        first,
        then,
        symmetrical,
    })
}
