//! explain: why is a resource here, why not there, why does an action happen, or not?
//!
//! Nothing is decided or guessed here. Answers come from what the passes wrote down while they made
//! the plan: the ledger of scores (`trail`), notes on histories, who first needed an action
//! ([`crate::action::Need`]), which action took a verdict from which other one
//! ([`crate::settle::Verdict`]).
//!
//! - `causes`: what an entry of the ledger, a note or a condition means;
//! - `placement`: what became of every node as a place for a resource;
//! - `actions`: what becomes of an action, and what it waits for; `chain`: why, back to the root, by
//!   what it takes to be needed (`demands`) and to be impossible (`obstacles`);
//! - `nodes`: what is the matter with a node;
//! - `order`: in which order actions are told;
//! - `names`: what is meant by a name, and which names are like it;
//! - `words`: all of it in sentences.

mod actions;
mod causes;
mod chain;
mod demands;
mod names;
mod nodes;
mod obstacles;
mod order;
mod placement;
mod trail;
mod types;
mod words;

pub use names::Unknown;
pub use types::*;
pub use words::role_name;

use crate::action::Draft;
use crate::config::{Role, Variant};
use crate::id::{ActionId, NodeId, ResourceId};
use crate::parse::Document;
use crate::simulate::summary;
use crate::state::State;
use crate::time::Timestamp;
use crate::{Cluster, Plan, World};
use trail::Trails;

/// Answers questions about one plan.
pub struct Explainer<'a> {
    world: World<'a>,
    plan: &'a Plan,
    trails: Trails<'a>,
    /// By action: its place in an order in which the graph can be carried out.
    order: Vec<u32>,
}

impl<'a> Explainer<'a> {
    /// For a plan made by [`Cluster::plan_with_ledger`]: without the ledger, scores cannot be told.
    #[must_use]
    pub fn new(
        cluster: &'a Cluster,
        cib: &'a Document,
        plan: &'a Plan,
        now: Timestamp,
    ) -> Explainer<'a> {
        let world = cluster.world(cib, &plan.constraints, now);
        let trails = Trails::new(world, &plan.placement.ledger);
        Explainer {
            world,
            plan,
            trails,
            order: order::of(&plan.transition),
        }
    }

    /// Everything about a resource; about one node only, if one is given.
    #[must_use]
    pub fn resource(&self, id: ResourceId, only: Option<NodeId>) -> ResourceExplanation {
        let nodes = self.state().nodes_by_name.iter().copied();
        let nodes = nodes.filter(|&node| only.is_none_or(|only| only == node));
        let changes = summary::changes(self.world, self.draft(), id);
        ResourceExplanation {
            resource: self.name(id),
            kind: self.kind(id),
            changes: changes
                .iter()
                .map(|change| Change {
                    resource: self.name(change.resource),
                    verb: change.verb,
                    from: change.from.map(|node| self.node_name(node)),
                    to: change.to.map(|node| self.node_name(node)),
                    roles: (change.role, change.next_role),
                    blocked: !change.runnable,
                })
                .collect(),
            placed: self.placed(id),
            facts: self.facts(id),
            nodes: nodes.map(|node| self.verdict(id, node)).collect(),
            actions: self.actions_of(id, only),
        }
    }

    /// Resources in the order of the configuration, without those in others.
    pub fn top(&self) -> impl Iterator<Item = ResourceId> + '_ {
        self.state().top.iter().copied()
    }

    /// Every resource.
    pub fn all_resources(&self) -> impl Iterator<Item = ResourceId> + use<> {
        self.state().resources.ids()
    }

    /// Every node.
    pub fn all_nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.state().nodes.ids()
    }

    /// Every action of the draft, whatever becomes of it.
    pub fn all_actions(&self) -> impl Iterator<Item = ActionId> + use<> {
        self.draft().actions.ids()
    }

    fn kind(&self, id: ResourceId) -> String {
        let resource = &self.state().resources[id];
        match &resource.variant {
            Variant::Primitive(agent) => match &agent.provider {
                Some(provider) => format!("{}:{provider}:{}", agent.class, agent.agent),
                None => format!("{}:{}", agent.class, agent.agent),
            },
            Variant::Group(_) => "group".to_owned(),
            Variant::Clone(clone) if clone.promotable => "promotable clone".to_owned(),
            Variant::Clone(_) => "clone".to_owned(),
            Variant::Bundle(_) => "bundle".to_owned(),
        }
    }

    /// Where the primitives in a resource are going to be.
    fn placed(&self, id: ResourceId) -> Vec<Placed> {
        let primitives = self.primitives(id);
        let placed = primitives.into_iter().filter_map(|primitive| {
            let drafted = &self.draft().resource[primitive];
            let node = drafted.node?;
            Some(Placed {
                resource: self.name(primitive),
                node: self.node_name(node),
                role: drafted.next_role,
            })
        });
        placed
            .filter(|placed| placed.role != Role::Stopped)
            .collect()
    }

    /// The primitives in a resource, in the order of the configuration.
    fn primitives(&self, id: ResourceId) -> Vec<ResourceId> {
        let mut found = Vec::new();
        self.collect_primitives(id, &mut found);
        found
    }

    fn collect_primitives(&self, id: ResourceId, found: &mut Vec<ResourceId>) {
        let resource = &self.state().resources[id];
        match &resource.variant {
            Variant::Primitive(_) => found.push(id),
            Variant::Group(_) | Variant::Clone(_) => {
                for &child in &resource.children {
                    self.collect_primitives(child, found);
                }
            }
            Variant::Bundle(bundle) => {
                for replica in &bundle.replicas {
                    let parts = [
                        replica.ip,
                        Some(replica.container),
                        replica.connection,
                        replica.child,
                    ];
                    found.extend(parts.into_iter().flatten());
                }
            }
        }
    }

    fn state(&self) -> &'a State {
        self.world.state
    }

    fn draft(&self) -> &'a Draft {
        &self.plan.transition.draft
    }

    fn name(&self, id: ResourceId) -> String {
        self.state().resources[id].id.clone()
    }

    fn node_name(&self, node: NodeId) -> String {
        self.state().nodes[node].name.clone()
    }
}
