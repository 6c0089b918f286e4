//! Constraints at random, between what a cluster has. Also used to add one to an existing CIB.

use std::collections::BTreeMap;

use super::rules;
use super::themes::{Constraint, Theme};
use super::vocabulary::SCORES;
use crate::differential::random::Random;
use crate::differential::tree::Element;

const ROLES: [&str; 4] = ["Started", "Promoted", "Unpromoted", "Stopped"];
const ACTIONS: [&str; 5] = ["start", "promote", "demote", "stop", "start"];

/// What a cluster has that can be named.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Names of nodes: cluster, remote and guest nodes.
    pub nodes: Vec<String>,
    /// Ids of resources, of containers twice: they are named more often than what is in them.
    pub resources: Vec<String>,
    /// The clone that is meant where the resource in it is named.
    pub clones: BTreeMap<String, String>,
    /// Ids of primitives, wherever.
    pub primitives: Vec<String>,
    /// Ids of fence devices.
    pub fence_devices: Vec<String>,
    /// Names of tickets.
    pub tickets: Vec<String>,
}

impl Names {
    /// What a CIB has.
    #[must_use]
    pub fn of(cib: &Element) -> Self {
        let mut names = Names::default();
        let configuration = cib.child("configuration");
        let sections = configuration.iter().flat_map(|c| &c.children);
        for section in sections {
            match section.name.as_str() {
                "nodes" => {
                    let unames = section.children.iter().filter_map(|node| node.get("uname"));
                    names.nodes.extend(unames.map(str::to_owned));
                }
                "resources" => section.visit(&mut |e| names.note_resource(e)),
                _ => {}
            }
        }
        let known = cib.find_all(|e| e.name == "rsc_ticket" || e.name == "ticket_state");
        for ticket in known {
            let name = ticket.get("ticket").unwrap_or(ticket.id());
            names.tickets.push(name.to_owned());
        }
        if names.tickets.is_empty() {
            names.tickets = vec!["ticketA".to_owned(), "ticketB".to_owned()];
        }
        names.tickets.sort_unstable();
        names.tickets.dedup();
        names
    }

    /// Whether two ids mean the same resource in a constraint.
    #[must_use]
    pub fn are_same(&self, one: &str, other: &str) -> bool {
        let meant = |id| self.clones.get(id).map_or(id, String::as_str);
        meant(one) == meant(other)
    }

    fn note_resource(&mut self, e: &Element) {
        let id = || e.id().to_owned();
        match e.name.as_str() {
            "primitive" => {
                self.primitives.push(id());
                self.resources.push(id());
                if e.get("class") == Some("stonith") {
                    self.fence_devices.push(id());
                }
                if e.get("type") == Some("remote") {
                    self.nodes.push(id());
                }
            }
            "group" | "clone" | "master" | "bundle" => {
                self.resources.extend([id(), id()]);
                if matches!(e.name.as_str(), "clone" | "master") {
                    let inner = e.children.iter().map(|child| (child.id().to_owned(), id()));
                    self.clones.extend(inner);
                }
            }
            "nvpair" if e.get("name") == Some("remote-node") => {
                self.nodes.extend(e.get("value").map(str::to_owned));
            }
            _ => {}
        }
    }
}

/// A constraint of any kind; none if there is nothing to constrain.
pub fn any(random: &mut Random, names: &Names, id: &str) -> Option<Element> {
    let kind = match random.below(20) {
        0..=3 => Constraint::Location,
        4..=5 => Constraint::RuledLocation,
        6..=10 => Constraint::Colocation,
        11 => Constraint::ColocationSet,
        12..=16 => Constraint::Order,
        17 => Constraint::OrderSet,
        _ => Constraint::Ticket,
    };
    of_kind(random, names, id, kind)
}

/// A constraint, mostly as a theme has it.
pub(super) fn by_theme(
    random: &mut Random,
    names: &Names,
    id: &str,
    theme: &Theme,
) -> Option<Element> {
    match random.pick(theme.constraints) {
        Some(kind) if random.chance(50) => of_kind(random, names, id, *kind),
        _ => any(random, names, id),
    }
}

fn of_kind(random: &mut Random, names: &Names, id: &str, kind: Constraint) -> Option<Element> {
    if names.resources.is_empty() || names.nodes.is_empty() {
        return None;
    }
    Some(match kind {
        Constraint::Location => location(random, names, id, false),
        Constraint::RuledLocation => location(random, names, id, true),
        Constraint::Colocation => colocation(random, names, id),
        Constraint::ColocationSet => colocation_sets(random, names, id),
        Constraint::Order => order(random, names, id),
        Constraint::OrderSet => order_sets(random, names, id),
        Constraint::Ticket => ticket(random, names, id),
    })
}

fn location(random: &mut Random, names: &Names, id: &str, ruled: bool) -> Element {
    let mut location = Element::new("rsc_location").with("id", id);
    match random.below(12) {
        0 => location.set(
            "rsc-pattern",
            random.word(&["^rsc(.*)", "clone.*", "!group", "rsc[12]"]),
        ),
        1 => location
            .children
            .push(set(random, names, &format!("{id}-set"))),
        _ => location.set("rsc", random.name(&names.resources)),
    }
    if random.chance(12) {
        location.set("role", random.word(&ROLES));
    }
    if ruled {
        for number in 0..[1, 1, 1, 2][random.below(4)] {
            let mut rule = rules::for_nodes(random, &format!("{id}-rule{number}"));
            if random.chance(15) {
                rule.set("score-attribute", random.word(&["rack", "pingd", "color"]));
            } else {
                rule.set("score", random.word(SCORES));
            }
            if random.chance(15) {
                rule.set("role", random.word(&["Promoted", "Unpromoted", "Started"]));
            }
            location.children.push(rule);
        }
    } else {
        location.set("score", random.word(SCORES));
        location.set("node", random.name(&names.nodes));
    }
    if random.chance(12) {
        location.set(
            "resource-discovery",
            random.word(&["always", "never", "exclusive"]),
        );
    }
    location
}

