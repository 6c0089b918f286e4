//! What does a bundle consist of?
//!
//! A bundle implies, per replica, a container, an address if it has a range of them, and a
//! connection to the node inside the container; and around its primitive a clone with one instance
//! per replica. Names, parameters and their order are Pacemaker's, so that a running bundle is
//! recognised by its history and its operation digests.

use std::fmt::Write;

use super::definition::{Definition, Implicit};
use super::resources::Resolver;
use super::{Bundle, ContainerTechnology, NodeKind, Replica, Variant, operation};
use crate::Diagnostic;
use crate::id::{NodeId, ResourceId};
use crate::parse::{Document, ElementId, is_name, is_name_start, names};
use crate::score::{ProbeMode, ScoreTable};
use crate::value::{self, Score};

/// Port of the executor in a container, unless `control-port` says another.
const REMOTE_PORT: &str = "3121";
/// Where the key of the connection lies, on the host and in the container.
const KEY: &str = "/etc/pacemaker/authkey";
/// Where the logs of bundles are kept on the host.
const LOGS: &str = "/var/log/pacemaker/bundles";
/// The executor in a container.
const REMOTE_EXECUTOR: &str = "/usr/sbin/pacemaker-remoted";
/// How much the instance in a container likes its own node.
const OWN_NODE_SCORE: i64 = 500;

/// A bundle as written.
struct Settings {
    technology: ContainerTechnology,
    image: Option<String>,
    promoted_max: i32,
    replicas: i32,
    replicas_per_host: i32,
    run_command: Option<String>,
    options: Option<String>,
    /// `network` of the container element.
    container_network: Option<String>,
    ip_range_start: Option<String>,
    host_netmask: Option<String>,
    host_interface: Option<String>,
    control_port: Option<String>,
    add_host: bool,
    ports: Vec<Port>,
    mounts: Vec<Mount>,
}

struct Port {
    source: String,
    target: String,
}

struct Mount {
    source: String,
    target: String,
    options: Option<String>,
    /// Each replica has its own directory below the source.
    per_replica: bool,
}

/// Settings of a bundle that is not complete yet.
pub(super) fn empty() -> Bundle {
    Bundle {
        technology: ContainerTechnology::Docker,
        image: String::new(),
        promoted_max: 0,
        replicas_per_host: 1,
        replicas: Vec::new(),
        child: None,
        add_host: false,
    }
}

impl ContainerTechnology {
    /// The name, which is also that of the agent.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ContainerTechnology::Docker => "docker",
            ContainerTechnology::Podman => "podman",
        }
    }
}

