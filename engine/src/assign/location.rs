//! What do locations do to the scores of a resource and of what is below it?

use super::scratch::Assigner;
use crate::config::{Role, Variant};
use crate::id::ResourceId;
use crate::score::{Cause, Change, ProbeMode};
use crate::value::Score;

impl Assigner<'_> {
    /// Applies all locations, the last one first: sums saturate, so the order matters.
    pub(super) fn apply_locations(&mut self) {
        let locations = &self.world.constraints.locations;
        let last_to_first = || {
            (0u32..)
                .zip(locations)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
        };
        for (index, location) in last_to_first() {
            let scratch = &mut self.resources[location.resource];
            scratch.locations.push(index);
            if location.discovery == ProbeMode::Exclusive {
                scratch.exclusive_probes = true;
            }
        }
        for (index, location) in last_to_first() {
            self.apply_location(location.resource, index, true);
        }
    }

    /// Applies a location to a resource of any kind; without its scores it only makes its nodes
    /// known.
    fn apply_location(&mut self, resource: ResourceId, index: u32, with_scores: bool) {
        self.apply_location_to_itself(resource, index, with_scores);
        let config = self.config(resource);
        match &config.variant {
            Variant::Primitive(_) => {}
            Variant::Group(group) => {
                // Members go with the first one: counting the score for each would multiply it.
                for (position, &member) in config.children.iter().enumerate() {
                    let counts = with_scores && (position == 0 || !group.colocated);
                    self.apply_location(member, index, counts);
                }
            }
            Variant::Clone(_) => {
                for &instance in &config.children {
                    self.apply_location(instance, index, with_scores);
                }
            }
            Variant::Bundle(bundle) => {
                for replica in &bundle.replicas {
                    self.apply_location(replica.container, index, with_scores);
                    if let Some(ip) = replica.ip {
                        self.apply_location(ip, index, with_scores);
                    }
                }
                let role = self.world.constraints.locations[index as usize].role;
                if let Some(child) = bundle.child
                    && matches!(role, Some(Role::Promoted | Role::Unpromoted))
                {
                    self.apply_location(child, index, with_scores);
                    self.resources[child].locations.insert(0, index);
                }
            }
        }
    }

    fn apply_location_to_itself(&mut self, resource: ResourceId, index: u32, with_scores: bool) {
        let location = &self.world.constraints.locations[index as usize];
        if location
            .role
            .is_some_and(|role| role != self.resources[resource].next_role)
        {
            return;
        }
        for &(node, score) in &location.nodes {
            let score = if with_scores { score } else { Score::ZERO };
            let mut base = self.nodes.base_entry(node);
            base.score = Score::ZERO;
            let scratch = &mut self.resources[resource];
            let known = scratch.table.get(node).is_some();
            let entry = scratch.entry(node, base);
            let change = if known {
                Change::Add(score)
            } else {
                Change::Set(score)
            };
            if !known || score != Score::ZERO {
                self.ledger
                    .change((resource, node), entry, change, Cause::Location(index));
            }
            if entry.probe < location.discovery {
                entry.probe = location.discovery;
                scratch.exclusive_probes |= location.discovery == ProbeMode::Exclusive;
            }
        }
    }

    /// Bans resources that are probed only where a location says so from all other nodes.
    pub(super) fn apply_exclusive_discovery(&mut self) {
        for position in 0..self.top.len() {
            self.keep_to_discovered(self.top[position]);
        }
    }

    fn keep_to_discovered(&mut self, resource: ResourceId) {
        let top = self.top_of(resource);
        if !self.resources[resource].exclusive_probes && !self.resources[top].exclusive_probes {
            return;
        }
        for position in 0..self.resources[resource].children.len() {
            self.keep_to_discovered(self.resources[resource].children[position]);
        }
        let change = Change::Set(Score::MINUS_INFINITY);
        for (node, entry) in self.resources[resource].table.iter_mut() {
            if entry.probe != ProbeMode::Exclusive {
                let cause = Cause::ExclusiveDiscovery;
                self.ledger.change((resource, node), entry, change, cause);
            }
        }
    }
}
