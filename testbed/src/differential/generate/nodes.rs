//! Which nodes does a random cluster have, how are they, and what fences them?

use super::constraints::Names;
use super::themes::Theme;
use super::vocabulary::{self, MEMBERSHIP};
use super::{EPOCH, rules, set_of};
use crate::differential::random::Random;
use crate::differential::tree::Element;

/// How many nodes there are and what they are called.
pub(super) struct Shape {
    /// Ids and names of cluster nodes.
    nodes: Vec<(String, String)>,
    utilization: bool,
}

impl Shape {
    pub(super) fn new(random: &mut Random, theme: &Theme) -> Self {
        let count = [1, 2, 2, 3, 3, 3, 4, 5, 8][random.below(9)];
        let nodes = (1..=count)
            .map(|n| (n.to_string(), format!("node{n}")))
            .collect();
        Shape {
            nodes,
            utilization: theme.name == "utilization" || random.chance(15),
        }
    }
}

/// `<nodes>`.
pub(super) fn configured(random: &mut Random, shape: &Shape) -> Element {
    let mut all = Element::new("nodes");
    for (id, uname) in &shape.nodes {
        let mut node = Element::new("node").with("id", id).with("uname", uname);
        let set = format!("nodes-{id}");
        if random.chance(35) {
            let attributes = set_of(random, "instance_attributes", &set, vocabulary::NODE, 3);
            node.children.extend(attributes);
        }
        if shape.utilization {
            node.children.push(utilization(
                random,
                &format!("{set}-utilization"),
                &["0", "2", "4", "8"],
            ));
        }
        all.children.push(node);
    }
    all
}

/// `<utilization>` with some capacities.
pub(super) fn utilization(random: &mut Random, id: &str, amounts: &[&str]) -> Element {
    let mut set = Element::new("utilization").with("id", id);
    for name in ["cpu", "memory"] {
        if random.chance(80) {
            set.children
                .push(Element::pair(id, name, random.word(amounts)));
        }
    }
    set
}

/// `<status>`: nodes that are mostly online, with transient attributes, and tickets.
pub(super) fn status(random: &mut Random, shape: &Shape, names: &Names) -> Element {
    let mut status = Element::new("status");
    for (id, uname) in &shape.nodes {
        if random.chance(4) {
            continue;
        }
        status.children.push(node_state(random, id, uname));
    }
    if random.chance(30) {
        let mut tickets = Element::new("tickets");
        for name in &names.tickets {
            if random.chance(80) {
                tickets.children.push(ticket(random, name));
            }
        }
        status.children.push(tickets);
    }
    status
}

/// `<node_state>` of a cluster node, mostly online.
pub fn node_state(random: &mut Random, id: &str, uname: &str) -> Element {
    let healthy = random.chance(85);
    let choice = if healthy {
        Some(&MEMBERSHIP[0])
    } else {
        random.pick(MEMBERSHIP)
    };
    let mut state = Element::new("node_state")
        .with("id", id)
        .with("uname", uname);
    if let Some(values) = choice {
        set_membership(&mut state, values, EPOCH);
    }
    if random.chance(40) {
        let set = format!("status-{id}");
        let attributes = set_of(random, "instance_attributes", &set, vocabulary::NODE, 2);
        let attributes = Element::new("transient_attributes")
            .with("id", id)
            .containing_all(attributes);
        state.children.push(attributes);
    }
    state.containing(
        Element::new("lrm")
            .with("id", id)
            .containing(Element::new("lrm_resources")),
    )
}

/// Sets what a `node_state` says about membership.
pub fn set_membership(state: &mut Element, values: &[&str; 4], now: i64) {
    for (name, value) in ["in_ccm", "crmd", "join", "expected"]
        .into_iter()
        .zip(values)
    {
        match value.parse::<i64>() {
            Ok(before) if before < 0 => state.set(name, (now + before).to_string()),
            _ => state.set(name, *value),
        }
    }
}

/// `<ticket_state>`.
pub fn ticket(random: &mut Random, name: &str) -> Element {
    let mut ticket = Element::new("ticket_state")
        .with("id", name)
        .with("granted", random.word(&["true", "false"]));
    if random.chance(40) {
        ticket.set("standby", random.word(&["true", "false"]));
    }
    if random.chance(40) {
        ticket.set("last-granted", "1699990000");
    }
    ticket
}

/// `<fencing-topology>`, sometimes.
pub(super) fn fencing_topology(random: &mut Random, names: &Names) -> Option<Element> {
    if names.fence_devices.is_empty() || !random.chance(30) {
        return None;
    }
    let mut topology = Element::new("fencing-topology");
    for (number, node) in names.nodes.iter().enumerate() {
        if !random.chance(70) {
            continue;
        }
        for level in 1..=random.between(1, 2) {
            let id = format!("level-{number}-{level}");
            let element = level_of(random, names, &id, node, level);
            topology.children.push(element);
        }
    }
    Some(topology)
}

/// `<fencing-level>` of any node; none if nothing fences.
pub fn fencing_level(random: &mut Random, names: &Names, id: &str) -> Option<Element> {
    let node = random.pick(&names.nodes)?.clone();
    let level = random.between(1, 3);
    (!names.fence_devices.is_empty()).then(|| level_of(random, names, id, &node, level))
}

fn level_of(random: &mut Random, names: &Names, id: &str, node: &str, level: usize) -> Element {
    let devices = random.sample(&names.fence_devices, 2).join(",");
    let mut element = Element::new("fencing-level").with("id", id);
    match random.below(6) {
        0 => element.set("target-pattern", "node.*"),
        1 => {
            element.set("target-attribute", "color");
            element.set("target-value", random.word(vocabulary::COLORS));
        }
        _ => element.set("target", node),
    }
    element
        .with("index", level.to_string())
        .with("devices", devices)
}

/// A set of attributes that may depend on a rule.
pub(super) fn ruled_set(
    random: &mut Random,
    tag: &str,
    id: &str,
    pairs: Vec<Element>,
    chance: usize,
) -> Element {
    let mut set = Element::new(tag).with("id", id);
    if random.chance(chance) {
        set.children
            .push(rules::for_values(random, &format!("{id}-rule")));
        if random.chance(50) {
            set.set("score", random.word(&["1", "10", "-1", "INFINITY"]));
        }
    }
    set.containing_all(pairs)
}
