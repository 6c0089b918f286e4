//! What can happen to a cluster? Small edits of a CIB, drawn from a table: nodes that come and go,
//! operations that fail, options and constraints that someone changes.

mod configuration;
mod features;
mod status;

use super::generate::themes::Theme;
use super::random::Random;
use super::tree::Element;

/// An edit: tells what it did, or nothing if the CIB has nothing for it to change.
type Mutation = fn(&mut Random, &mut Element) -> Option<String>;

/// Every edit with how often it is drawn, and its name.
#[rustfmt::skip]
const MUTATIONS: &[(usize, &str, Mutation)] = &[
    (8, "membership", status::membership),
    (3, "shut_down", status::shut_down),
    (3, "transient_attribute", status::transient_attribute),
    (8, "result", status::result),
    (4, "pending", status::pending),
    (8, "failure", status::failure),
    (3, "second_instance", status::second_instance),
    (3, "forget", status::forget),
    (2, "node_forgotten", status::node_forgotten),
    (4, "digest", status::digest),
    (3, "change_time", status::change_time),
    (3, "fail_count", status::fail_count),
    (3, "migration", status::migration),
    (3, "promotion_score", status::promotion_score),
    (2, "ticket", status::ticket),
    (2, "quorum", status::quorum),
    (2, "lock", status::lock),
    (2, "remote_state", status::remote_state),
    (1, "other_agent", status::other_agent),
    (2, "rename_history", status::rename_history),
    (2, "incomplete_entry", status::incomplete_entry),
    (2, "expectation", status::expectation),
    (3, "monitored", status::monitored),
    (1, "swap_histories", status::swap_histories),
    (1, "agent", configuration::agent),
    (2, "duplicate", configuration::duplicate),
    (1, "shared_set", configuration::shared_set),
    (2, "default", configuration::default),
    (1, "tag", configuration::tag),
    (8, "option", configuration::option),
    (9, "meta", configuration::meta),
    (4, "clone_meta", configuration::clone_meta),
    (3, "parameter", configuration::parameter),
    (5, "operation", configuration::operation),
    (7, "add_constraint", configuration::add_constraint),
    (5, "edit_constraint", configuration::edit_constraint),
    (2, "remove_constraint", configuration::remove_constraint),
    (3, "remove_resource", configuration::remove_resource),
    (2, "move_resource", configuration::move_resource),
    (2, "wrap_in_clone", configuration::wrap_in_clone),
    (2, "node_attribute", configuration::node_attribute),
    (1, "add_node", configuration::add_node),
    (1, "remove_node", configuration::remove_node),
    (2, "number", configuration::number),
    (2, "swap", configuration::swap),
    (1, "remove_anything", configuration::remove_anything),
    (1, "resource_rule", configuration::resource_rule),
    (2, "utilization", features::utilization),
    (2, "role_result", features::role_result),
    (2, "connection", features::connection),
    (1, "stop_failure", features::stop_failure),
    (1, "migration_failure", features::migration_failure),
    (2, "bundle", features::bundle),
    (1, "topology", features::topology),
    (1, "unfenced", features::unfenced),
    (1, "health", features::health),
    (2, "more_values", features::more_values),
    (1, "option_set", features::option_set),
    (2, "operation_values", features::operation_values),
    (1, "node_type", features::node_type),
];

/// Disturbs a CIB `count` times, mostly as its theme has it; tells what was done.
pub fn mutate(random: &mut Random, cib: &mut Element, count: usize, theme: &Theme) -> Vec<String> {
    let total: usize = MUTATIONS.iter().map(|(weight, ..)| weight).sum();
    let mut done = Vec::new();
    // Some edits find nothing to do: others are drawn, but not for ever.
    for _ in 0..count * 4 {
        if done.len() == count {
            break;
        }
        let by_theme = random.chance(50).then(|| random.word(theme.edits));
        let by_theme = by_theme.and_then(|name| MUTATIONS.iter().find(|edit| edit.1 == name));
        if let Some((.., mutation)) = by_theme {
            done.extend(mutation(random, cib));
            continue;
        }
        let mut ticket = random.below(total);
        for (weight, _, mutation) in MUTATIONS {
            if ticket < *weight {
                done.extend(mutation(random, cib));
                break;
            }
            ticket -= weight;
        }
    }
    done
}

/// Whether there is an edit of this name.
#[cfg(test)]
pub(super) fn is_known(name: &str) -> bool {
    MUTATIONS.iter().any(|edit| edit.1 == name)
}

/// One of the elements that are wanted, to change it.
fn any_of<'a>(
    random: &mut Random,
    cib: &'a mut Element,
    wanted: impl Fn(&Element) -> bool,
) -> Option<&'a mut Element> {
    let count = cib.find_all(&wanted).len();
    let index = random.below(count);
    cib.nth_mut(index, &wanted)
}

/// An id that no element has yet.
fn fresh_id(cib: &Element, stem: &str) -> String {
    let taken = |id: &str| !cib.find_all(|e| e.id() == id).is_empty();
    (0..)
        .map(|n| format!("{stem}-{n}"))
        .find(|id| !taken(id))
        .unwrap_or_default()
}

/// Sets a named value in the first set of a tag inside an owner, making the set if needed.
pub(super) fn set_value(owner: &mut Element, tag: &str, name: &str, value: &str) {
    let set_id = format!("{}-{tag}", owner.id());
    let at = owner
        .children
        .iter()
        .position(|child| child.name == tag)
        .unwrap_or_else(|| {
            // Sets come before what else is in a resource or a node.
            owner
                .children
                .insert(0, Element::new(tag).with("id", &set_id));
            0
        });
    let set = &mut owner.children[at];
    let id = set.id().to_owned();
    match set
        .children
        .iter_mut()
        .find(|pair| pair.get("name") == Some(name))
    {
        Some(pair) => pair.set("value", value),
        None => set.children.push(Element::pair(&id, name, value)),
    }
}
