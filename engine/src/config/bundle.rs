//! What does a bundle consist of?
//!
//! A bundle implies, per replica, a container, an address if it has a range of them, and a
//! connection to the node inside the container; and around its primitive a clone with one instance
//! per replica. Names, parameters and their order are Pacemaker's, so that a running bundle is
//! recognised by its history and its operation digests.

mod settings;

use super::definition::{Definition, Implicit};
use super::maker::Allowed;
use super::resources::Resolver;
use super::{Attribute, Bundle, ContainerTechnology, NodeKind, Replica, Variant};
use crate::id::{NodeId, ResourceId};
use crate::parse::{ElementId, names};
use crate::score::{ProbeMode, ScoreTable};
use crate::value::Score;
use settings::{REMOTE_PORT, ReplicaPlan, Settings};

/// How much the instance in a container likes its own node.
const OWN_NODE_SCORE: i64 = 500;

/// Settings of a bundle that is not complete yet.
pub(super) fn empty() -> Bundle {
    Bundle {
        technology: ContainerTechnology::Docker,
        image: String::new(),
        promoted_max: 0,
        replicas_per_host: 1,
        max: 1,
        replicas: Vec::new(),
        child: None,
        add_host: false,
    }
}

/// Pairs of a bundle's replicas, on each node, of all bundles together. Every container knows the names
/// of all others, and starts only after their probes everywhere; so a few digits too many in `replicas`
/// would exhaust memory long before there are too many resources.
const MAX_REPLICA_PAIRS: usize = 4_000_000;

