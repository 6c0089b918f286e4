//! Which resources does a node's health keep away from it?

use std::ops::Bound;

use super::{Location, Reader};
use crate::config::HealthStrategy;
use crate::id::NodeId;
use crate::score::ProbeMode;
use crate::value::{self, Score};

/// Adds a location for every top-level resource on every node whose health is not neutral.
pub(super) fn apply(reader: &mut Reader<'_>) {
    let options = &reader.config.options;
    let base = match options.health_strategy {
        HealthStrategy::None => return,
        HealthStrategy::Progressive => Score::from(options.health_base),
        _ => Score::ZERO,
    };
    let state = reader.state;
    for &node in &state.nodes_by_name {
        let health = of_node(reader, node, base);
        if health == Score::ZERO {
            continue;
        }
        for &resource in &state.top {
            let meta = &state.resources[resource].meta_text;
            let immune = meta.get("allow-unhealthy-nodes").map(AsRef::as_ref);
            if health.is_negative() && value::is_true(immune) {
                continue;
            }
            reader.made.locations.push(Location {
                id: options.health_strategy.name().to_owned(),
                resource,
                role: None,
                nodes: vec![(node, health)],
                discovery: ProbeMode::Always,
            });
        }
    }
}

/// The sum of a node's health attributes. Infinities do not depend on the order.
fn of_node(reader: &Reader<'_>, node: NodeId, base: Score) -> Score {
    let attributes = &reader.state.node[node].attributes;
    let from = (Bound::Included("#health"), Bound::Unbounded);
    let healths = attributes.range::<str, _>(from);
    healths
        .take_while(|(name, _)| name.starts_with("#health"))
        .filter_map(|(_, value)| reader.score(value))
        .fold(base, |sum, score| score + sum)
}
