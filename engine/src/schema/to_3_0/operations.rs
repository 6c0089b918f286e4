//! Operations: `requires` belongs to resources now, and what was written as parameters but concerned
//! the cluster are options.

use super::{PREFIX, children, has_rule, id, is_set_without_rule, pair_name, remove_without_pairs};
use crate::parse::{Document, ElementId, names};

/// Options that were also accepted among an operation's parameters.
const OPTIONS: [&str; 7] = [
    "interval-origin",
    "start-delay",
    "enabled",
    "on-fail",
    "record-pending",
    "role",
    "timeout",
];

fn operations(document: &Document, resource: ElementId) -> Vec<ElementId> {
    children(document, resource, names::OPERATIONS)
        .into_iter()
        .flat_map(|operations| children(document, operations, names::OP))
        .collect()
}

/// Where a resource's `requires` comes from, out of what its operations say.
pub(super) enum Requires {
    Nothing,
    /// A value, from the attribute of an operation.
    Attribute {
        operation_id: String,
        value: String,
    },
    /// Sets of operations with their pairs.
    Sets(Vec<ElementId>),
}

impl Requires {
    /// Only start and promote count. An attribute wins over options, those over parameters, and the
    /// last over earlier ones; what the resource says itself wins over all.
    pub(super) fn find(document: &mut Document, resource: ElementId) -> Self {
        let own = children(document, resource, names::META_ATTRIBUTES);
        if is_set_without_rule(document, &own, "requires") {
            return Self::Nothing;
        }
        let counts = |op: &ElementId| matches!(pair_name(document, *op), "start" | "promote");
        let operations: Vec<ElementId> = operations(document, resource)
            .into_iter()
            .filter(counts)
            .collect();
        for &op in operations.iter().rev() {
            if let Some(value) = document.attr_by(op, names::REQUIRES) {
                let operation_id = id(document, op).to_owned();
                return Self::Attribute {
                    operation_id,
                    value: value.to_owned(),
                };
            }
        }
        let says_it = |set: &ElementId| {
            document
                .children_by(*set, names::NVPAIR)
                .any(|p| pair_name(document, p) == "requires")
        };
        let sets = |name| -> Vec<ElementId> {
            let sets = operations
                .iter()
                .flat_map(|&op| children(document, op, name));
            sets.filter(says_it).collect()
        };
        let of_options = last_and_guarded(document, sets(names::META_ATTRIBUTES), false);
        let is_settled = of_options.iter().any(|&set| !has_rule(document, set));
        let of_parameters =
            last_and_guarded(document, sets(names::INSTANCE_ATTRIBUTES), is_settled);
        let mut found = [of_options, of_parameters].concat();
        let order: Vec<ElementId> = document.descendants(resource).collect();
        found.sort_by_key(|set| order.iter().position(|e| e == set));
        // Copied now: the originals lose them.
        let copies = found
            .into_iter()
            .map(|set| document.copy_subtree(set, resource))
            .collect();
        Self::Sets(copies)
    }

    /// Gives it to the resource.
    pub(super) fn add_to(self, document: &mut Document, resource: ElementId) {
        match self {
            Self::Nothing => {}
            Self::Attribute {
                operation_id,
                value,
            } => {
                let set = document.append_by(resource, names::META_ATTRIBUTES);
                let set_id = format!("{PREFIX}{}-meta", id(document, resource));
                document.set_attr_by(set, names::ID, &set_id);
                let pair = document.append_by(set, names::NVPAIR);
                let pair_id = format!("{PREFIX}{operation_id}-meta-requires");
                document.set_attr_by(pair, names::ID, &pair_id);
                document.set_attr_by(pair, names::NAME, "requires");
                document.set_attr_by(pair, names::VALUE, &value);
            }
            Self::Sets(copies) => {
                for copy in copies {
                    document.rename(copy, "meta_attributes");
                    let set_id = format!("{PREFIX}{}", id(document, copy));
                    document.set_attr_by(copy, names::ID, &set_id);
                    keep_pairs(document, copy, |name| name == "requires");
                    document.move_to(copy, resource);
                }
            }
        }
    }
}

/// The last of these sets that has no rule, and those with a rule that come after it. None without a
/// rule, and none with one before, if the question is settled already.
fn last_and_guarded(document: &Document, sets: Vec<ElementId>, settled: bool) -> Vec<ElementId> {
    if settled {
        return Vec::new();
    }
    let last = sets
        .iter()
        .rposition(|&set| !has_rule(document, set))
        .unwrap_or(0);
    sets.into_iter().skip(last).collect()
}

fn keep_pairs(document: &mut Document, set: ElementId, keep: impl Fn(&str) -> bool) {
    for pair in children(document, set, names::NVPAIR) {
        if !keep(pair_name(document, pair)) {
            document.remove(pair);
        }
    }
}

pub(super) fn rewrite(document: &mut Document, resource: ElementId) {
    let of_resource = children(document, resource, names::META_ATTRIBUTES);
    for op in operations(document, resource) {
        document.remove_attr(op, names::REQUIRES);
        move_options(document, op, &of_resource);
    }
}

/// Takes options out of an operation's parameters and puts them into its sets of options.
fn move_options(document: &mut Document, op: ElementId, of_resource: &[ElementId]) {
    let parameters = children(document, op, names::INSTANCE_ATTRIBUTES);
    let options = children(document, op, names::META_ATTRIBUTES);
    // By set of parameters: those of its pairs that move.
    let mut moved: Vec<Vec<ElementId>> = Vec::new();
    for (index, &set) in parameters.iter().enumerate() {
        let later = &parameters[index + 1..];
        let pairs = children(document, set, names::NVPAIR)
            .into_iter()
            .filter(|&pair| {
                let name = pair_name(document, pair);
                OPTIONS.contains(&name)
                    && !is_set_without_rule(document, of_resource, name)
                    && !is_set_without_rule(document, later, name)
            });
        moved.push(pairs.collect());
    }
    // Out of sets with rules: each into a new set with the same rule.
    let mut guarded = Vec::new();
    for (&set, pairs) in parameters.iter().zip(&moved) {
        if has_rule(document, set) && !pairs.is_empty() {
            let copy = document.copy_subtree(set, op);
            document.rename(copy, "meta_attributes");
            let set_id = format!("{PREFIX}{}", id(document, set));
            document.set_attr_by(copy, names::ID, &set_id);
            keep_pairs(document, copy, |_| false);
            for &pair in pairs {
                document.move_to(pair, copy);
            }
            guarded.push(copy);
        }
    }
    let free: Vec<ElementId> = parameters
        .iter()
        .zip(&moved)
        .filter(|&(&set, _)| !has_rule(document, set))
        .flat_map(|(_, pairs)| pairs.iter().copied())
        .collect();
    for &set in &options {
        keep_pairs(document, set, |name| name != "requires");
    }
    if !free.is_empty() {
        let target = match options.iter().find(|&&set| !has_rule(document, set)) {
            Some(&set) => set,
            None => {
                let set = document.append_by(op, names::META_ATTRIBUTES);
                document.set_attr_by(
                    set,
                    names::ID,
                    &format!("{PREFIX}{}-meta", id(document, op)),
                );
                set
            }
        };
        for pair in free {
            document.move_to(pair, target);
        }
    }
    for set in guarded {
        document.move_to(set, op);
    }
    for &set in &parameters {
        keep_pairs(document, set, |name| {
            name != "requires" && !OPTIONS.contains(&name)
        });
    }
    remove_without_pairs(document, &parameters);
    remove_without_pairs(document, &options);
}
