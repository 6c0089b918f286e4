//! What does an entry of the ledger, or a note on a history, stand for?

use super::trail::Effect;
use super::{Explainer, Operation, Why};
use crate::action::OnFail;
use crate::config::{HealthStrategy, MultipleActive, NoQuorumPolicy, Role, Variant};
use crate::constraint::Location;
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::relate::topology;
use crate::score::{Cause, Limit};
use crate::state::fail_count::{Scope, fail_count};
use crate::state::{self, Note};
use crate::time::{Date, Timestamp};
use crate::value::Score;

impl Explainer<'_> {
    /// What stands behind a change of a score.
    pub(super) fn cause(
        &self,
        resource: ResourceId,
        node: NodeId,
        cause: Cause,
        effect: Effect,
    ) -> Vec<Why> {
        let roster = &self.state().resources[resource];
        let score = effect.score();
        let why = match cause {
            Cause::Location(index) => self.location(index, score),
            Cause::Colocation(index) => self.colocation((resource, node), index, effect),
            Cause::Ticket(index) => {
                let ticket = &self.world.constraints.tickets[index as usize];
                Why::Ticket {
                    constraint: ticket.id.clone(),
                    ticket: ticket.ticket_id.clone(),
                    standby: self.ticket_granted(&ticket.ticket_id),
                }
            }
            Cause::Stickiness => Why::Stickiness { score },
            Cause::FailureThreshold => self.threshold(resource, node),
            Cause::ExclusiveDiscovery => Why::ExclusiveDiscovery,
            Cause::ShutdownLock => match self.plan.placement.resource[resource].lock {
                Some((locked_to, since)) => Why::ShutdownLock {
                    node: self.node_name(locked_to),
                    since: date(since),
                },
                None => Why::LockVoid,
            },
            Cause::NodeKind => match roster.launcher.filter(|_| !roster.remote_connection) {
                Some(launcher) => Why::OnlyIn {
                    launcher: self.name(launcher),
                },
                None => Why::NodeKind {
                    what: match () {
                        () if roster.fence_device => "a fence device",
                        () if roster.remote_connection => "a connection to another node",
                        () => "what runs a guest node",
                    },
                },
            },
            Cause::Utilization(index) => {
                let shortage = self.plan.placement.shortages[index as usize];
                Why::Capacity {
                    attribute: self.plan.placement.scarce(shortage).to_owned(),
                    needed: shortage.needed,
                    left: shortage.left,
                }
            }
            Cause::TargetRole => return self.wanted_stopped(resource),
            Cause::InstanceLimit(limit) => return self.limit(resource, node, limit),
            Cause::Promotion => Why::Promotion { score },
            Cause::Bundle => {
                let own = self.own_node(resource);
                Why::OwnReplica {
                    node: own.map(|node| self.node_name(node)),
                }
            }
            Cause::Undone => Why::NoPreference,
        };
        vec![why]
    }

    fn location(&self, index: u32, score: Score) -> Why {
        let Location { id, .. } = &self.world.constraints.locations[index as usize];
        let options = &self.world.config.options;
        if options.health_strategy != HealthStrategy::None && options.health_strategy.name() == id {
            return Why::Health {
                strategy: id.clone(),
                score,
            };
        }
        match self.constraint_of_rule(id) {
            Some(constraint) => Why::Location {
                id: constraint,
                rule: Some(id.clone()),
                score,
            },
            None => Why::Location {
                id: id.clone(),
                rule: None,
                score,
            },
        }
    }

    /// The location that a rule belongs to, or refers to it.
    fn constraint_of_rule(&self, rule: &str) -> Option<String> {
        let document = self.world.document;
        let configuration = document.child_by(document.root(), names::CONFIGURATION)?;
        let section = document.child_by(configuration, names::CONSTRAINTS)?;
        let mut locations = document.children_by(section, names::RSC_LOCATION);
        let location = locations.find(|&location| {
            let mut rules = document.children_by(location, names::RULE);
            rules.any(|element| {
                let id_ref = document.attr_by(element, names::ID_REF);
                document.id(element).or(id_ref) == Some(rule)
            })
        })?;
        document.id(location).map(str::to_owned)
    }

    /// What kind of constraint has this id.
    pub(super) fn kind_of_constraint(&self, id: &str) -> &'static str {
        let document = self.world.document;
        let section = document
            .child_by(document.root(), names::CONFIGURATION)
            .and_then(|configuration| document.child_by(configuration, names::CONSTRAINTS));
        let mut elements = section
            .into_iter()
            .flat_map(|section| document.children(section));
        let found = elements.find(|&element| document.id(element) == Some(id));
        match found.map(|element| document.name_of(element)) {
            Some(names::RSC_COLOCATION) => "colocation",
            Some(names::RSC_TICKET) => "ticket",
            Some(names::RSC_LOCATION) => "location",
            _ => "order",
        }
    }

    fn ticket_granted(&self, name: &str) -> bool {
        let tickets = self.state().tickets.iter();
        let mut named = tickets.filter(|ticket| ticket.id == name);
        named.any(|ticket| ticket.granted)
    }

    fn colocation(
        &self,
        (resource, node): (ResourceId, NodeId),
        index: u32,
        effect: Effect,
    ) -> Why {
        let colocation = &self.plan.placement.colocations[index as usize];
        let effect = Some(effect.score());
        let inside = |outer: ResourceId| {
            resource == outer || topology::is_inside(self.state(), resource, outer)
        };
        let id = colocation
            .explicit
            .then(|| colocation.id.clone())
            .filter(|id| !id.starts_with('#'));
        if inside(colocation.primary) && !inside(colocation.dependent) {
            let because = match effect {
                Some(score) if score.is_minus_infinite() => {
                    self.own_bans(colocation.dependent, node)
                }
                _ => Vec::new(),
            };
            return Why::Wish {
                id,
                of: self.name(colocation.dependent),
                effect,
                because,
            };
        }
        let with = self.name(colocation.primary);
        let on = self.places(colocation.primary, colocation.primary_role);
        match id {
            Some(id) => Why::Colocation {
                id,
                with,
                role: colocation.primary_role,
                score: colocation.score,
                on,
                effect,
                attribute: Some(colocation.node_attribute.clone())
                    .filter(|attribute| attribute != "#uname"),
            },
            None => Why::Together {
                with,
                how: match colocation.id.as_str() {
                    "#group-members" => "members of a group run together",
                    "#ip-with-container" => "an address is where its container is",
                    "#resource-with-container" => "what is launched is where its launcher is",
                    _ => "a connection comes from the host of its container's node",
                },
                on,
                effect,
            },
        }
    }

    /// What forbids a node to a resource by itself, whatever others want.
    fn own_bans(&self, resource: ResourceId, node: NodeId) -> Vec<Why> {
        let mut found: Vec<Why> = self.unusable(node);
        for primitive in self.primitives(resource) {
            let trail = self.trails.of(self.world, primitive, node);
            let mut bans = match trail.start {
                Some(score) if score.is_minus_infinite() => self.banned_by_status(primitive, node),
                _ => Vec::new(),
            };
            for (entry, _) in &trail.steps {
                let forbids = entry.change.apply(Score::INFINITY).is_minus_infinite();
                if forbids && !matches!(entry.cause, Cause::Colocation(_)) {
                    let effect = Effect::SetTo(Score::MINUS_INFINITY);
                    bans.extend(self.cause(primitive, node, entry.cause, effect));
                }
            }
            for why in bans {
                if !found.contains(&why) {
                    found.push(why);
                }
            }
        }
        found
    }

    /// The nodes where (the primitives of) a resource will be, in this role if one is given.
    pub(super) fn places(&self, resource: ResourceId, role: Option<Role>) -> Vec<String> {
        let mut nodes: Vec<NodeId> = Vec::new();
        for primitive in self.primitives(resource) {
            let placed = &self.plan.placement.resource[primitive];
            if let Some(node) = placed.node
                && placed.next_role != Role::Stopped
                && role.is_none_or(|role| role <= Role::Started || role == placed.next_role)
                && !nodes.contains(&node)
            {
                nodes.push(node);
            }
        }
        nodes.into_iter().map(|node| self.node_name(node)).collect()
    }

    fn threshold(&self, resource: ResourceId, node: NodeId) -> Why {
        let scope = Scope {
            effective: true,
            launched: true,
        };
        // The ban may come from another instance, or from a member.
        let top = topology::top_below_bundle(self.state(), resource);
        let all = std::iter::once(resource).chain(self.primitives(top));
        let reached = all
            .map(|one| {
                let count = fail_count(self.world, node, one, scope).count;
                (count, self.state().resources[one].meta.migration_threshold)
            })
            .find(|&(count, threshold)| threshold > 0 && count >= threshold);
        match reached {
            Some((count, threshold)) => Why::Failures { count, threshold },
            None => Why::FailedSomehow { on_fail: None },
        }
    }

    fn limit(&self, resource: ResourceId, node: NodeId, limit: Limit) -> Vec<Why> {
        let Some(collective) = self.collective_of(resource) else {
            return vec![Why::Surplus];
        };
        let of = self.name(collective);
        let (max, per_node) = match &self.state().resources[collective].variant {
            Variant::Clone(clone) => (clone.max, clone.node_max),
            Variant::Bundle(bundle) => (
                i32::try_from(bundle.replicas.len()).unwrap_or(i32::MAX),
                bundle.replicas_per_host,
            ),
            Variant::Primitive(_) | Variant::Group(_) => (1, 1),
        };
        match limit {
            Limit::Max => vec![Why::InstancesMax { of, max }],
            Limit::PerNode => vec![Why::InstancesPerNode {
                here: self.instances_on(collective, node),
                of,
                max: per_node,
            }],
            Limit::NodeUnavailable => self.unusable(node),
            Limit::Forbidden => {
                let trail = self.trails.of(self.world, collective, node);
                let mut found: Vec<Why> = Vec::new();
                for entry in trail.forbidding() {
                    let effect = Effect::SetTo(Score::MINUS_INFINITY);
                    found.extend(self.cause(collective, node, entry.cause, effect));
                }
                if found.is_empty() {
                    found.extend(self.banned_by_status(collective, node));
                }
                if found.is_empty() {
                    found.push(Why::CollectiveForbidden { of });
                }
                found
            }
            Limit::Surplus => vec![Why::Surplus],
        }
    }

    /// The clone or bundle that a resource is an instance (or container) of, or in one of.
    pub(super) fn collective_of(&self, resource: ResourceId) -> Option<ResourceId> {
        let resources = &self.state().resources;
        let parent = |id: &ResourceId| resources[*id].parent;
        let mut above = std::iter::successors(parent(&resource), parent);
        above.find(|&id| {
            matches!(
                resources[id].variant,
                Variant::Clone(_) | Variant::Bundle(_)
            )
        })
    }

    fn instances_on(&self, collective: ResourceId, node: NodeId) -> Vec<String> {
        let instances = self.state().resources[collective].children.iter();
        let here = instances.filter(|&&instance| {
            let primitives = self.primitives(instance);
            let mut nodes = primitives.iter().map(|&id| self.draft().resource[id].node);
            nodes.any(|placed| placed == Some(node))
        });
        here.map(|&instance| self.name(instance)).collect()
    }

    /// The node that a bundle makes for an instance inside.
    fn own_node(&self, resource: ResourceId) -> Option<NodeId> {
        let bundle = self.state().resources.iter();
        let mut replicas = bundle.flat_map(|resource| match &resource.variant {
            Variant::Bundle(bundle) => &bundle.replicas[..],
            _ => &[],
        });
        let replica = replicas.find(|replica| replica.child == Some(resource))?;
        replica.node
    }

    /// Why a resource is to be stopped.
    pub(super) fn wanted_stopped(&self, resource: ResourceId) -> Vec<Why> {
        let roster = &self.state().resources[resource];
        let mut found = Vec::new();
        let mut seen = Vec::new();
        if roster.meta.target_role == Some(Role::Stopped) {
            found.push(self.target_role(resource, Role::Stopped));
        }
        for note in self.notes_on(resource) {
            let stops = match note.effect {
                state::Effect::Reaction(on_fail) => {
                    matches!(on_fail, OnFail::Stop | OnFail::ResetRemote | OnFail::Block)
                }
                state::Effect::BannedEverywhere => true,
                _ => false,
            };
            let fresh = note.element.is_none() || !seen.contains(&note.element);
            if stops && fresh {
                seen.push(note.element);
                found.push(self.note(note));
            }
        }
        if let Some(node) = roster.connection_to
            && self.state().node[node].shutdown
        {
            found.push(Why::NodeLeaves {
                node: self.node_name(node),
            });
        }
        if found.is_empty() {
            found.extend(self.facts_of_stop(resource));
        }
        found
    }

    fn facts_of_stop(&self, resource: ResourceId) -> Vec<Why> {
        let mut notes = self.notes_on(resource).map(|note| self.note(note));
        match notes.next() {
            Some(first) => std::iter::once(first).chain(notes).collect(),
            None => vec![self.target_role(resource, Role::Stopped)],
        }
    }

    /// `target-role`, with the outermost resource for which it is the same.
    pub(super) fn target_role(&self, resource: ResourceId, role: Role) -> Why {
        let resources = &self.state().resources;
        let parent = |id: &ResourceId| resources[*id].parent;
        let above = std::iter::successors(parent(&resource), parent);
        let same = above.filter(|id| resources[*id].meta.target_role == Some(role));
        Why::TargetRole {
            role,
            of: same.last().map(|id| self.name(id)),
        }
    }

    /// Notes on a resource or on what it is part of.
    pub(super) fn notes_on(&self, resource: ResourceId) -> impl Iterator<Item = &Note> {
        let state = self.state();
        state.notes.iter().filter(move |note| {
            note.resource == resource || topology::is_inside(state, resource, note.resource)
        })
    }

    /// What a note says.
    pub(super) fn note(&self, note: &Note) -> Why {
        let operation = note.element.map(|element| self.operation(element, note));
        let Some(operation) = operation else {
            return match note.effect {
                state::Effect::MultiplyActive => self.multiply_active(note.resource),
                state::Effect::Reaction(on_fail) => Why::FailedSomehow {
                    on_fail: Some(on_fail),
                },
                _ => Why::FailedSomehow { on_fail: None },
            };
        };
        match note.effect {
            state::Effect::Banned => Why::OperationBans { operation },
            state::Effect::BannedEverywhere => Why::OperationBansEverywhere { operation },
            state::Effect::Reaction(on_fail) => Why::Failed {
                operation,
                on_fail: Some(on_fail),
            },
            state::Effect::Ignored => Why::FailureIgnored { operation },
            state::Effect::StopImpossible => Why::StopImpossible { operation },
            state::Effect::MultiplyActive => self.multiply_active(note.resource),
            state::Effect::LostInMigration => Why::LostInMigration { operation },
            state::Effect::ConnectionLost => Why::ConnectionLost { operation },
        }
    }

    pub(super) fn multiply_active(&self, resource: ResourceId) -> Why {
        let on = &self.state().resource[resource].active_on;
        let policy = match self.state().resources[resource].meta.multiple_active {
            MultipleActive::StopStart => "stop_start",
            MultipleActive::StopOnly => "stop_only",
            MultipleActive::Block => "block",
            MultipleActive::StopUnexpected => "stop_unexpected",
        };
        Why::MultiplyActive {
            on: on.iter().map(|&node| self.node_name(node)).collect(),
            policy,
        }
    }

    fn operation(&self, element: ElementId, note: &Note) -> Operation {
        let document = self.world.document;
        let text = |name| document.attr_by(element, name);
        let number = |name| text(name).and_then(|text| text.parse().ok());
        let key = text(names::OPERATION_KEY).or_else(|| document.id(element));
        let when = text(names::LAST_RC_CHANGE).and_then(crate::value::integer);
        Operation {
            key: key.unwrap_or_default().to_owned(),
            node: self.node_name(note.node),
            code: number(names::RC_CODE),
            status: number(names::OP_STATUS),
            said: text(names::EXIT_REASON)
                .filter(|said| !said.is_empty())
                .map(str::to_owned),
            when: when.filter(|&when| when > 0).map(date),
        }
    }

    /// Why the status alone forbids a node.
    pub(super) fn banned_by_status(&self, resource: ResourceId, node: NodeId) -> Vec<Why> {
        let roster = &self.state().resources[resource];
        if roster.removed {
            return vec![Why::Removed { kept: false }];
        }
        let bans = |note: &&Note| match note.effect {
            state::Effect::Banned | state::Effect::Reaction(OnFail::Ban) => note.node == node,
            state::Effect::BannedEverywhere => true,
            state::Effect::MultiplyActive => {
                roster.meta.multiple_active == MultipleActive::StopOnly
            }
            _ => false,
        };
        let mut found: Vec<Why> = Vec::new();
        for note in self.notes_on(resource).filter(bans) {
            let why = self.note(note);
            if !found.contains(&why) {
                found.push(why);
            }
        }
        let base = self.world.state.nodes[node].base_score;
        if found.is_empty() && base.is_minus_infinite() && self.unusable(node).is_empty() {
            found.push(Why::NodeScore { score: base });
        }
        found
    }

    /// What quorum has to do with it.
    pub(super) fn no_quorum(&self) -> Option<Why> {
        let options = &self.world.config.options;
        let policy = options.no_quorum_policy;
        let matters = !options.quorate && policy != NoQuorumPolicy::Ignore;
        matters.then_some(Why::NoQuorum { policy })
    }
}

/// An instant in UTC.
fn date(seconds: i64) -> String {
    format!("{:#}", Date::new(Timestamp::utc(seconds)))
}
