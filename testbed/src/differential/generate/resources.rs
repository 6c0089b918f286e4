//! Which resources does a random cluster have?

use super::themes::{Kind, Theme};
use super::vocabulary::{self, CLONE_META, META, OPERATION};
use super::{nodes, rules, set_of, some};
use crate::differential::mutate::set_value;
use crate::differential::random::Random;
use crate::differential::tree::Element;

/// Agents and whether they can be promoted.
const AGENTS: [(&str, &str, &str); 5] = [
    ("ocf", "pacemaker", "Dummy"),
    ("ocf", "pacemaker", "Stateful"),
    ("ocf", "heartbeat", "IPaddr2"),
    ("systemd", "", "httpd"),
    ("lsb", "", "named"),
];

/// Makes resources, one after the other.
pub(super) struct Maker<'a> {
    random: &'a mut Random,
    /// Top-level resources made so far.
    pub(super) made: Vec<Element>,
    /// Templates for primitives.
    pub(super) templates: Vec<Element>,
    /// `rsc_defaults` and `op_defaults`.
    pub(super) defaults: Vec<Element>,
    theme: Theme,
    utilization: bool,
    primitives: usize,
}

impl<'a> Maker<'a> {
    pub(super) fn new(random: &'a mut Random, theme: Theme) -> Self {
        let utilization = theme.name == "utilization" || random.chance(15);
        Maker {
            random,
            made: Vec::new(),
            templates: Vec::new(),
            defaults: Vec::new(),
            theme,
            utilization,
            primitives: 0,
        }
    }

    /// Makes a cluster's resources.
    pub(super) fn fill(&mut self) {
        if self.random.chance(15) {
            let template = self.template();
            self.templates.push(template);
        }
        let most = [3, 7, 7, 14][self.random.below(4)];
        for number in 0..self.random.between(1, most) {
            let mut resource = self.of_kind(number);
            for (name, values) in self.theme.meta {
                if self.random.chance(35) {
                    let value = self.random.word(values);
                    self.set_meta(&mut resource, name, value);
                }
            }
            self.made.push(resource);
        }
        if self.random.chance(50) {
            for number in 0..self.random.between(1, 2) {
                let device = self.fence_device(number);
                let at = self.random.below(self.made.len() + 1);
                self.made.insert(at, device);
            }
        }
        self.set_defaults();
    }

    fn of_kind(&mut self, number: usize) -> Element {
        let by_theme = self.random.pick(self.theme.resources).copied();
        let kind = match (by_theme, self.random.below(40)) {
            (Some(kind), 0..20) => kind,
            (_, below) => match below % 20 {
                0..=6 => Kind::Primitive,
                7..=9 => Kind::Group,
                10..=13 => Kind::Clone,
                14..=16 => Kind::Promotable,
                17 => Kind::Bundle,
                18 => Kind::Guest,
                _ => Kind::Remote,
            },
        };
        match kind {
            Kind::Primitive => self.primitive(),
            Kind::Group => self.group(number),
            Kind::Clone => self.clone(number, false),
            Kind::Promotable => self.clone(number, true),
            Kind::Bundle => self.bundle(number),
            Kind::Guest => self.guest(),
            Kind::Remote => self.remote(number),
            Kind::Fence => self.fence_device(100 + number),
        }
    }

    /// Sets a meta-attribute of a resource, or of one that is in it.
    fn set_meta(&mut self, resource: &mut Element, name: &str, value: &str) {
        let inner = |e: &Element| matches!(e.name.as_str(), "primitive" | "group");
        let owner = match resource.children.iter_mut().find(|child| inner(child)) {
            Some(inside) if self.random.chance(30) => inside,
            _ => resource,
        };
        set_value(owner, "meta_attributes", name, value);
    }

    fn set_defaults(&mut self) {
        const RESOURCE: [vocabulary::Words; 4] = [
            ("resource-stickiness", &["0", "1", "100", "INFINITY"]),
            ("migration-threshold", &["1", "3"]),
            ("failure-timeout", &["60", "1h"]),
            ("multiple-active", &["block", "stop_only"]),
        ];
        const OPERATIONS: [vocabulary::Words; 3] = [
            ("timeout", &["30s", "2min"]),
            ("on-fail", &["restart", "block", "ignore"]),
            ("record-pending", &["true", "false"]),
        ];
        let tables: [(&str, &[vocabulary::Words]); 2] =
            [("rsc_defaults", &RESOURCE), ("op_defaults", &OPERATIONS)];
        for (section, table) in tables {
            if !self.random.chance(35) {
                continue;
            }
            let mut element = Element::new(section);
            for number in 0..self.random.between(1, 2) {
                let id = format!("{section}-{number}");
                let mut set = Element::new("meta_attributes").with("id", &id);
                if self.random.chance(30) {
                    let operations = section == "op_defaults";
                    set.children.push(rules::for_defaults(
                        self.random,
                        &format!("{id}-rule"),
                        operations,
                    ));
                }
                let pairs = some(self.random, table, 2);
                set.children.extend(
                    pairs
                        .into_iter()
                        .map(|(name, value)| Element::pair(&id, name, value)),
                );
                element.children.push(set);
            }
            self.defaults.push(element);
        }
    }

