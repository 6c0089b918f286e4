//! What does a controller say about itself and the cluster?

use lockstep_engine::graph::GraphActionKind;

use super::core::Core;
use crate::cluster::event::short;
use crate::cluster::transition::{Progress, Transition};
use crate::cluster::view::{self, Role};
use crate::cluster::{Cluster, digest_of};
use crate::controller::Moment;
use crate::executor::OrderKey;
use crate::http::types::{
    ActionStatus, ActiveOn, ControllerStatus, NodeStatus, PlanStatus, ResourceStatus, StateDigest,
    Status, hex,
};

/// The core, as those may see it who ask.
pub struct View<'c> {
    core: &'c Core,
}

impl<'c> View<'c> {
    pub(super) fn new(core: &'c Core) -> Self {
        Self { core }
    }

    /// The replicated state.
    pub fn cluster(&self) -> &Cluster {
        self.core.controller.cluster()
    }

    /// The time.
    pub fn now(&self) -> Moment {
        self.core.about.clock.moment()
    }

    /// The whole state as one number.
    pub fn digest(&self) -> StateDigest {
        let cluster = self.cluster();
        StateDigest {
            index: cluster.index(),
            digest: hex(&digest_of(&cluster.snapshot())),
        }
    }

    /// Everything that `lockstep status` shows.
    pub fn status(&self) -> Status {
        let cluster = self.cluster();
        let nodes = cluster.nodes().iter().map(|(name, record)| NodeStatus {
            name: name.clone(),
            online: record.online,
            connected: self.core.controller.is_connected(name),
        });
        let resources = view::resources(cluster.cib()).into_iter().map(|resource| {
            let active = resource.active.into_iter().map(|activity| ActiveOn {
                node: activity.node,
                role: match activity.role {
                    Role::Stopped => "stopped",
                    Role::Started => "started",
                    Role::Promoted => "promoted",
                }
                .to_owned(),
                failed: activity.failed,
            });
            ResourceStatus {
                id: resource.id,
                agent: resource.agent,
                active: active.collect(),
            }
        });
        let diverged = cluster
            .agreement()
            .diverged()
            .iter()
            .map(|(controller, divergence)| {
                let text = format!(
                    "plan {}: computed {}, the others {}",
                    divergence.transition,
                    short(&divergence.digest),
                    short(&divergence.majority)
                );
                (*controller, text)
            });
        Status {
            cluster: self.core.about.config.cluster.clone(),
            controller: self.controller(),
            epoch: cluster.epoch().to_string(),
            configured: cluster.is_configured(),
            nodes: nodes.collect(),
            resources: resources.collect(),
            plan: cluster.transition().map(|transition| self.plan(transition)),
            wanted: cluster.wanted().map(str::to_owned),
            diverged: diverged.collect(),
            fencing: cluster.fencings().iter().map(Into::into).collect(),
        }
    }

    fn controller(&self) -> ControllerStatus {
        let Core {
            about,
            controller,
            group,
            leads_since_us,
            in_charge_since_us,
            first_order_us,
            ..
        } = self.core;
        let group = group.status();
        let named = |id: u64| group.members.names.get(&id).cloned();
        ControllerStatus {
            id: about.me.id,
            node: about.me.node.clone(),
            pid: std::process::id(),
            role: group.role.to_string(),
            leader: group.leader,
            leader_node: group.leader.and_then(named),
            term: group.term,
            commit: group.commit,
            applied: controller.cluster().index(),
            in_charge: controller.is_in_charge(),
            disk_full: group.disk_full,
            peers: group
                .peers
                .iter()
                .map(|peer| (peer.id, peer.connected))
                .collect(),
            leads_since_us: *leads_since_us,
            in_charge_since_us: *in_charge_since_us,
            first_order_us: *first_order_us,
            strangers: group.network.strangers,
        }
    }

    fn plan(&self, transition: &Transition) -> PlanStatus {
        let agreement = self.cluster().agreement();
        let reported: Vec<_> = agreement.digests(transition.number).collect();
        let controllers = |equal: bool| {
            let wanted = reported
                .iter()
                .filter(|(_, d)| (*d == transition.digest) == equal);
            wanted.map(|(controller, _)| *controller).collect()
        };
        let state = match &transition.aborted {
            Some(_) => "abandoned",
            None if transition.is_over() => "complete",
            None => "running",
        };
        PlanStatus {
            transition: transition.number,
            digest: hex(&transition.digest),
            state: state.to_owned(),
            abandoned: transition.aborted.clone(),
            actions: self.actions(transition),
            equal: controllers(true),
            different: controllers(false),
            voters: self.core.group.status().members.voters.len(),
        }
    }

    fn actions(&self, transition: &Transition) -> Vec<ActionStatus> {
        let ready: std::collections::BTreeSet<u32> = transition.ready().collect();
        let sent: std::collections::BTreeSet<OrderKey> = self
            .core
            .controller
            .under_way()
            .map(|(key, _)| key)
            .collect();
        let synapses = (0u32..).zip(&transition.graph.synapses);
        let real = synapses.filter(|(_, s)| s.action.kind != GraphActionKind::Pseudo);
        let described = real.map(|(at, synapse)| {
            let order = OrderKey {
                transition: transition.number,
                action: synapse.action.id,
            };
            let progress = match transition.progress(at) {
                Progress::Done => "done",
                Progress::Failed => "failed",
                Progress::Waiting if sent.contains(&order) => "sent",
                Progress::Waiting if ready.contains(&at) => "ready",
                Progress::Waiting => "waiting",
            };
            ActionStatus {
                order: order.to_string(),
                key: synapse.action.key.clone(),
                node: synapse.action.node.as_ref().map(|node| node.name.clone()),
                progress: progress.to_owned(),
            }
        });
        described.collect()
    }
}
