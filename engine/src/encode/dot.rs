//! How is a transition drawn for Graphviz?

use std::fmt::Write as _;

use crate::World;
use crate::graph::{Transition, dot_name};
use crate::id::{ActionId, Id};
use crate::relate::Effects;

/// The transition as `crm_simulate -D` draws it: what is carried out in bold, what should be but
/// cannot in red. With `all`, also what needs no doing.
#[must_use]
pub fn dot(world: World<'_>, transition: &Transition, all: bool, with_ids: bool) -> String {
    let draft = &transition.draft;
    let count = draft.actions.len();
    let mut drawn = vec![false; count];
    let mut out = String::from(" digraph \"g\" {\n");
    let name = |id: ActionId| {
        let name = dot_name(world, draft, id);
        if with_ids {
            format!("{name} ({})", id.0 + 1)
        } else {
            name
        }
    };
    for index in (0..count).rev() {
        let id = ActionId::from_index(index);
        let action = &draft.actions[id];
        let mut font = if action.pseudo { "orange" } else { "black" };
        let managed = action
            .resource
            .is_none_or(|resource| draft.resource[resource].managed);
        let (style, color) = if transition.synapse_of[index].is_some() {
            drawn[index] = true;
            ("bold", "green")
        } else if !managed {
            font = "purple";
            drawn[index] = all;
            ("dashed", "red")
        } else if action.optional {
            drawn[index] = all;
            ("dashed", "blue")
        } else {
            drawn[index] = true;
            ("dashed", "red")
        };
        if drawn[index] {
            let _ = writeln!(
                out,
                "\"{}\" [ style={style} color=\"{color}\" fontcolor=\"{font}\"]",
                name(id)
            );
        }
    }
    for index in (0..count).rev() {
        let id = ActionId::from_index(index);
        for input in transition.inputs.of(id) {
            let both = drawn[index] && drawn[input.first.index()];
            let style = if input.waits {
                "bold"
            } else if input.effects.is_empty() {
                continue;
            } else if all || (both && input.effects != Effects::SAME_NODE_OR_TARGET) {
                "dashed"
            } else {
                continue;
            };
            let _ = writeln!(
                out,
                "\"{}\" -> \"{}\" [ style = {style}]",
                name(input.first),
                name(id)
            );
        }
    }
    out.push_str("}\n");
    out
}