impl Resolver<'_> {
    /// Makes everything in a bundle.
    pub(super) fn complete_bundle(&mut self, id: ResourceId, definition: &Definition) -> bool {
        let Some(element) = definition.element else {
            return false;
        };
        let Some(mut settings) = Settings::read(self.document, element, &mut self.messages) else {
            self.error(
                element,
                format!("bundle {} is ignored: it has no container", definition.id),
            );
            return false;
        };
        if settings.replicas_per_host == 1 {
            self.resources[id].unique = false;
        }
        let child =
            match self.document.child_by(element, names::PRIMITIVE) {
                None => None,
                Some(primitive) => {
                    if !settings.can_be_controlled(&definition.id, element, &mut self.messages) {
                        self.error(element, format!(
                        "bundle {} is ignored: the resource in it cannot be controlled without \
                         ip-range-start or control-port",
                        definition.id
                    ));
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
            replicas,
            child,
            add_host: settings.add_host,
        });
        true
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
                meta.insert("container-attribute-target".to_owned(), target.clone());
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
            None => vec![
                None;
                usize::try_from(settings.replicas)
                    .unwrap_or(0)
                    .min(MAX_REPLICAS)
            ],
        };
        let addresses = settings.addresses(instances.len());
        let hosts = settings.hosts(&definition.id, &addresses);
        let mut replicas = Vec::with_capacity(instances.len());
        for (offset, (child, address)) in instances.into_iter().zip(addresses).enumerate() {
            let plan = ReplicaPlan {
                offset,
                address,
                child,
                hosts: &hosts,
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
        let container = settings.container(name, &plan);
        let container = self.make_implicit(id, definition, container)?;
        self.resources[container].replica_container = true;
        let ip = match &plan.address {
            Some(address) => {
                Some(self.make_implicit(id, definition, settings.ip(name, address))?)
            }
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
                meta.insert("external-ip".to_owned(), address.clone());
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
                    format!("{name} is taken by another resource"),
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
            operations: vec![operation::implicit("monitor", "30s", Some("30s"))],
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
        // If it has an entry (for its attributes), resources made before know it.
        if known.is_some() {
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

/// As for clones, more than this is a mistake that must not exhaust memory.
const MAX_REPLICAS: usize = 100_000;

/// What a replica is made from.
struct ReplicaPlan<'a> {
    offset: usize,
    address: Option<String>,
    child: Option<ResourceId>,
    /// Container options that make all replicas known to each other.
    hosts: &'a str,
}

impl Settings {
    fn read(
        document: &Document,
        element: ElementId,
        messages: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let (technology, container) = [
            (ContainerTechnology::Docker, names::DOCKER),
            (ContainerTechnology::Podman, names::PODMAN),
        ]
        .into_iter()
        .find_map(|(technology, name)| Some((technology, document.child_by(element, name)?)))?;
        let text = |of: ElementId, name| document.attr_by(of, name).map(str::to_owned);
        let number = |name, minimum| value::min_integer(document.attr_by(container, name), minimum);
        let promoted_max = number(names::PROMOTED_MAX, 0);
        let replicas = match document.attr_by(container, names::REPLICAS) {
            None if promoted_max > 0 => promoted_max,
            replicas => value::min_integer(replicas, 1),
        };
        let network = document.child_by(element, names::NETWORK);
        let network_text = |name| network.and_then(|network| text(network, name));
        let add_host = network.is_some_and(|network| {
            document
                .attr_by(network, names::ADD_HOST)
                .and_then(value::boolean)
                .unwrap_or(true)
        });
        Some(Settings {
            technology,
            image: text(container, names::IMAGE),
            promoted_max,
            replicas,
            replicas_per_host: number(names::REPLICAS_PER_HOST, 1),
            run_command: text(container, names::RUN_COMMAND),
            options: text(container, names::OPTIONS),
            container_network: text(container, names::NETWORK),
            ip_range_start: network_text(names::IP_RANGE_START),
            host_netmask: network_text(names::HOST_NETMASK),
            host_interface: network_text(names::HOST_INTERFACE),
            control_port: network_text(names::CONTROL_PORT),
            add_host,
            ports: network
                .map(|network| ports(document, network, messages))
                .unwrap_or_default(),
            mounts: document
                .child_by(element, names::STORAGE)
                .map(|storage| mounts(document, storage, messages))
                .unwrap_or_default(),
        })
    }

    /// Whether containers can be reached: at their own address, or at one port of their host.
    fn can_be_controlled(
        &mut self,
        id: &str,
        element: ElementId,
        messages: &mut Vec<Diagnostic>,
    ) -> bool {
        if self.ip_range_start.is_some() {
            return true;
        }
        if self.control_port.is_some() && self.replicas_per_host > 1 {
            messages.push(Diagnostic::error(
                element,
                format!("replicas-per-host of {id} is 1: with control-port it cannot be more"),
            ));
            self.replicas_per_host = 1;
        }
        self.control_port.is_some()
    }

    /// Adds what a container with an executor in it needs.
    fn add_control_access(&mut self) {
        let has_logs = self.mounts.iter().any(|mount| mount.target == "/var/log");
        self.mounts.push(Mount {
            source: KEY.to_owned(),
            target: KEY.to_owned(),
            options: None,
            per_replica: false,
        });
        if !has_logs {
            self.mounts.push(Mount {
                source: LOGS.to_owned(),
                target: "/var/log".to_owned(),
                options: None,
                per_replica: true,
            });
        }
        let port = self.control_port.as_deref().unwrap_or(REMOTE_PORT);
        self.ports.push(Port {
            source: port.to_owned(),
            target: port.to_owned(),
        });
    }

    /// The addresses of the replicas, counted up from the start of the range.
    fn addresses(&self, replicas: usize) -> Vec<Option<String>> {
        let mut addresses = Vec::with_capacity(replicas);
        let mut next = self.ip_range_start.clone();
        while addresses.len() < replicas {
            // One replica after the end of the range has none, then it starts again.
            let following = match &next {
                Some(address) => next_address(address),
                None => self.ip_range_start.clone(),
            };
            addresses.push(std::mem::replace(&mut next, following));
        }
        addresses
    }

    fn hosts(&self, name: &str, addresses: &[Option<String>]) -> String {
        let mut text = String::new();
        for (offset, address) in addresses.iter().enumerate() {
            let Some(address) = address else { continue };
            // Writing to a string cannot fail.
            let _ = if self.add_host {
                write!(text, " --add-host={name}-{offset}:{address}")
            } else {
                write!(text, " --hosts-entry={address}={name}-{offset}")
            };
        }
        text
    }

    fn ip(&self, name: &str, address: &str) -> Implicit<'static> {
        let mut parameters = vec![pair("ip", address)];
        parameters.extend(self.host_interface.as_ref().map(|nic| pair("nic", nic)));
        parameters.push(pair(
            "cidr_netmask",
            self.host_netmask.as_deref().unwrap_or("32"),
        ));
        Implicit {
            id: valid_id(&format!("{name}-ip-{address}")),
            agent: ("heartbeat", "IPaddr2"),
            meta: Vec::new(),
            parameters,
            operations: vec![operation::implicit("monitor", "60s", None)],
        }
    }

    fn container(&self, name: &str, plan: &ReplicaPlan<'_>) -> Implicit<'static> {
        let technology = self.technology.name();
        let mount_points: Vec<String> = self
            .mounts
            .iter()
            .filter(|mount| mount.per_replica)
            .map(|mount| mount.source_of(name, plan.offset))
            .collect();
        let mut parameters = Vec::new();
        parameters.extend(self.image.as_ref().map(|image| pair("image", image)));
        parameters.extend([
            pair("allow_pull", "true"),
            pair("force_kill", "false"),
            pair("reuse", "false"),
            pair("run_opts", &self.run_options(name, plan)),
            pair("mount_points", &mount_points.join(",")),
        ]);
        let command = match (&self.run_command, plan.child) {
            (Some(command), _) => Some(command.as_str()),
            (None, Some(_)) => Some(REMOTE_EXECUTOR),
            (None, None) => None,
        };
        parameters.extend(command.map(|command| pair("run_cmd", command)));
        parameters.push(pair("monitor_cmd", "/bin/true"));
        Implicit {
            id: valid_id(&format!("{name}-{technology}-{}", plan.offset)),
            agent: ("heartbeat", technology),
            meta: Vec::new(),
            parameters,
            operations: vec![operation::implicit("monitor", "60s", None)],
        }
    }

    /// Options of the container technology. Their order and spaces are part of operation digests.
    fn run_options(&self, name: &str, plan: &ReplicaPlan<'_>) -> String {
        let offset = plan.offset;
        let mut text = String::new();
        if self.technology == ContainerTechnology::Docker {
            text.push_str(" --restart=no");
        }
        if self.ip_range_start.is_some() {
            text += &format!(" -h {name}-{offset}");
        }
        text.push_str(" -e PCMK_stderr=1");
        if let Some(network) = &self.container_network {
            text += &format!(" --net={network}");
        }
        let port = self.control_port.as_deref().unwrap_or(REMOTE_PORT);
        text += &format!(" -e PCMK_remote_port={port}");
        for mount in &self.mounts {
            text += &format!(" -v {}:{}", mount.source_of(name, offset), mount.target);
            if let Some(options) = &mount.options {
                text += &format!(":{options}");
            }
        }
        for Port { source, target } in &self.ports {
            if let Some(address) = &plan.address {
                text += &format!(" -p {address}:{source}:{target}");
            } else if self.container_network.as_deref() != Some("host") {
                text += &format!(" -p {source}:{target}");
            }
        }
        if let Some(options) = &self.options {
            text += &format!(" {options}");
        }
        text + " " + plan.hosts
    }
}

impl Mount {
    fn source_of(&self, name: &str, offset: usize) -> String {
        if self.per_replica {
            format!("{}/{name}-{offset}", self.source)
        } else {
            self.source.clone()
        }
    }
}

fn ports(document: &Document, network: ElementId, messages: &mut Vec<Diagnostic>) -> Vec<Port> {
    let mut ports = Vec::new();
    for element in document.children_by(network, names::PORT_MAPPING) {
        let text = |name| document.attr_by(element, name);
        let (source, target) = match text(names::PORT) {
            Some(port) => (Some(port), text(names::INTERNAL_PORT)),
            None => (text(names::RANGE), None),
        };
        match source.filter(|source| !source.is_empty()) {
            Some(source) => ports.push(Port {
                source: source.to_owned(),
                target: target.unwrap_or(source).to_owned(),
            }),
            None => messages.push(Diagnostic::error(
                element,
                "port mapping without port is ignored",
            )),
        }
    }
    ports
}

fn mounts(document: &Document, storage: ElementId, messages: &mut Vec<Diagnostic>) -> Vec<Mount> {
    let mut mounts = Vec::new();
    for element in document.children_by(storage, names::STORAGE_MAPPING) {
        let text = |name| document.attr_by(element, name);
        let shared = text(names::SOURCE_DIR);
        let source = shared.or_else(|| text(names::SOURCE_DIR_ROOT));
        let (Some(source), Some(target)) = (source, text(names::TARGET_DIR)) else {
            messages.push(Diagnostic::error(
                element,
                "storage mapping without source or target is ignored",
            ));
            continue;
        };
        mounts.push(Mount {
            source: source.to_owned(),
            target: target.to_owned(),
            options: text(names::OPTIONS).map(str::to_owned),
            per_replica: shared.is_none(),
        });
    }
    mounts
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The IPv4 address after another; after 254 comes .1 of the next third octet.
fn next_address(address: &str) -> Option<String> {
    let mut octets = address.splitn(4, '.').map(value::integer);
    let mut octet = || octets.next().flatten();
    let (a, b, c, d) = (octet()?, octet()?, octet()?, octet()?);
    match (c, d) {
        (254.., _) => None,
        (_, 254..) => Some(format!("{a}.{b}.{}.1", c + 1)),
        _ => Some(format!("{a}.{b}.{c}.{}", d + 1)),
    }
}

/// An XML id: what may not stand in one becomes dots, one per byte.
fn valid_id(text: &str) -> String {
    let mut id = String::with_capacity(text.len());
    for (position, c) in text.char_indices() {
        if position == 0 && !is_name_start(c) {
            id.push('_');
            id.extend(std::iter::repeat_n('.', c.len_utf8() - 1));
        } else if is_name(c) {
            id.push(c);
        } else {
            id.extend(std::iter::repeat_n('.', c.len_utf8()));
        }
    }
    id
}
