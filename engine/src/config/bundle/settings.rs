//! How is a bundle written, and what does that make of its containers and addresses?

use std::fmt::Write;

use super::super::definition::Implicit;
use super::super::operation::Watch;
use super::super::{Attribute, ContainerTechnology};
use super::pair;
use crate::Diagnostic;
use crate::id::ResourceId;
use crate::parse::{Document, ElementId, is_name, is_name_start, names};
use crate::value;

/// Port of the executor in a container, unless `control-port` says another.
pub(super) const REMOTE_PORT: &str = "3121";
/// Where the key of the connection lies, on the host and in the container.
const KEY: &str = "/etc/pacemaker/authkey";
/// Where the logs of bundles are kept on the host.
const LOGS: &str = "/var/log/pacemaker/bundles";
/// The executor in a container.
const REMOTE_EXECUTOR: &str = "/usr/sbin/pacemaker-remoted";

/// A bundle as written.
pub(super) struct Settings {
    pub(super) technology: ContainerTechnology,
    pub(super) image: Option<String>,
    pub(super) promoted_max: i32,
    pub(super) replicas: i32,
    pub(super) replicas_per_host: i32,
    pub(super) run_command: Option<String>,
    pub(super) options: Option<String>,
    /// `network` of the container element.
    pub(super) container_network: Option<String>,
    pub(super) ip_range_start: Option<String>,
    pub(super) host_netmask: Option<String>,
    pub(super) host_interface: Option<String>,
    pub(super) control_port: Option<String>,
    pub(super) add_host: bool,
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

/// What a replica is made from.
pub(super) struct ReplicaPlan<'a> {
    pub(super) offset: usize,
    pub(super) address: Option<String>,
    pub(super) child: Option<ResourceId>,
    /// Container options that make all replicas known to each other.
    pub(super) hosts: &'a str,
    /// See [`Settings::common_parameters`].
    pub(super) common: &'a [Attribute],
}

impl Settings {
    pub(super) fn read(
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
    pub(super) fn can_be_controlled(
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
                format!("Specifying the 'control-port' for {id} requires 'replicas-per-host=1'"),
            ));
            self.replicas_per_host = 1;
        }
        self.control_port.is_some()
    }

    /// Adds what a container with an executor in it needs.
    pub(super) fn add_control_access(&mut self) {
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
    pub(super) fn addresses(&self, replicas: usize) -> Vec<Option<String>> {
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

    pub(super) fn hosts(&self, name: &str, addresses: &[Option<String>]) -> String {
        let mut text = String::new();
        if self.ip_range_start.is_none() {
            return text;
        }
        for (offset, address) in addresses.iter().enumerate() {
            let address = address.as_deref().unwrap_or(NO_ADDRESS);
            // Writing to a string cannot fail.
            let _ = if self.add_host {
                write!(text, " --add-host={name}-{offset}:{address}")
            } else {
                write!(text, " --hosts-entry={address}={name}-{offset}")
            };
        }
        text
    }

    /// The resource for a replica's address; there is one for a replica without, too, if the bundle
    /// has a range.
    pub(super) fn ip(
        &self,
        name: &str,
        address: Option<&str>,
        watch: &Watch,
    ) -> Option<Implicit<'static>> {
        self.ip_range_start.as_ref()?;
        let mut parameters = Vec::new();
        parameters.extend(address.map(|address| pair("ip", address)));
        parameters.extend(self.host_interface.as_ref().map(|nic| pair("nic", nic)));
        parameters.push(pair(
            "cidr_netmask",
            self.host_netmask.as_deref().unwrap_or("32"),
        ));
        let address = address.unwrap_or(NO_ADDRESS);
        Some(Implicit {
            id: valid_id(&format!("{name}-ip-{address}")),
            agent: ("heartbeat", "IPaddr2"),
            meta: Vec::new(),
            parameters,
            operations: watch.part.clone(),
        })
    }

    pub(super) fn container(
        &self,
        name: &str,
        plan: &ReplicaPlan<'_>,
        watch: &Watch,
    ) -> Implicit<'static> {
        let technology = self.technology.name();
        let mount_points: Vec<String> = self
            .mounts
            .iter()
            .filter(|mount| mount.per_replica)
            .map(|mount| mount.source_of(name, plan.offset))
            .collect();
        let mut parameters = plan.common.to_vec();
        parameters.extend([
            pair("run_opts", &self.run_options(name, plan)),
            pair("mount_points", &mount_points.join(",")),
        ]);
        Implicit {
            id: valid_id(&format!("{name}-{technology}-{}", plan.offset)),
            agent: ("heartbeat", technology),
            meta: Vec::new(),
            parameters,
            operations: watch.part.clone(),
        }
    }

    /// Parameters that all containers of the bundle have in common.
    pub(super) fn common_parameters(&self, has_child: bool) -> Vec<Attribute> {
        let executor = has_child.then_some(REMOTE_EXECUTOR);
        let command = self.run_command.as_deref().or(executor);
        let mut parameters = vec![
            pair("allow_pull", "true"),
            pair("force_kill", "false"),
            pair("reuse", "false"),
            pair("monitor_cmd", "/bin/true"),
        ];
        parameters.extend(self.image.as_ref().map(|image| pair("image", image)));
        parameters.extend(command.map(|command| pair("run_cmd", command)));
        parameters
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
            None => {
                let id = document.id(element).unwrap_or_default();
                let message = format!("Invalid port directive {id}");
                messages.push(Diagnostic::error(element, message));
            }
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
            let id = document.id(element).unwrap_or_default();
            let message = format!("Invalid mount directive {id}");
            messages.push(Diagnostic::error(element, message));
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

/// How the peer, by way of `printf`, writes an address that there is not.
const NO_ADDRESS: &str = "(null)";

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
