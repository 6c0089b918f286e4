//! What comes before what in a graph?

use crate::graph::Graph;

/// Answers "is any of these before that", with scratch space that is kept.
pub(super) struct Reach<'a> {
    graph: &'a Graph,
    seen: Vec<u32>,
    round: u32,
}

impl<'a> Reach<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        Reach {
            graph,
            seen: vec![0; graph.synapses.len()],
            round: 0,
        }
    }

    /// Whether `synapse` waits, directly or not, for one of `others`.
    pub(super) fn any_before(&mut self, others: &[usize], synapse: usize) -> bool {
        if others.is_empty() {
            return false;
        }
        self.round += 1;
        let mut stack = vec![synapse];
        while let Some(index) = stack.pop() {
            for &input in &self.graph.synapses[index].inputs {
                let input = input as usize;
                if others.contains(&input) {
                    return true;
                }
                if self.seen[input] != self.round {
                    self.seen[input] = self.round;
                    stack.push(input);
                }
            }
        }
        false
    }
}

/// Synapses that never become ready, because they wait for themselves or for one that does.
pub(super) fn never_ready(graph: &Graph) -> Vec<usize> {
    let count = graph.synapses.len();
    let mut waits: Vec<usize> = Vec::with_capacity(count);
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, synapse) in graph.synapses.iter().enumerate() {
        waits.push(synapse.inputs.len());
        for &input in &synapse.inputs {
            after[input as usize].push(index);
        }
    }
    let mut ready: Vec<usize> = (0..count).filter(|&index| waits[index] == 0).collect();
    while let Some(index) = ready.pop() {
        for &next in &after[index] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push(next);
            }
        }
    }
    (0..count).filter(|&index| waits[index] > 0).collect()
}
