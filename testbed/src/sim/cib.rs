//! What is the cluster to run? A small random configuration, what operators make of it later, and
//! how often each of its resources may be active.

use std::collections::BTreeMap;
use std::fmt::Write;

use lockstep_consensus::random::Random;

/// What an agent of the simulator is called in a CIB.
pub(super) const PROVIDER: &str = "sim";

/// Virtual time begins at this date, in seconds since the epoch.
pub(super) const EPOCH: i64 = 1_700_000_000;

/// What a top-level resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Primitive,
    /// So many members.
    Group(usize),
    /// At most so many instances.
    Clone(usize),
    /// At most so many instances, of which one is promoted.
    Promotable(usize),
}

/// A top-level resource.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) shape: Shape,
    pub(super) monitor_s: u64,
    pub(super) migration_threshold: Option<u64>,
    pub(super) failure_timeout_s: Option<u64>,
    pub(super) can_migrate: bool,
    /// Whether its target role says stopped.
    pub(super) stopped: bool,
    /// An instance attribute; a change of it is a restart.
    pub(super) version: u64,
}

/// How often something may be active, and promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) active: usize,
    pub(super) promoted: usize,
}

/// A configuration, as operators think of it.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) nodes: Vec<String>,
    pub(super) resources: Vec<Resource>,
    /// Finished constraint elements.
    constraints: Vec<(String, Vec<String>)>,
    /// A preference that operators move: resource, node, score.
    pub(super) preferences: BTreeMap<String, (String, i64)>,
    pub(super) stickiness: u64,
    pub(super) fence_devices: usize,
    /// Whether each of several devices fences every node, so that one stands in for another.
    fence_in_turn: bool,
    /// `no-quorum-policy`.
    without_quorum: &'static str,
    pub(super) maintenance: bool,
    /// Every id that was ever configured.
    pub(super) limits: BTreeMap<String, Limit>,
    /// Whether anything depends on the date.
    dated: bool,
    next_id: usize,
}

impl Configuration {
    pub(super) fn new(random: &mut Random, nodes: Vec<String>, dated: bool) -> Self {
        let mut configuration = Self {
            nodes,
            resources: Vec::new(),
            constraints: Vec::new(),
            preferences: BTreeMap::new(),
            stickiness: [0, 1, 100][random.below(3) as usize],
            fence_devices: 1 + usize::from(random.chance(300)),
            fence_in_turn: random.chance(500),
            without_quorum: policy_without_quorum(random, dated),
            maintenance: false,
            limits: BTreeMap::new(),
            dated,
            next_id: 0,
        };
        let count = 2 + random.below(4);
        for _ in 0..count {
            configuration.add_resource(random);
        }
        for _ in 0..random.below(count) {
            configuration.add_constraint(random);
        }
        configuration
    }

    pub(super) fn add_resource(&mut self, random: &mut Random) {
        self.next_id += 1;
        let id = format!("r{}", self.next_id);
        let nodes = self.nodes.len();
        let some = |random: &mut Random| 1 + random.below(nodes as u64) as usize;
        let shape = match random.below(10) {
            0..5 => Shape::Primitive,
            5..7 => Shape::Group(2 + random.below(2) as usize),
            7 => Shape::Clone(some(random)),
            _ => Shape::Promotable(some(random)),
        };
        let resource = Resource {
            shape,
            monitor_s: 1 + random.below(5),
            migration_threshold: random.chance(250).then(|| 1 + random.below(3)),
            failure_timeout_s: (random.chance(250) && self.dated).then(|| 3 + random.below(20)),
            can_migrate: shape == Shape::Primitive && random.chance(150),
            stopped: false,
            version: 0,
            id,
        };
        let limit = |active, promoted| Limit { active, promoted };
        match shape {
            Shape::Primitive => {
                self.limits.insert(resource.id.clone(), limit(1, 0));
            }
            Shape::Group(members) => {
                for member in 0..members {
                    let id = format!("{}m{member}", resource.id);
                    self.limits.insert(id, limit(1, 0));
                }
            }
            Shape::Clone(max) => {
                self.limits
                    .insert(format!("{}i", resource.id), limit(max, 0));
            }
            Shape::Promotable(max) => {
                self.limits
                    .insert(format!("{}i", resource.id), limit(max, 1));
            }
        }
        self.resources.push(resource);
    }

    pub(super) fn remove_resource(&mut self, id: &str) {
        self.resources.retain(|resource| resource.id != id);
        self.constraints
            .retain(|(_, about)| !about.iter().any(|other| other == id));
        self.preferences.remove(id);
    }

