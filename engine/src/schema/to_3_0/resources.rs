//! Parameters and options of resources.

use super::{children, has_rule, id, pair_name, remove_without_pairs};
use crate::parse::{Document, ElementId, names};

pub(super) fn rewrite(document: &mut Document, resource: ElementId, notes: &mut Vec<String>) {
    let sets = children(document, resource, names::INSTANCE_ATTRIBUTES);
    for &set in &sets {
        rewrite_parameters(document, set);
    }
    remove_without_pairs(document, &sets);
    let sets = children(document, resource, names::META_ATTRIBUTES);
    rewrite_options(document, resource, &sets, notes);
    remove_without_pairs(document, &sets);
}

/// Parameters of fence devices have other names.
fn rewrite_parameters(document: &mut Document, set: ElementId) {
    for pair in children(document, set, names::NVPAIR) {
        let value = document.attr_by(pair, names::VALUE).unwrap_or_default();
        let new_name = match pair_name(document, pair) {
            "pcmk_list_cmd" => "pcmk_list_action",
            "pcmk_monitor_cmd" => "pcmk_monitor_action",
            "pcmk_off_cmd" => "pcmk_off_action",
            "pcmk_on_cmd" => "pcmk_on_action",
            "pcmk_reboot_cmd" => "pcmk_reboot_action",
            "pcmk_status_cmd" => "pcmk_status_action",
            "pcmk_arg_map" => match value.strip_prefix("port:") {
                Some(argument) if !argument.contains(',') => {
                    let argument = argument.to_owned();
                    document.set_attr_by(pair, names::VALUE, &argument);
                    "pcmk_host_argument"
                }
                _ => {
                    document.remove(pair);
                    continue;
                }
            },
            _ => continue,
        };
        document.set_attr_by(pair, names::NAME, new_name);
    }
}

/// What becomes of a resource's option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Keep,
    /// Is this option with this value now.
    Redefine(&'static str, &'static str),
    Drop,
}

fn fate(name: &str, value: Option<&str>) -> Fate {
    match name {
        "isolation" | "isolation-host" | "isolation-instance" | "isolation-wrapper" => {
            Fate::Redefine("target-role", "Stopped")
        }
        "resource-failure-stickiness" | "resource_failure_stickiness" => match value {
            Some("-INFINITY") => Fate::Redefine("migration-threshold", "1"),
            _ => Fate::Drop,
        },
        _ => Fate::Keep,
    }
}

/// Options of resources that are something else now. As in Pacemaker, such an option counts once: only
/// if, in its set and the later ones without a rule, no other becomes the same, or nothing at all is
/// kept before it.
fn rewrite_options(
    document: &mut Document,
    resource: ElementId,
    sets: &[ElementId],
    notes: &mut Vec<String>,
) {
    let fates: Vec<Vec<(ElementId, Fate)>> = sets
        .iter()
        .map(|&set| {
            let pairs = children(document, set, names::NVPAIR).into_iter();
            pairs
                .map(|pair| {
                    let value = document.attr_by(pair, names::VALUE);
                    (pair, fate(pair_name(document, pair), value))
                })
                .collect()
        })
        .collect();
    let has_rule: Vec<bool> = sets.iter().map(|&set| has_rule(document, set)).collect();
    for (index, pairs) in fates.iter().enumerate() {
        // What is left in this set and the later ones, if they have no rules.
        let left: Vec<(ElementId, Fate)> = (index..sets.len())
            .filter(|&set| !has_rule[set])
            .flat_map(|set| fates[set].iter().copied())
            .filter(|(_, fate)| *fate != Fate::Drop)
            .collect();
        for &(pair, fate) in pairs {
            let (new_name, value) = match fate {
                Fate::Keep => continue,
                Fate::Drop => {
                    document.remove(pair);
                    continue;
                }
                Fate::Redefine(new_name, value) => (new_name, value),
            };
            let same = |other: &Fate| matches!(other, Fate::Redefine(name, _) if *name == new_name);
            let is_first = left.first().is_some_and(|(first, _)| *first == pair);
            if new_name == "target-role" {
                let parent = document.parent(pair);
                notes.push(format!(
                    "Resource meta_attributes: {} (meta={}): renaming {} as {new_name}, redefined \
                     as {value}",
                    id(document, resource),
                    parent.map_or("", |set| id(document, set)),
                    pair_name(document, pair),
                ));
                notes.push(
                    "Resource meta_attributes: ... i.e. resource at hand disabled; isolation \
                     wrappers obsoleted with bundle resources"
                        .to_owned(),
                );
            }
            if is_first || !left.iter().any(|(_, fate)| same(fate)) {
                document.set_attr_by(pair, names::NAME, new_name);
                // A pair without a value stays one.
                if document.attr_by(pair, names::VALUE).is_some() {
                    document.set_attr_by(pair, names::VALUE, value);
                }
            } else {
                document.remove(pair);
            }
        }
    }
}
