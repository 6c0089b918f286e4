//! Options of the cluster: new names, and what is a default for resources or operations now.

use super::{PREFIX, children, id, is_set_without_rule, pair_name, remove_without_pairs};
use crate::parse::{Document, ElementId, Name, names};

/// What becomes of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Rename(&'static str),
    /// Becomes an option of this name in a section of defaults.
    Move(Name, &'static str),
    /// Like that, with another value.
    Redefine(Name, &'static str, &'static str),
    Drop,
}

fn fate(name: &str, value: Option<&str>) -> Option<Fate> {
    use Fate::*;
    const OLD_CLUSTERS: [&str; 5] = [
        "heartbeat",
        "openais",
        "classic openais",
        "classic openais (with plugin)",
        "cman",
    ];
    Some(match name {
        "cluster-infrastructure" if value.is_some_and(|v| OLD_CLUSTERS.contains(&v)) => Drop,
        "cluster_recheck_interval" => Rename("cluster-recheck-interval"),
        "dc_deadtime" => Rename("dc-deadtime"),
        "default-action-timeout" | "default_action_timeout" => Move(names::OP_DEFAULTS, "timeout"),
        "default-migration-threshold" | "default_migration_threshold" => Drop,
        "default-resource-stickiness" | "default_resource_stickiness" => {
            Move(names::RSC_DEFAULTS, "resource-stickiness")
        }
        "default-resource-failure-stickiness" | "default_resource_failure_stickiness" => {
            if value == Some("-INFINITY") {
                Redefine(names::RSC_DEFAULTS, "migration-threshold", "1")
            } else {
                Drop
            }
        }
        "election_timeout" => Rename("election-timeout"),
        "expected-quorum-votes" | "notification-agent" | "notification-recipient" => Drop,
        "is-managed-default" | "is_managed_default" => Move(names::RSC_DEFAULTS, "is-managed"),
        "no_quorum_policy" => Rename("no-quorum-policy"),
        "remove_after_stop" => Rename("remove-after-stop"),
        "shutdown_escalation" => Rename("shutdown-escalation"),
        "startup_fencing" => Rename("startup-fencing"),
        "stonith_action" => Rename("stonith-action"),
        "stonith_enabled" => Rename("stonith-enabled"),
        "stop_orphan_actions" => Rename("stop-orphan-actions"),
        "stop_orphan_resources" => Rename("stop-orphan-resources"),
        "symmetric_cluster" => Rename("symmetric-cluster"),
        "transition_idle_timeout" => Rename("cluster-delay"),
        _ => return None,
    })
}

pub(super) fn rewrite(document: &mut Document, notes: &mut Vec<String>) {
    let root = document.root();
    let configurations: Vec<ElementId> = document
        .descendants_by(root, names::CONFIGURATION)
        .collect();
    for configuration in configurations {
        let sections = children(document, configuration, names::CRM_CONFIG);
        let sets: Vec<ElementId> = sections
            .iter()
            .flat_map(|&section| children(document, section, names::CLUSTER_PROPERTY_SET))
            .collect();
        for section in [names::OP_DEFAULTS, names::RSC_DEFAULTS] {
            move_defaults(document, configuration, &sets, section);
        }
        for &set in &sets {
            rewrite_set(document, set, notes);
        }
        remove_without_pairs(document, &sets);
    }
}

/// Renames what has another name and drops what has gone, or moved.
fn rewrite_set(document: &mut Document, set: ElementId, notes: &mut Vec<String>) {
    for pair in children(document, set, names::NVPAIR) {
        let name = pair_name(document, pair).to_owned();
        match fate(&name, document.attr_by(pair, names::VALUE)) {
            None => {}
            Some(Fate::Rename(new_name)) => document.set_attr_by(pair, names::NAME, new_name),
            Some(Fate::Drop) => {
                notes.push(format!(
                    "Dropping cluster property {name} ({})",
                    id(document, pair)
                ));
                document.remove(pair);
            }
            Some(Fate::Move(..) | Fate::Redefine(..)) => document.remove(pair),
        }
    }
}

/// Puts options of sets without rules where they are defaults now: into the first set without a rule
/// there, unless one of those has the option, or into a new section. A section without such a set
/// gets nothing.
fn move_defaults(
    document: &mut Document,
    configuration: ElementId,
    sets: &[ElementId],
    section: Name,
) {
    let existing = document.child_by(configuration, section);
    let targets = match existing {
        Some(existing) => children(document, existing, names::META_ATTRIBUTES),
        None => Vec::new(),
    };
    let mut moved = Vec::new();
    for &set in sets.iter().filter(|&&set| !super::has_rule(document, set)) {
        for pair in children(document, set, names::NVPAIR) {
            let value = document.attr_by(pair, names::VALUE);
            let (name, value) = match fate(pair_name(document, pair), value) {
                Some(Fate::Move(to, name)) if to == section => (name, value),
                Some(Fate::Redefine(to, name, value)) if to == section => (name, Some(value)),
                _ => continue,
            };
            if !is_set_without_rule(document, &targets, name) {
                moved.push((
                    id(document, pair).to_owned(),
                    name,
                    value.map(str::to_owned),
                ));
            }
        }
    }
    if moved.is_empty() {
        return;
    }
    let first = targets
        .into_iter()
        .find(|&target| !super::has_rule(document, target));
    let target = match (first, existing) {
        (Some(first), _) => first,
        (None, Some(_)) => return,
        (None, None) => {
            let fresh = document.append_by(configuration, section);
            let target = document.append_by(fresh, names::META_ATTRIBUTES);
            let kind = if section == names::OP_DEFAULTS {
                "op"
            } else {
                "rsc"
            };
            document.set_attr_by(target, names::ID, &format!("{PREFIX}-{kind}-defaults"));
            target
        }
    };
    for (id, name, value) in moved {
        let pair = document.append_by(target, names::NVPAIR);
        document.set_attr_by(pair, names::ID, &id);
        document.set_attr_by(pair, names::NAME, name);
        if let Some(value) = value {
            document.set_attr_by(pair, names::VALUE, &value);
        }
    }
}