impl Resolver<'_> {
    /// Makes everything in a bundle.
    pub(super) fn complete_bundle(&mut self, id: ResourceId, definition: &Definition) -> bool {
        let Some(element) = definition.element else {
            return false;
        };
        let Some(mut settings) =
            Settings::read(self.document, element, &mut self.evaluation.messages)
        else {
            return false;
        };
        if !self.has_room_for(settings.replicas) {
            let message = format!(
                "bundle {} is ignored: it has too many replicas",
                definition.id
            );
            self.error(element, message);
            return false;
        }
        if settings.replicas_per_host == 1 {
            self.resources[id].unique = false;
        }
        let child = match self.document.child_by(element, names::PRIMITIVE) {
            None => None,
            Some(primitive) => {
                if !settings.can_be_controlled(
                    &definition.id,
                    element,
                    &mut self.evaluation.messages,
                ) {
                    let message = format!(
                        "Cannot control {} inside {} without either ip-range-start or \
                             control-port",
                        definition.id,
                        self.document.id(primitive).unwrap_or_default(),
                    );
                    self.error(element, message);
                    return false;
                }
                let Some(child) = self.inner_clone(id, definition, &settings, primitive) else {
                    return false;
                };
                settings.add_control_access();
                Some(child)
            }
        };
        let Some(replicas) = self.replicas(id, definition, &settings, child) else {
            return false;
        };
        let resource = &mut self.resources[id];
        resource.children.extend(child);
        resource.variant = Variant::Bundle(Bundle {
            technology: settings.technology,
            image: settings.image.unwrap_or_default(),
            promoted_max: settings.promoted_max,
            replicas_per_host: settings.replicas_per_host,
            max: settings.replicas,
            replicas,
            child,
            add_host: settings.add_host,
        });
        true
    }

    /// Whether another bundle of so many replicas stays within [`MAX_REPLICA_PAIRS`]; if so, it counts.
    fn has_room_for(&mut self, replicas: i32) -> bool {
        let nodes = self.nodes.table.iter();
        let nodes = nodes.filter(|node| node.kind != NodeKind::Guest).count();
        let replicas = usize::try_from(replicas).unwrap_or(0);
        let pairs = replicas
            .saturating_mul(replicas)
            .saturating_mul(nodes.max(1))
            .saturating_add(self.replica_pairs);
        let fits = pairs <= MAX_REPLICA_PAIRS;
        if fits {
            self.replica_pairs = pairs;
        }
        fits
    }

    /// Makes the clone around the primitive.
    fn inner_clone(
        &mut self,
        id: ResourceId,
        definition: &Definition,
        settings: &Settings,
        primitive: ElementId,
    ) -> Option<ResourceId> {
        let mut meta = vec![
            pair("ordered", "true"),
            pair("clone-max", &settings.replicas.to_string()),
            pair("clone-node-max", &settings.replicas_per_host.to_string()),
            pair(
                "globally-unique",
                if settings.replicas_per_host > 1 {
                    "true"
                } else {
                    "false"
                },
            ),
        ];
        if settings.promoted_max > 0 {
            meta.push(pair("promotable", "true"));
            meta.push(pair("promoted-max", &settings.promoted_max.to_string()));
        }
        let suffix = if settings.promoted_max > 0 {
            "master"
        } else {
            "clone"
        };
        let clone_id = format!("{}-{suffix}", definition.id);
        let clone =
            self.reader()
                .implicit_clone(clone_id, meta, primitive, definition.inherited())?;
        let clone = self.make(&clone, Some(id), None)?;
        self.take_over_from_instances(id, clone);
        Some(clone)
    }

    /// What the instances' meta attributes say about the clone and the bundle.
    fn take_over_from_instances(&mut self, bundle: ResourceId, clone: ResourceId) {
        let mut target = None;
        for instance in self.resources[clone].children.clone() {
            let instance = &mut self.resources[instance];
            instance.exclusive_probes = true;
            target = instance
                .meta_text
                .get("container-attribute-target")
                .cloned();
            let notify = instance.meta.notify;
            self.resources[clone].meta.notify |= notify;
        }
        if let Some(target) = target {
            for id in [bundle, clone] {
                let meta = &mut self.resources[id].meta_text;
                meta.insert("container-attribute-target".into(), target.clone());
            }
        }
    }

    /// Makes the parts of every replica.
    fn replicas(
        &mut self,
        id: ResourceId,
        definition: &Definition,
        settings: &Settings,
        child: Option<ResourceId>,
    ) -> Option<Vec<Replica>> {
        let instances: Vec<Option<ResourceId>> = match child {
            Some(child) => self.resources[child]
                .children
                .iter()
                .copied()
                .map(Some)
                .collect(),
            None => vec![None; usize::try_from(settings.replicas).unwrap_or(0)],
        };
        let addresses = settings.addresses(instances.len());
        let hosts = settings.hosts(&definition.id, &addresses);
        let common = settings.common_parameters(child.is_some());
        let mut replicas = Vec::with_capacity(instances.len());
        for (offset, (child, address)) in instances.into_iter().zip(addresses).enumerate() {
            let plan = ReplicaPlan {
                offset,
                address,
                child,
                hosts: &hosts,
                common: &common,
            };
            replicas.push(self.replica(id, definition, settings, plan)?);
        }
        Some(replicas)
    }

    fn replica(
        &mut self,
        id: ResourceId,
        definition: &Definition,
        settings: &Settings,
        plan: ReplicaPlan<'_>,
    ) -> Option<Replica> {
        let name = &definition.id;
        let container = settings.container(name, &plan, &self.watch);
        let container = self.make_implicit(id, definition, container)?;
        self.resources[container].replica_container = true;
        let ip = match settings.ip(name, plan.address.as_deref(), &self.watch) {
            Some(ip) => Some(self.make_implicit(id, definition, ip)?),
            None => None,
        };
        let mut replica = Replica {
            offset: u32::try_from(plan.offset).unwrap_or(u32::MAX),
            address: plan.address,
            ip,
            container,
            connection: None,
            child: plan.child,
            node: None,
        };
        if let Some(child) = plan.child {
            self.connect(id, definition, settings, child, &mut replica)?;
            if let Some(address) = &replica.address {
                let meta = &mut self.resources[child].meta_text;
                meta.insert("external-ip".into(), address.as_str().into());
            }
            // The container is what needs room, but only the primitive can say how much.
            self.resources[container].utilization =
                std::mem::take(&mut self.resources[child].utilization);
        }
        Some(replica)
    }

    /// Makes the connection to a replica's container, and the node inside.
    fn connect(
        &mut self,
        id: ResourceId,
        definition: &Definition,
        settings: &Settings,
        child: ResourceId,
        replica: &mut Replica,
    ) -> Option<()> {
        let mut name = format!("{}-{}", definition.id, replica.offset);
        if self.find(&name).is_some() {
            name = format!(
                "pcmk-internal-{}-remote-{}",
                self.resources[child].id, replica.offset
            );
            if self.find(&name).is_some() {
                self.error(
                    definition.element,
                    format!("Failed unpacking resource {}", definition.id),
                );
                return None;
            }
        }
        let container = replica.container;
        let connection = Implicit {
            id: name.clone(),
            agent: ("pacemaker", "remote"),
            meta: vec![
                pair("internal_rsc", "true"),
                pair("container", &self.resources[container].id),
            ],
            parameters: vec![
                // Without an address of its own it is reached at the container's host.
                pair("addr", replica.address.as_deref().unwrap_or("#uname")),
                pair(
                    "port",
                    settings.control_port.as_deref().unwrap_or(REMOTE_PORT),
                ),
            ],
            operations: self.watch.connection.clone(),
        };
        let node = self.reserve_node(&name);
        replica.node = Some(node);
        self.allow_only(child, node);
        let connection = self.make_implicit(id, definition, connection)?;
        replica.connection = Some(connection);
        let nodes = &self.nodes.table;
        let resource = &mut self.resources[connection];
        for (node, entry) in resource.allowed.iter_mut() {
            if nodes[node].kind != NodeKind::Cluster {
                entry.score = Score::MINUS_INFINITY;
            }
        }
        resource.launcher = Some(container);
        resource.connection_to = Some(node);
        resource.meta.remote_nesting_allowed = true;
        self.nodes.connect(node, connection, NodeKind::Guest);
        Some(())
    }

    /// The node inside a container, where nothing but the replica's instance may run.
    fn reserve_node(&mut self, name: &str) -> NodeId {
        let known = self.nodes.find(name);
        let node = known.unwrap_or_else(|| self.nodes.add_implicit(name));
        let entry = &mut self.nodes.table[node];
        entry.base_score = Score::MINUS_INFINITY;
        entry.probe = ProbeMode::Never;
        if known.is_none() {
            self.allowed.reserved_new(self.nodes.table.len());
        } else {
            // It has an entry, for its attributes: resources made before know it.
            self.allowed = Allowed::default();
            for top in self.top.clone() {
                self.disallow(top, node);
            }
        }
        node
    }

    fn disallow(&mut self, id: ResourceId, node: NodeId) {
        let resource = &mut self.resources[id];
        if let Some(entry) = resource.allowed.get_mut(node) {
            entry.score = Score::MINUS_INFINITY;
            entry.probe = ProbeMode::Never;
        }
        for child in resource.children.clone() {
            self.disallow(child, node);
        }
    }

    /// Binds an instance to its node, and keeps the clone around it away from there.
    fn allow_only(&mut self, instance: ResourceId, node: NodeId) {
        let mut own = ScoreTable::new();
        own.set(node, Score::new(OWN_NODE_SCORE));
        if let Some(entry) = own.get_mut(node) {
            entry.probe = ProbeMode::Exclusive;
        }
        self.resources[instance].allowed = own;
        if let Some(clone) = self.resources[instance].parent {
            let allowed = &mut self.resources[clone].allowed;
            allowed.set(node, Score::MINUS_INFINITY);
            if let Some(entry) = allowed.get_mut(node) {
                entry.probe = ProbeMode::Exclusive;
            }
        }
    }

    fn make_implicit(
        &mut self,
        bundle: ResourceId,
        definition: &Definition,
        implicit: Implicit<'_>,
    ) -> Option<ResourceId> {
        let part = self.reader().implicit(implicit, definition.inherited());
        let part = self.make(&part, Some(bundle), None)?;
        self.resources[bundle].children.push(part);
        Some(part)
    }
}

fn pair(name: &str, value: &str) -> Attribute {
    (name.into(), value.into())
}