    pub(super) fn add_constraint(&mut self, random: &mut Random) {
        self.next_id += 1;
        let id = format!("c{}", self.next_id);
        let Some(a) = random.pick(&self.resources).map(|r| r.id.clone()) else {
            return;
        };
        let Some(b) = random.pick(&self.resources).map(|r| r.id.clone()) else {
            return;
        };
        let node = random.pick(&self.nodes).cloned().unwrap_or_default();
        let score = ["INFINITY", "-INFINITY", "100", "-100"][random.below(4) as usize];
        let position = |id: &str| self.resources.iter().position(|r| r.id == id);
        // Later ones depend on earlier ones, so that there are no circles.
        let (a, b) = if position(&a) < position(&b) {
            (a, b)
        } else {
            (b, a)
        };
        match random.below(5) {
            0 | 1 if a != b => {
                let xml = format!(
                    r#"<rsc_colocation id="{id}" rsc="{b}" with-rsc="{a}" score="{score}"/>"#
                );
                self.constraints.push((xml, vec![a, b]));
            }
            2 if a != b => {
                let kind = ["Mandatory", "Optional"][random.below(2) as usize];
                let xml = format!(r#"<rsc_order id="{id}" first="{a}" then="{b}" kind="{kind}"/>"#);
                self.constraints.push((xml, vec![a, b]));
            }
            3 if self.dated => {
                // Holds from some second of the run on, or up to it.
                let at = date(EPOCH + 5 + random.below(40) as i64);
                let (operation, edge) = [("gt", "start"), ("lt", "end")][random.below(2) as usize];
                let xml = format!(
                    r#"<rsc_location id="{id}" rsc="{a}"><rule id="{id}-r" score="{}"><date_expression id="{id}-d" operation="{operation}" {edge}="{at}"/><expression id="{id}-e" attribute="{}" operation="eq" value="{node}"/></rule></rsc_location>"#,
                    100 + random.below(900),
                    "#uname",
                );
                self.constraints.push((xml, vec![a]));
            }
            _ => {
                let score = 10 + random.below(500) as i64;
                self.preferences.insert(a, (node, score));
            }
        }
    }

    /// As a CIB.
    pub(super) fn to_xml(&self) -> String {
        let mut xml = String::from(
            r#"<cib crm_feature_set="3.20.5" validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config><cluster_property_set id="o">"#,
        );
        let maintenance = self.maintenance.to_string();
        let options = [
            ("fencing-enabled", "true"),
            ("no-quorum-policy", self.without_quorum),
            ("fencing-timeout", "8s"),
            ("cluster-recheck-interval", "30s"),
            ("maintenance-mode", &maintenance),
        ];
        pairs(&mut xml, "o", &options);
        xml.push_str("</cluster_property_set></crm_config><nodes>");
        for (number, node) in (1..).zip(&self.nodes) {
            let _ = write!(xml, r#"<node id="{number}" uname="{node}"/>"#);
        }
        xml.push_str("</nodes><resources>");
        for device in 0..self.fence_devices {
            self.fence_device(&mut xml, device);
        }
        for resource in &self.resources {
            resource.write(&mut xml);
        }
        xml.push_str("</resources><constraints>");
        for (constraint, _) in &self.constraints {
            xml.push_str(constraint);
        }
        for (resource, (node, score)) in &self.preferences {
            let _ = write!(
                xml,
                r#"<rsc_location id="p-{resource}" rsc="{resource}" node="{node}" score="{score}"/>"#
            );
        }
        let _ = write!(
            xml,
            r#"</constraints><rsc_defaults><meta_attributes id="d"><nvpair id="d-s" name="resource-stickiness" value="{}"/></meta_attributes></rsc_defaults></configuration><status/></cib>"#,
            self.stickiness
        );
        xml
    }

    /// With two of them, each fences every node, or the second only every other one. The first has to
    /// do with nodes that join later, too: these are in nobody's list.
    fn fence_device(&self, xml: &mut String, device: usize) {
        let hosts: Vec<&str> = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(at, _)| self.fence_in_turn || at % self.fence_devices == device)
            .map(|(_, node)| node.as_str())
            .collect();
        let _ = write!(
            xml,
            r#"<primitive id="fence{device}" class="stonith" type="fence_sim"><instance_attributes id="fence{device}-i">"#
        );
        if device > 0 {
            let id = format!("fence{device}");
            pairs(xml, &id, &[("pcmk_host_list", &hosts.join(" "))]);
        }
        let _ = write!(
            xml,
            r#"</instance_attributes><operations><op id="fence{device}-m" name="monitor" interval="20s" timeout="5s"/></operations></primitive>"#
        );
    }
}

/// Where only controllers are in trouble nothing is to end, also on those that see no quorum.
fn policy_without_quorum(random: &mut Random, any: bool) -> &'static str {
    let policies = match any {
        true => [
            "stop", "stop", "stop", "freeze", "demote", "ignore", "fence",
        ]
        .as_slice(),
        false => ["freeze", "ignore"].as_slice(),
    };
    random.pick(policies).copied().unwrap_or("stop")
}