fn colocation_frame(random: &mut Random, id: &str) -> Element {
    let mut colocation = Element::new("rsc_colocation").with("id", id);
    if random.chance(90) {
        colocation.set("score", random.word(SCORES));
    }
    if random.chance(10) {
        colocation.set("influence", random.word(&["true", "false"]));
    }
    colocation
}

fn colocation_sets(random: &mut Random, names: &Names, id: &str) -> Element {
    let mut colocation = colocation_frame(random, id);
    for number in 0..random.between(1, 3) {
        let set = set(random, names, &format!("{id}-set{number}"));
        colocation.children.push(set);
    }
    colocation
}

fn colocation(random: &mut Random, names: &Names, id: &str) -> Element {
    let mut colocation = colocation_frame(random, id);
    colocation.set("rsc", random.name(&names.resources));
    colocation.set("with-rsc", random.name(&names.resources));
    for attribute in ["rsc-role", "with-rsc-role"] {
        if random.chance(18) {
            colocation.set(attribute, random.word(&ROLES));
        }
    }
    if random.chance(8) {
        colocation.set("node-attribute", random.word(&["color", "rack"]));
    }
    colocation
}

fn order_frame(random: &mut Random, id: &str) -> Element {
    let mut order = Element::new("rsc_order").with("id", id);
    if random.chance(70) {
        order.set(
            "kind",
            random.word(&["Mandatory", "Mandatory", "Optional", "Serialize"]),
        );
    }
    if random.chance(15) {
        order.set("symmetrical", random.word(&["true", "false"]));
    }
    order
}

fn order_sets(random: &mut Random, names: &Names, id: &str) -> Element {
    let mut order = order_frame(random, id);
    // No resource is in two sets: the peer crashes on what is ordered with itself.
    let mut rest = names.clone();
    for number in 0..random.between(1, 3) {
        let set = set(random, &rest, &format!("{id}-set{number}"));
        rest.resources.retain(|id| {
            let mut members = set.children.iter();
            members.all(|member| !names.are_same(member.id(), id))
        });
        if !set.children.is_empty() {
            order.children.push(set);
        }
    }
    order
}

fn order(random: &mut Random, names: &Names, id: &str) -> Element {
    let mut order = order_frame(random, id);
    if random.chance(12) {
        order.set("require-all", random.word(&["true", "false"]));
    }
    let first = random.name(&names.resources);
    let mut others = names.resources.clone();
    // The peer crashes on what is ordered with itself.
    others.retain(|other| !names.are_same(other, &first));
    if others.is_empty() {
        return colocation(random, names, id);
    }
    let then = random.name(&others);
    order.set("first", first);
    order.set("then", then);
    for attribute in ["first-action", "then-action"] {
        if random.chance(25) {
            order.set(attribute, random.word(&ACTIONS));
        }
    }
    order
}

fn ticket(random: &mut Random, names: &Names, id: &str) -> Element {
    let mut constraint = Element::new("rsc_ticket")
        .with("id", id)
        .with("ticket", random.name(&names.tickets));
    if random.chance(60) {
        constraint.set(
            "loss-policy",
            random.word(&["stop", "demote", "fence", "freeze"]),
        );
    }
    if random.chance(15) {
        constraint
            .children
            .push(set(random, names, &format!("{id}-set")));
        return constraint;
    }
    constraint.set("rsc", random.name(&names.resources));
    if random.chance(30) {
        constraint.set("rsc-role", random.word(&ROLES));
    }
    constraint
}

fn set(random: &mut Random, names: &Names, id: &str) -> Element {
    let mut set = Element::new("resource_set").with("id", id);
    for attribute in ["sequential", "require-all"] {
        if random.chance(30) {
            set.set(attribute, random.word(&["true", "false"]));
        }
    }
    if random.chance(12) {
        set.set("action", random.word(&ACTIONS));
    }
    if random.chance(12) {
        set.set("role", random.word(&ROLES));
    }
    if random.chance(10) {
        set.set("score", random.word(SCORES));
    }
    let mut members: Vec<String> = Vec::new();
    let count = [1, 2, 2, 3, 4][random.below(5)];
    for member in random.sample(&names.resources, count) {
        if members.iter().all(|known| !names.are_same(known, &member)) {
            members.push(member);
        }
    }
    set.containing_all(
        members
            .into_iter()
            .map(|id| Element::new("resource_ref").with("id", id)),
    )
}

/// `<tags>`, sometimes.
pub(super) fn tags(random: &mut Random, names: &Names) -> Option<Element> {
    if names.resources.is_empty() || !random.chance(10) {
        return None;
    }
    let mut members = random.sample(&names.resources, 3);
    members.sort_unstable();
    members.dedup();
    let references = members
        .into_iter()
        .map(|id| Element::new("obj_ref").with("id", id));
    Some(
        Element::new("tags").containing(
            Element::new("tag")
                .with("id", "tag1")
                .containing_all(references),
        ),
    )
}
