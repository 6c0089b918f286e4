//! What became of every node as a place for a resource?

use super::trail::{Effect, Trail};
use super::{Candidate, Explainer, NodeVerdict, Placed, Tie, Verdict, Why};
use crate::action::OnFail;
use crate::config::{PlacementStrategy, Role, Variant};
use crate::id::{NodeId, ResourceId};
use crate::relate::topology;
use crate::state::{self, Note};
use crate::value::Score;

impl Explainer<'_> {
    /// What became of a node for a resource.
    pub(super) fn verdict(&self, id: ResourceId, node: NodeId) -> NodeVerdict {
        match &self.state().resources[id].variant {
            Variant::Primitive(_) => self.primitive_verdict(id, node),
            Variant::Group(_) => self.group_verdict(id, node),
            Variant::Clone(_) | Variant::Bundle(_) => self.collective_verdict(id, node),
        }
    }

    fn primitive_verdict(&self, id: ResourceId, node: NodeId) -> NodeVerdict {
        let trail = self.trails.of(self.world, id, node);
        let placed = self.placed_on(id, node);
        let assigned = self.draft().resource[id].node;
        let was_assigned = self.plan.placement.resource[id].node == Some(node);
        let given_up = self.no_peer(id).filter(|_| was_assigned);
        let managed = self.plan.placement.resource[id].managed;
        let (verdict, because) = if assigned == Some(node) && !managed {
            (Verdict::Kept, self.facts(id))
        } else if assigned == Some(node) {
            (Verdict::Chosen, self.preferences(id, node, &trail))
        } else if let Some(why) = given_up {
            (Verdict::Forbidden, vec![why])
        } else {
            self.refusal(id, node, &trail)
        };
        NodeVerdict {
            node: self.node_name(node),
            score: trail.score(),
            verdict,
            part: None,
            placed,
            because,
        }
    }

    fn placed_on(&self, id: ResourceId, node: NodeId) -> Vec<Placed> {
        let name = self.node_name(node);
        let mut placed = self.placed(id);
        placed.retain(|placed| placed.node == name);
        placed
    }

    /// Why a primitive is not on a node.
    fn refusal(&self, id: ResourceId, node: NodeId, trail: &Trail<'_>) -> (Verdict, Vec<Why>) {
        let unusable = self.unusable(node);
        let Some(score) = trail.score() else {
            let why = if self.is_bundle_node(node) {
                Why::BundleNode
            } else if self.world.config.options.symmetric {
                Why::NoCandidate
            } else {
                Why::NotOptedIn
            };
            return (Verdict::Forbidden, vec![why]);
        };
        if score.is_minus_infinite() {
            let mut why = self.bans(id, node, trail);
            // What the node cannot do anyway is said first, whatever else forbids it.
            if !unusable.is_empty() {
                let follows = |why: &Why| matches!(why, Why::Wish { .. });
                why.retain(|why| !unusable.contains(why) && !follows(why));
                let all = unusable.into_iter().chain(why);
                return (Verdict::Unavailable, all.collect());
            }
            return (Verdict::Forbidden, why);
        }
        if !unusable.is_empty() {
            return (Verdict::Unavailable, unusable);
        }
        if score.is_negative() {
            return (Verdict::Unwanted, self.preferences(id, node, trail));
        }
        let because = self.preferences(id, node, trail);
        let Some(chosen) = self.draft().resource[id].node else {
            let facts = self.facts(id);
            let because = if facts.is_empty() { because } else { facts };
            return (Verdict::NotLookedFor, because);
        };
        if !self.plan.placement.resource[id].managed {
            return (Verdict::NotLookedFor, self.facts(id));
        }
        let best = self.trails.of(self.world, id, chosen).score();
        match best {
            Some(best) if best > score => {
                let (than, score) = (self.node_name(chosen), best);
                (Verdict::Less { than, score }, because)
            }
            _ => {
                let (to, by) = (self.node_name(chosen), self.tie(id, chosen, node));
                (Verdict::Equal { to, by }, because)
            }
        }
    }

    /// What forbids a node to a primitive.
    fn bans(&self, id: ResourceId, node: NodeId, trail: &Trail<'_>) -> Vec<Why> {
        let mut found: Vec<Why> = Vec::new();
        if trail.start.is_some_and(|score| score.is_minus_infinite()) {
            found.extend(self.banned_by_status(id, node));
        }
        for entry in trail.forbidding() {
            let effect = Effect::SetTo(Score::MINUS_INFINITY);
            for why in self.cause(id, node, entry.cause, effect) {
                if !found.contains(&why) {
                    found.push(why);
                }
            }
        }
        if found.is_empty() {
            found.extend(self.facts(id));
        }
        if found.is_empty() {
            found.push(Why::NoCandidate);
        }
        found
    }

    /// What made the score of a node.
    fn preferences(&self, id: ResourceId, node: NodeId, trail: &Trail<'_>) -> Vec<Why> {
        let mut found = Vec::new();
        if !self.state().resource[id].managed && self.state().resource[id].active_on.contains(&node)
        {
            found.push(Why::ActiveUnmanaged);
        } else if let Some(score) = trail.start.filter(|score| score.value() != 0) {
            found.push(Why::NodeScore { score });
        }
        for (cause, effect) in trail.sums() {
            found.extend(self.cause(id, node, cause, effect));
        }
        if found.is_empty() {
            found.push(Why::NoPreference);
        }
        found
    }

    /// What made the difference between two nodes with the same score.
    fn tie(&self, id: ResourceId, chosen: NodeId, other: NodeId) -> Tie {
        let current = self.state().resource[id].active_on.contains(&chosen);
        if current {
            return Tie::Current;
        }
        if self.collective_of(id).is_some() {
            return Tie::Spread;
        }
        let strategy = self.world.config.options.placement_strategy;
        let by_name = self.rank(chosen) < self.rank(other);
        if strategy == PlacementStrategy::Minimal {
            return if by_name { Tie::Name } else { Tie::Spread };
        }
        if strategy == PlacementStrategy::Balanced {
            return Tie::Capacity;
        }
        let (here, there) = self.loads(id, chosen, other);
        if here < there {
            let (chosen, other) = (here, there);
            Tie::FewerResources { chosen, other }
        } else if by_name {
            Tie::Name
        } else {
            Tie::Spread
        }
    }

    fn rank(&self, node: NodeId) -> &[u8] {
        self.state().nodes[node].name.as_bytes()
    }

    /// How many primitives two nodes had when a resource was assigned.
    fn loads(&self, id: ResourceId, chosen: NodeId, other: NodeId) -> (u32, u32) {
        let assigned = self.plan.placement.assigned.iter();
        let before = assigned.take_while(|(resource, _)| *resource != id);
        let mut loads = (0, 0);
        for (_, node) in before {
            loads.0 += u32::from(*node == Some(chosen));
            loads.1 += u32::from(*node == Some(other));
        }
        loads
    }

    /// A group is where its members are; the first member that is not there says why.
    fn group_verdict(&self, id: ResourceId, node: NodeId) -> NodeVerdict {
        let members = &self.state().resources[id].children;
        let verdicts = || {
            members
                .iter()
                .map(|&member| (member, self.verdict(member, node)))
        };
        let placed = self.placed_on(id, node);
        // A member that runs elsewhere, or nowhere, although the node was possible for those
        // before it, is what people look for.
        let decisive = verdicts()
            .find(|(_, verdict)| !matches!(verdict.verdict, Verdict::Chosen | Verdict::Kept))
            .or_else(|| verdicts().next());
        match decisive {
            Some((member, verdict)) => NodeVerdict {
                part: Some(self.name(member)),
                placed,
                ..verdict
            },
            None => self.empty_collective(node),
        }
    }

    fn empty_collective(&self, node: NodeId) -> NodeVerdict {
        NodeVerdict {
            node: self.node_name(node),
            score: None,
            verdict: Verdict::NotLookedFor,
            part: None,
            placed: Vec::new(),
            because: vec![Why::NoCandidate],
        }
    }

    /// A clone has instances on a node, or one that has none tells why not.
    fn collective_verdict(&self, id: ResourceId, node: NodeId) -> NodeVerdict {
        let instances = self.instances(id);
        let here = |instance: &ResourceId| {
            let mut parts = self.primitives(*instance).into_iter();
            parts.any(|part| self.draft().resource[part].node == Some(node))
        };
        let placed = self.placed_on(id, node);
        if let Some(&instance) = instances.iter().find(|instance| here(instance)) {
            let verdict = self.verdict(instance, node);
            return NodeVerdict {
                placed,
                part: Some(self.name(instance)),
                verdict: match verdict.verdict {
                    Verdict::Kept => Verdict::Kept,
                    _ => Verdict::Chosen,
                },
                ..verdict
            };
        }
        let is_unplaced = |instance: ResourceId| {
            let mut parts = self.primitives(instance).into_iter();
            parts.all(|part| self.draft().resource[part].node.is_none())
        };
        let unplaced = |instance: &&ResourceId| is_unplaced(**instance);
        let Some(&instance) = instances.iter().find(unplaced).or_else(|| instances.last()) else {
            return self.empty_collective(node);
        };
        let mut verdict = self.verdict(instance, node);
        let busy = !is_unplaced(instance);
        let only_limits = verdict.because.iter().all(|why| {
            matches!(
                why,
                Why::InstancesMax { .. } | Why::InstancesPerNode { .. } | Why::NoPreference
            )
        });
        let possible = matches!(
            verdict.verdict,
            Verdict::Less { .. } | Verdict::Equal { .. } | Verdict::Forbidden
        );
        if busy && possible && (only_limits || verdict.verdict != Verdict::Forbidden) {
            let max = i32::try_from(instances.len()).unwrap_or(i32::MAX);
            verdict.verdict = Verdict::AllElsewhere { max };
        }
        NodeVerdict {
            part: Some(self.name(instance)),
            placed,
            ..verdict
        }
    }

    fn is_bundle_node(&self, node: NodeId) -> bool {
        let connection = self.state().nodes[node].connection;
        connection.is_some_and(|id| topology::is_bundled(self.state(), id))
    }

    /// Instances of a clone, containers of a bundle.
    fn instances(&self, id: ResourceId) -> Vec<ResourceId> {
        let resource = &self.state().resources[id];
        match &resource.variant {
            Variant::Bundle(bundle) => {
                let replicas = bundle.replicas.iter();
                replicas.map(|replica| replica.container).collect()
            }
            _ => resource.children.clone(),
        }
    }

    /// What holds for a resource on whichever node.
    pub(super) fn facts(&self, id: ResourceId) -> Vec<Why> {
        let mut found: Vec<Why> = Vec::new();
        for primitive in self.primitives(id) {
            for why in self.primitive_facts(primitive) {
                if !found.contains(&why) {
                    found.push(why);
                }
            }
        }
        found.extend(self.promotions(id));
        found
    }

    /// In which order the instances of a promotable clone are wanted to be promoted.
    fn promotions(&self, id: ResourceId) -> Option<Why> {
        let clone = match self.state().resources[id].variant {
            Variant::Clone(_) => id,
            _ => self.collective_of(id)?,
        };
        let Variant::Clone(settings) = &self.state().resources[clone].variant else {
            return None;
        };
        if !settings.promotable {
            return None;
        }
        let instances = self.plan.placement.resource[clone].children.iter();
        let candidates = instances.filter_map(|&instance| {
            let mut places = self.places(instance, None);
            let parts = self.primitives(instance);
            let is_promoted =
                |id: &ResourceId| self.draft().resource[*id].next_role == Role::Promoted;
            Some(Candidate {
                resource: self.name(instance),
                node: Some(places.pop()?),
                priority: Score::from(self.plan.placement.resource[instance].promotion_priority),
                promoted: parts.iter().any(is_promoted),
            })
        });
        let of: Vec<Candidate> = candidates.collect();
        let max = settings.promoted_max;
        (!of.is_empty()).then_some(Why::Promotions { max, of })
    }

    fn primitive_facts(&self, id: ResourceId) -> Vec<Why> {
        let options = &self.world.config.options;
        let observed = &self.state().resource[id];
        let roster = &self.state().resources[id];
        let mut found = Vec::new();
        if roster.removed {
            let kept = !options.stop_removed_resources;
            found.push(Why::Removed { kept });
        }
        if options.stop_all_resources {
            found.push(Why::StopAll);
        }
        if !self.draft().resource[id].managed {
            found.extend(self.unmanaged(id));
        }
        if roster.meta.target_role == Some(Role::Stopped) {
            found.push(self.target_role(id, Role::Stopped));
        } else if roster.meta.target_role == Some(Role::Unpromoted) && roster.promotable {
            found.push(self.target_role(id, Role::Unpromoted));
        }
        for why in self.failures_noted(id) {
            if !found.contains(&why) {
                found.push(why);
            }
        }
        if let Some((operation, node)) = &observed.pending {
            found.push(Why::Pending {
                operation: operation.clone(),
                node: self.node_name(*node),
            });
        }
        found.extend(self.no_quorum());
        found
    }

    /// The failures of a resource, each with the most that follows from it.
    pub(super) fn failures_noted(&self, id: ResourceId) -> Vec<Why> {
        let weight = |effect: state::Effect| match effect {
            state::Effect::StopImpossible => 4,
            state::Effect::Reaction(OnFail::Restart | OnFail::Ban) => 2,
            state::Effect::Reaction(_) => 4,
            state::Effect::BannedEverywhere => 3,
            state::Effect::Banned => 1,
            _ => 2,
        };
        let mut kept: Vec<&Note> = Vec::new();
        for note in self.notes_on(id) {
            let same = |other: &&mut &Note| {
                other.element.is_some() && other.element == note.element && other.node == note.node
            };
            match kept.iter_mut().find(same) {
                Some(other) if weight(note.effect) > weight(other.effect) => *other = note,
                Some(_) => {}
                None => kept.push(note),
            }
        }
        kept.into_iter().map(|note| self.note(note)).collect()
    }

    /// Why nobody may touch a resource.
    pub(super) fn unmanaged(&self, id: ResourceId) -> Vec<Why> {
        let options = &self.world.config.options;
        let observed = &self.state().resource[id];
        let roster = &self.state().resources[id];
        let frozen = self.world.constraints.tickets.iter().find(|ticket| {
            self.world.constraints.frozen.contains(&id)
                && !ticket.satisfied
                && (ticket.resource == id || topology::is_inside(self.state(), id, ticket.resource))
        });
        let in_maintenance = observed
            .active_on
            .iter()
            .find(|&&node| self.state().node[node].maintenance);
        let mut found = Vec::new();
        if let Some(ticket) = frozen {
            found.push(Why::Frozen {
                ticket: ticket.ticket_id.clone(),
            });
        }
        if options.maintenance_mode {
            found.push(Why::MaintenanceCluster);
        } else if roster.meta.maintenance {
            found.push(Why::MaintenanceResource);
        } else if let Some(&node) = in_maintenance {
            found.push(Why::MaintenanceNode {
                node: self.node_name(node),
            });
        }
        if observed.blocked {
            found.push(Why::Blocked);
        } else if !roster.meta.managed && found.is_empty() {
            found.push(Why::Unmanaged);
        }
        if options.fencing_enabled && !self.state().have_fencing {
            found.push(Why::NoFenceDevice);
        }
        if found.is_empty() {
            found.push(if roster.removed {
                Why::Removed { kept: true }
            } else {
                Why::Unmanaged
            });
        }
        found
    }
}