    fn template(&mut self) -> Element {
        let mut template = Element::new("template")
            .with("id", "template")
            .with("class", "ocf")
            .with("provider", "pacemaker")
            .with("type", "Dummy");
        template.children.extend(set_of(
            self.random,
            "meta_attributes",
            "template-meta",
            META,
            2,
        ));
        let operations = self.operations("template", false);
        template.containing(operations)
    }

    fn primitive(&mut self) -> Element {
        let agent = AGENTS[self.random.below(AGENTS.len())];
        self.primitive_of(agent)
    }

    fn primitive_of(&mut self, (class, provider, agent): (&str, &str, &str)) -> Element {
        self.primitives += 1;
        let id = format!("rsc{}", self.primitives);
        let mut primitive = Element::new("primitive").with("id", &id);
        if !self.templates.is_empty() && self.random.chance(40) {
            primitive.set("template", "template");
        } else {
            primitive.set("class", class);
            if !provider.is_empty() {
                primitive.set("provider", provider);
            }
            primitive.set("type", agent);
        }
        if self.random.chance(45) {
            let most = if self.random.chance(20) { 4 } else { 2 };
            primitive.children.extend(set_of(
                self.random,
                "meta_attributes",
                &format!("{id}-meta"),
                META,
                most,
            ));
        }
        if self.random.chance(40) {
            let set = format!("{id}-params");
            let value = self.random.word(&["1", "2", "/dev/x"]);
            let pairs = vec![Element::pair(
                &set,
                self.random.word(&["state", "fake", "passwd", "ip"]),
                value,
            )];
            primitive.children.push(nodes::ruled_set(
                self.random,
                "instance_attributes",
                &set,
                pairs,
                20,
            ));
        }
        if self.utilization && self.random.chance(70) {
            let set = format!("{id}-utilization");
            primitive.children.push(nodes::utilization(
                self.random,
                &set,
                &["0", "1", "2", "3", "5"],
            ));
        }
        if self.random.chance(70) {
            let operations = self.operations(&id, agent == "Stateful");
            primitive.children.push(operations);
        }
        primitive
    }

    fn operations(&mut self, owner: &str, promotable: bool) -> Element {
        let mut all = Element::new("operations");
        let mut add = |random: &mut Random, name: &str, interval: &str, role: Option<&str>| {
            let mut op = Element::new("op")
                .with("id", format!("{owner}-{name}-{interval}"))
                .with("name", name)
                .with("interval", interval);
            if let Some(role) = role {
                op.set("role", role);
            }
            let most = if random.chance(30) { 2 } else { 0 };
            for (name, value) in some(random, OPERATION, most) {
                if op.get(name).is_none() && name != "requires" {
                    op.set(name, value);
                }
            }
            all.children.push(op);
        };
        if promotable {
            add(self.random, "monitor", "10s", Some("Promoted"));
            add(self.random, "monitor", "11s", Some("Unpromoted"));
        } else {
            let interval = self.random.word(&["10s", "30s", "1min"]);
            add(self.random, "monitor", interval, None);
        }
        if self.random.chance(10) {
            add(self.random, "monitor", "20s", Some("Stopped"));
        }
        for name in [
            "start",
            "stop",
            "promote",
            "demote",
            "migrate_to",
            "migrate_from",
        ] {
            if self.random.chance(12) {
                add(self.random, name, "0s", None);
            }
        }
        all
    }

    fn group(&mut self, number: usize) -> Element {
        let id = format!("group{number}");
        let mut group = Element::new("group").with("id", &id);
        if self.random.chance(25) {
            group.children.extend(set_of(
                self.random,
                "meta_attributes",
                &format!("{id}-meta"),
                META,
                2,
            ));
        }
        for _ in 0..self.random.between(1, 4) {
            let member = self.primitive();
            group.children.push(member);
        }
        group
    }

    fn clone(&mut self, number: usize, promotable: bool) -> Element {
        let id = format!("clone{number}");
        let mut clone = Element::new("clone").with("id", &id);
        let set = format!("{id}-meta");
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        if promotable {
            pairs.push(("promotable", "true"));
        }
        pairs.extend(some(self.random, CLONE_META, 3));
        if self.random.chance(25) {
            pairs.extend(some(self.random, META, 1));
        }
        let mut meta = Element::new("meta_attributes").with("id", &set);
        for (name, value) in pairs {
            if meta
                .children
                .iter()
                .all(|pair| pair.get("name") != Some(name))
            {
                meta.children.push(Element::pair(&set, name, value));
            }
        }
        clone.children.push(meta);
        let stateful = AGENTS[1];
        let inner = if self.random.chance(25) {
            let mut group = self.group(number);
            if promotable {
                group.children.retain(|child| child.name != "primitive");
                for _ in 0..self.random.between(1, 3) {
                    let member = self.primitive_of(stateful);
                    group.children.push(member);
                }
            }
            group
        } else if promotable {
            self.primitive_of(stateful)
        } else {
            self.primitive()
        };
        clone.containing(inner)
    }

