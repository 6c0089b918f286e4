//! In which order are actions told? In one in which they can be carried out.

use crate::graph::Transition;
use crate::id::Id;

/// By action: its place. What is not carried out, or waits for itself, comes last.
pub(super) fn of(transition: &Transition) -> Vec<u32> {
    let count = transition.draft.actions.len();
    let mut place = vec![u32::MAX; count];
    let mut missing = vec![0usize; count];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &action in &transition.synapses {
        for input in transition
            .inputs
            .of(action)
            .iter()
            .filter(|input| input.waits)
        {
            let first = input.first.index();
            if transition
                .synapse_of
                .get(first)
                .copied()
                .flatten()
                .is_some()
            {
                missing[action.index()] += 1;
                followers[first].push(action.index());
            }
        }
    }
    let ready = transition.synapses.iter().map(|action| action.index());
    let mut ready: std::collections::BTreeSet<usize> =
        ready.filter(|&action| missing[action] == 0).collect();
    let mut next = 0;
    while let Some(action) = ready.pop_first() {
        place[action] = next;
        next += 1;
        for &follower in &followers[action] {
            missing[follower] -= 1;
            if missing[follower] == 0 {
                ready.insert(follower);
            }
        }
    }
    place
}
