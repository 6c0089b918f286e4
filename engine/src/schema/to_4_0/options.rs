//! Sets of options: their order, and options that changed.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use super::{all, id, parent_name};
use crate::nvset::BOOTSTRAP_OPTIONS;
use crate::parse::{Document, ElementId, Name, names};

const SETS: [Name; 4] = [
    names::CLUSTER_PROPERTY_SET,
    names::INSTANCE_ATTRIBUTES,
    names::META_ATTRIBUTES,
    names::UTILIZATION,
];

/// Puts the sets of each element after its other children, the highest score first.
pub(super) fn sort_sets(document: &mut Document) {
    let parents: Vec<ElementId> = document
        .subtree(document.root())
        .filter(|&e| document.children(e).any(|child| is_set(document, child)))
        .collect();
    for parent in parents {
        let children: Vec<ElementId> = document.children(parent).collect();
        let (mut sets, mut sorted): (Vec<_>, Vec<_>) =
            children.iter().partition(|&&child| is_set(document, child));
        sets.sort_by(|&a, &b| rank(document, a).compare(&rank(document, b)));
        sorted.append(&mut sets);
        if sorted != children {
            for child in sorted {
                document.move_to(child, parent);
            }
        }
    }
}

fn is_set(document: &Document, e: ElementId) -> bool {
    SETS.contains(&document.name_of(e))
}

/// Where a set comes among its siblings.
struct Rank {
    first: bool,
    infinite: bool,
    /// A score above zero. One with a plus sign is no number to the peer, and comes last.
    above: Option<f64>,
    zero: bool,
    below: Option<f64>,
    minus_infinite: bool,
}

fn rank(document: &Document, set: ElementId) -> Rank {
    let score = document.attr_by(set, names::SCORE);
    let digits = score.map(str::trim).filter(|text| !text.starts_with('+'));
    let number: Option<f64> = digits
        .and_then(|text| text.parse().ok())
        .filter(|n: &f64| n.is_finite());
    Rank {
        first: document.is(set, names::CLUSTER_PROPERTY_SET)
            && document.id(set) == Some(BOOTSTRAP_OPTIONS),
        infinite: matches!(score, Some("INFINITY" | "+INFINITY")),
        above: number.filter(|&n| n > 0.0),
        zero: score.is_none() || number == Some(0.0),
        below: number.filter(|&n| n < 0.0),
        minus_infinite: score == Some("-INFINITY"),
    }
}

impl Rank {
    fn compare(&self, other: &Self) -> Ordering {
        let greater_first =
            |a: Option<f64>, b: Option<f64>| b.partial_cmp(&a).unwrap_or(Ordering::Equal);
        Reverse(self.first)
            .cmp(&Reverse(other.first))
            .then(Reverse(self.infinite).cmp(&Reverse(other.infinite)))
            .then(greater_first(self.above, other.above))
            .then(Reverse(self.zero).cmp(&Reverse(other.zero)))
            .then(greater_first(self.below, other.below))
            .then(Reverse(self.minus_infinite).cmp(&Reverse(other.minus_infinite)))
    }
}

/// Drops pairs without values and options that are gone, and gives others their new names.
pub(super) fn drop_and_rename(document: &mut Document, notes: &mut Vec<String>) {
    for pair in all(document, names::NVPAIR) {
        let Some(value) = document.attr_by(pair, names::VALUE) else {
            document.remove(pair);
            continue;
        };
        if parent_name(document, pair) != Some(names::CLUSTER_PROPERTY_SET) {
            continue;
        }
        let new_name = match document.attr_by(pair, names::NAME) {
            Some("crmd-finalization-timeout") => "join-finalization-timeout",
            Some("crmd-integration-timeout") => "join-integration-timeout",
            Some("crmd-transition-delay") => "transition-delay",
            Some("remove-after-stop") => {
                let id = id(document, pair);
                notes.push(format!(
                    "Dropping nvpair {id} because the remove-after-stop property is unsupported"
                ));
                document.remove(pair);
                continue;
            }
            Some("stonith-action") if value == "poweroff" => {
                document.set_attr_by(pair, names::VALUE, "off");
                continue;
            }
            _ => continue,
        };
        document.set_attr_by(pair, names::NAME, new_name);
    }
    for spec in all(document, names::DATE_SPEC) {
        if document.remove_attr(spec, names::MOON).is_some() {
            let id = id(document, spec);
            notes.push(format!(
                "Dropping moon attribute from date spec {id} because moon phase is no longer \
                 supported"
            ));
        }
    }
    for level in all(document, names::FENCING_LEVEL) {
        let index = document
            .attr_by(level, names::INDEX)
            .and_then(crate::value::integer);
        if index.is_some_and(|index| index > 9) {
            document.remove(level);
        }
    }
}

/// Leaves one pair of a name in each set: the one whose value counts.
pub(super) fn keep_effective_pairs(document: &mut Document) {
    let mut by_set: BTreeMap<ElementId, BTreeMap<String, Vec<ElementId>>> = BTreeMap::new();
    for pair in all(document, names::NVPAIR) {
        if let (Some(set), Some(name)) =
            (document.parent(pair), document.attr_by(pair, names::NAME))
        {
            by_set
                .entry(set)
                .or_default()
                .entry(name.to_owned())
                .or_default()
                .push(pair);
        }
    }
    for pairs in by_set.into_values().flat_map(BTreeMap::into_values) {
        // `#default` takes back what came before it, so what comes first after the last one counts,
        // or that one itself if nothing does.
        let is_default =
            |&pair: &ElementId| document.attr_by(pair, names::VALUE) == Some("#default");
        let kept = match pairs.iter().rposition(is_default) {
            Some(last) if last + 1 < pairs.len() => last + 1,
            Some(last) => last,
            None => 0,
        };
        for (index, &pair) in pairs.iter().enumerate() {
            if index != kept {
                document.remove(pair);
            }
        }
    }
}