impl Resource {
    fn write(&self, xml: &mut String) {
        let id = &self.id;
        let mut meta: Vec<(&str, String)> = Vec::new();
        if self.stopped {
            meta.push(("target-role", "Stopped".into()));
        }
        if let Some(threshold) = self.migration_threshold {
            meta.push(("migration-threshold", threshold.to_string()));
        }
        if let Some(seconds) = self.failure_timeout_s {
            meta.push(("failure-timeout", format!("{seconds}s")));
        }
        if self.can_migrate {
            meta.push(("allow-migrate", "true".into()));
        }
        match self.shape {
            Shape::Primitive => self.primitive(xml, id, &meta),
            Shape::Group(members) => {
                let _ = write!(xml, r#"<group id="{id}">"#);
                meta_attributes(xml, id, &meta);
                for member in 0..members {
                    self.primitive(xml, &format!("{id}m{member}"), &[]);
                }
                xml.push_str("</group>");
            }
            Shape::Clone(max) | Shape::Promotable(max) => {
                let promotable = matches!(self.shape, Shape::Promotable(_));
                meta.push(("clone-max", max.to_string()));
                meta.push(("promotable", promotable.to_string()));
                let _ = write!(xml, r#"<clone id="{id}">"#);
                meta_attributes(xml, id, &meta);
                self.primitive(xml, &format!("{id}i"), &[]);
                xml.push_str("</clone>");
            }
        }
    }

    fn primitive(&self, xml: &mut String, id: &str, meta: &[(&str, String)]) {
        let stateful = matches!(self.shape, Shape::Promotable(_));
        let kind = if stateful { "Stateful" } else { "Dummy" };
        let _ = write!(
            xml,
            r#"<primitive id="{id}" class="ocf" provider="{PROVIDER}" type="{kind}"><instance_attributes id="{id}-i">"#
        );
        pairs(xml, id, &[("version", &self.version.to_string())]);
        xml.push_str("</instance_attributes>");
        meta_attributes(xml, id, meta);
        let seconds = self.monitor_s;
        let _ = write!(
            xml,
            r#"<operations><op id="{id}-m" name="monitor" interval="{seconds}s" timeout="3s"/>"#
        );
        if stateful {
            let more = seconds + 1;
            let _ = write!(
                xml,
                r#"<op id="{id}-p" name="monitor" role="Promoted" interval="{more}s" timeout="3s"/>"#
            );
        }
        for task in ["start", "stop", "promote", "demote"] {
            if stateful || !task.ends_with("mote") {
                let _ = write!(
                    xml,
                    r#"<op id="{id}-{task}" name="{task}" interval="0" timeout="4s"/>"#
                );
            }
        }
        xml.push_str("</operations></primitive>");
    }
}

fn meta_attributes(xml: &mut String, id: &str, meta: &[(&str, String)]) {
    if meta.is_empty() {
        return;
    }
    let _ = write!(xml, r#"<meta_attributes id="{id}-meta">"#);
    let meta: Vec<_> = meta.iter().map(|(k, v)| (*k, v.as_str())).collect();
    pairs(xml, &format!("{id}-meta"), &meta);
    xml.push_str("</meta_attributes>");
}

fn pairs(xml: &mut String, id: &str, pairs: &[(&str, &str)]) {
    for (name, value) in pairs {
        let _ = write!(
            xml,
            r#"<nvpair id="{id}-{name}" name="{name}" value="{value}"/>"#
        );
    }
}

/// A moment of the day on which virtual time begins.
fn date(at: i64) -> String {
    // 1,700,000,000 is 2023-11-14 22:13:20; runs are shorter than what is left of that hour.
    let seconds = at - EPOCH + 13 * 60 + 20;
    format!("2023-11-14 22:{:02}:{:02}Z", seconds / 60, seconds % 60)
}
