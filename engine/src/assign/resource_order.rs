//! Which resource is assigned before another one?
//!
//! By default in the order of the configuration, sorted by priority. A placement strategy looks at
//! scores as well, so that those with most to lose choose first.

use super::scratch::Assigner;
use crate::config::PlacementStrategy;
use crate::id::{NodeId, ResourceId};
use crate::merge_sort::merge_sort;
use crate::score::ScoreTable;
use crate::value::Score;

/// A top-level resource with the scores it is compared by.
struct Ranked {
    resource: ResourceId,
    priority: i32,
    current: Score,
    scores: ScoreTable,
}

impl Assigner<'_> {
    /// Sorts the top-level resources if a placement strategy is used: by priority, score on the
    /// current node, then score on each node, the most wanted one first.
    pub(super) fn sort_resources(&mut self) {
        if self.strategy() == PlacementStrategy::Default {
            return;
        }
        let nodes = self.node_order(None).sorted_cluster();
        let ranked: Vec<Ranked> = self
            .top
            .clone()
            .into_iter()
            .map(|resource| self.rank(resource))
            .collect();
        let mut order: Vec<usize> = (0..ranked.len()).collect();
        merge_sort(&mut order, |&a, &b| {
            let (a, b) = (&ranked[a], &ranked[b]);
            let on = |ranked: &Ranked, node: NodeId| {
                ranked.scores.score(node).unwrap_or(Score::MINUS_INFINITY)
            };
            b.priority
                .cmp(&a.priority)
                .then(b.current.cmp(&a.current))
                .then_with(|| {
                    let by_node = nodes.iter().map(|&node| on(b, node).cmp(&on(a, node)));
                    by_node
                        .into_iter()
                        .find(|order| order.is_ne())
                        .unwrap_or(std::cmp::Ordering::Equal)
                })
        });
        self.top = order
            .into_iter()
            .map(|index| ranked[index].resource)
            .collect();
    }

    fn rank(&mut self, resource: ResourceId) -> Ranked {
        let scores = self.combined_scores(resource).into_table();
        let current = if self.active_on(resource).is_empty() {
            None
        } else {
            self.current_node(resource)
                .and_then(|node| scores.score(node))
        };
        Ranked {
            resource,
            priority: self.resources[resource].priority,
            current: current.unwrap_or(Score::MINUS_INFINITY),
            scores,
        }
    }
}
