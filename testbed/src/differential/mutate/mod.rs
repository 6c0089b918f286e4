//! What can happen to a cluster? Small edits of a CIB, drawn from a table: nodes that come and go,
//! operations that fail, options and constraints that someone changes.

mod configuration;
mod status;

use super::random::Random;
use super::tree::Element;

/// An edit: tells what it did, or nothing if the CIB has nothing for it to change.
type Mutation = fn(&mut Random, &mut Element) -> Option<String>;

/// Every edit with how often it is drawn.
const MUTATIONS: &[(usize, Mutation)] = &[
    (8, status::membership),
    (3, status::shut_down),
    (3, status::transient_attribute),
    (8, status::result),
    (4, status::pending),
    (8, status::failure),
    (3, status::second_instance),
    (3, status::forget),
    (2, status::node_forgotten),
    (4, status::digest),
    (3, status::change_time),
    (3, status::fail_count),
    (3, status::migration),
    (3, status::promotion_score),
    (2, status::ticket),
    (2, status::quorum),
    (2, status::lock),
    (2, status::remote_state),
    (1, status::other_agent),
    (2, status::rename_history),
    (2, status::incomplete_entry),
    (2, status::expectation),
    (3, status::monitored),
    (1, status::swap_histories),
    (1, configuration::agent),
    (2, configuration::duplicate),
    (1, configuration::shared_set),
    (2, configuration::default),
    (1, configuration::tag),
    (8, configuration::option),
    (9, configuration::meta),
    (4, configuration::clone_meta),
    (3, configuration::parameter),
    (5, configuration::operation),
    (7, configuration::add_constraint),
    (5, configuration::edit_constraint),
    (2, configuration::remove_constraint),
    (3, configuration::remove_resource),
    (2, configuration::move_resource),
    (2, configuration::wrap_in_clone),
    (2, configuration::node_attribute),
    (1, configuration::add_node),
    (1, configuration::remove_node),
    (2, configuration::number),
    (2, configuration::swap),
    (1, configuration::remove_anything),
    (1, configuration::resource_rule),
];

/// Disturbs a CIB `count` times; tells what was done.
pub fn mutate(random: &mut Random, cib: &mut Element, count: usize) -> Vec<String> {
    let total: usize = MUTATIONS.iter().map(|(weight, _)| weight).sum();
    let mut done = Vec::new();
    // Some edits find nothing to do: others are drawn, but not for ever.
    for _ in 0..count * 4 {
        if done.len() == count {
            break;
        }
        let mut ticket = random.below(total);
        for (weight, mutation) in MUTATIONS {
            if ticket < *weight {
                done.extend(mutation(random, cib));
                break;
            }
            ticket -= weight;
        }
    }
    done
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
fn set_value(owner: &mut Element, tag: &str, name: &str, value: &str) {
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