    fn bundle(&mut self, number: usize) -> Element {
        let id = format!("bundle{number}");
        let mut container =
            Element::new(self.random.word(&["docker", "podman"])).with("image", "pcmk:test");
        let counts: [vocabulary::Words; 3] = [
            ("replicas", &["1", "2", "3"]),
            ("replicas-per-host", &["1", "2"]),
            ("promoted-max", &["0", "1", "2"]),
        ];
        for (name, value) in some(self.random, &counts, 3) {
            container.set(name, value);
        }
        for (name, value) in [
            ("run-command", "/sbin/start"),
            ("network", "host"),
            ("options", "--log-driver=journald"),
        ] {
            if self.random.chance(30) {
                container.set(name, value);
            }
        }
        let mut bundle = Element::new("bundle").with("id", &id);
        if self.random.chance(25) {
            bundle.children.extend(set_of(
                self.random,
                "meta_attributes",
                &format!("{id}-meta"),
                META,
                1,
            ));
        }
        let promotable = container.get("promoted-max").is_some_and(|max| max != "0");
        bundle.children.push(container);
        let inside = self.random.chance(75);
        if inside || self.random.chance(50) {
            let mut network = Element::new("network");
            let addressed = self.random.chance(50);
            if addressed {
                network.set("ip-range-start", "192.168.122.131");
            }
            if self.random.chance(40) || inside && !addressed {
                network.set("control-port", "9999");
            }
            if self.random.chance(30) {
                let port = Element::new("port-mapping")
                    .with("id", format!("{id}-port"))
                    .with("port", "80");
                network.children.push(port);
            }
            bundle.children.push(network);
        }
        if self.random.chance(30) {
            let mapping = Element::new("storage-mapping")
                .with("id", format!("{id}-storage"))
                .with("source-dir", "/srv/data")
                .with("target-dir", "/data")
                .with("options", "rw");
            bundle
                .children
                .push(Element::new("storage").containing(mapping));
        }
        if inside {
            let inner = if promotable {
                self.primitive_of(AGENTS[1])
            } else {
                self.primitive()
            };
            bundle.children.push(inner);
        }
        bundle
    }

    fn guest(&mut self) -> Element {
        let mut host = self.primitive_of(("ocf", "heartbeat", "VirtualDomain"));
        let id = host.id().to_owned();
        host.unset("template");
        let set = format!("{id}-guest");
        let mut meta = Element::new("meta_attributes")
            .with("id", &set)
            .containing(Element::pair(&set, "remote-node", format!("guest-{id}")));
        if self.random.chance(30) {
            meta.children
                .push(Element::pair(&set, "remote-connect-timeout", "60s"));
        }
        if self.random.chance(30) {
            meta.children
                .push(Element::pair(&set, "remote-addr", "192.168.1.1"));
        }
        if host.get("class").is_none() {
            host.set("class", "ocf");
            host.set("provider", "heartbeat");
            host.set("type", "VirtualDomain");
        }
        host.children.insert(0, meta);
        host
    }

    fn remote(&mut self, number: usize) -> Element {
        let id = format!("remote{number}");
        let mut remote = Element::new("primitive")
            .with("id", &id)
            .with("class", "ocf")
            .with("provider", "pacemaker")
            .with("type", "remote");
        let set = format!("{id}-params");
        let table: [vocabulary::Words; 2] = [
            ("server", &["10.0.0.1"]),
            ("reconnect_interval", &["0", "60", "1h"]),
        ];
        remote
            .children
            .extend(set_of(self.random, "instance_attributes", &set, &table, 2));
        if self.random.chance(25) {
            remote.children.extend(set_of(
                self.random,
                "meta_attributes",
                &format!("{id}-meta"),
                META,
                1,
            ));
        }
        let operations = self.operations(&id, false);
        remote.containing(operations)
    }

    fn fence_device(&mut self, number: usize) -> Element {
        let id = format!("fence{number}");
        let mut device = Element::new("primitive")
            .with("id", &id)
            .with("class", "stonith")
            .with(
                "type",
                self.random
                    .word(&["fence_xvm", "fence_ipmilan", "fence_scsi"]),
            );
        let set = format!("{id}-params");
        let table: [vocabulary::Words; 3] = [
            (
                "pcmk_host_list",
                &["node1", "node1 node2", "node1,node2,node3"],
            ),
            ("pcmk_host_map", &["node1:1;node2:2"]),
            ("pcmk_delay_base", &["5s"]),
        ];
        device
            .children
            .extend(set_of(self.random, "instance_attributes", &set, &table, 2));
        if self.random.chance(20) {
            let set = format!("{id}-meta");
            let meta = Element::new("meta_attributes")
                .with("id", &set)
                .containing(Element::pair(&set, "provides", "unfencing"));
            device.children.push(meta);
        }
        if self.random.chance(50) {
            let operations = self.operations(&id, false);
            device.children.push(operations);
        }
        device
    }
}
