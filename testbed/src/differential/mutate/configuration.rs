//! What people change in a cluster's configuration.

use super::{any_of, fresh_id, set_value};
use crate::differential::generate::constraints::{self, Names};
use crate::differential::generate::vocabulary::{
    CLONE_META, META, NODE, OPERATION, OPTIONS, SCORES,
};
use crate::differential::generate::{node_state, rules};
use crate::differential::random::Random;
use crate::differential::tree::Element;

type Done = Option<String>;

fn is_resource(e: &Element) -> bool {
    matches!(
        e.name.as_str(),
        "primitive" | "group" | "clone" | "master" | "bundle"
    )
}

fn is_constraint(e: &Element) -> bool {
    matches!(
        e.name.as_str(),
        "rsc_location" | "rsc_colocation" | "rsc_order" | "rsc_ticket"
    )
}

/// A cluster option is set.
pub(super) fn option(random: &mut Random, cib: &mut Element) -> Done {
    let (name, values) = random.pick(OPTIONS)?;
    let value = random.word(values);
    let options = cib.at_or_new(&["configuration", "crm_config"]);
    if options.children.is_empty() {
        options
            .children
            .push(Element::new("cluster_property_set").with("id", "options"));
    }
    let set = &mut options.children[0];
    let id = set.id().to_owned();
    match set
        .children
        .iter_mut()
        .find(|pair| pair.get("name") == Some(name))
    {
        Some(pair) => pair.set("value", value),
        None => set.children.push(Element::pair(&id, name, value)),
    }
    Some(format!("option {name}={value}"))
}

/// A meta-attribute of a resource is set.
pub(super) fn meta(random: &mut Random, cib: &mut Element) -> Done {
    let (name, values) = random.pick(META)?;
    let value = random.word(values);
    let resource = any_of(random, cib, is_resource)?;
    set_value(resource, "meta_attributes", name, value);
    Some(format!("{} {name}={value}", resource.id()))
}

/// A meta-attribute of a clone is set.
pub(super) fn clone_meta(random: &mut Random, cib: &mut Element) -> Done {
    let (name, values) = random.pick(CLONE_META)?;
    let value = random.word(values);
    let resource = any_of(random, cib, |e| {
        matches!(e.name.as_str(), "clone" | "master")
    })?;
    set_value(resource, "meta_attributes", name, value);
    Some(format!("{} {name}={value}", resource.id()))
}

/// A parameter of a resource changes.
pub(super) fn parameter(random: &mut Random, cib: &mut Element) -> Done {
    let resource = any_of(random, cib, |e| e.name == "primitive")?;
    let name = random.word(&["state", "ip", "fake", "passwd", "envfile"]);
    let value = random.word(&["1", "2", "other", ""]);
    set_value(resource, "instance_attributes", name, value);
    Some(format!("{} {name}={value}", resource.id()))
}

/// An operation is configured in another way.
pub(super) fn operation(random: &mut Random, cib: &mut Element) -> Done {
    let (name, values) = random.pick(OPERATION)?;
    let value = random.word(values);
    if random.chance(25) {
        let id = fresh_id(cib, "op");
        let resource = any_of(random, cib, |e| e.name == "primitive")?;
        let task = random.word(&["monitor", "start", "stop", "promote", "demote", "monitor"]);
        let interval = if task == "monitor" { "10s" } else { "0" };
        let mut op = Element::new("op")
            .with("id", id)
            .with("name", task)
            .with("interval", interval);
        op.set(name, value);
        resource.child_or_new("operations").children.push(op);
        return Some(format!("{} gets {task} with {name}={value}", resource.id()));
    }
    let op = any_of(random, cib, |e| e.name == "op")?;
    op.set(name, value);
    Some(format!("{} {name}={value}", op.id()))
}

/// A constraint is added.
pub(super) fn add_constraint(random: &mut Random, cib: &mut Element) -> Done {
    let names = Names::of(cib);
    let id = fresh_id(cib, "added");
    let constraint = constraints::any(random, &names, &id)?;
    let all = cib.at_or_new(&["configuration", "constraints"]);
    let at = random.below(all.children.len() + 1);
    let done = format!("{} {id} is added", constraint.name);
    all.children.insert(at, constraint);
    Some(done)
}

/// A constraint changes.
pub(super) fn edit_constraint(random: &mut Random, cib: &mut Element) -> Done {
    let names = Names::of(cib);
    let constraint = any_of(random, cib, is_constraint)?;
    let fresh = constraints::any(random, &names, constraint.id())?;
    if fresh.name == constraint.name && random.chance(50) {
        *constraint = fresh;
        return Some(format!("{} is rewritten", constraint.id()));
    }
    let attributes: Vec<String> = constraint
        .attributes
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| name != "id")
        .collect();
    let attribute = random.name(&attributes);
    let value = match attribute.as_str() {
        "score" => random.word(SCORES).to_owned(),
        "rsc" | "with-rsc" | "first" | "then" => random.name(&names.resources),
        "node" => random.name(&names.nodes),
        "kind" => random
            .word(&["Mandatory", "Optional", "Serialize"])
            .to_owned(),
        "symmetrical" | "require-all" | "influence" => random.word(&["true", "false"]).to_owned(),
        _ => return None,
    };
    let other_end = match attribute.as_str() {
        "first" => constraint.get("then"),
        "then" => constraint.get("first"),
        _ => None,
    };
    if other_end.is_some_and(|other| names.are_same(other, &value)) {
        // The peer crashes on what is ordered with itself.
        return None;
    }
    constraint.set(&attribute, &value);
    Some(format!("{} {attribute}={value}", constraint.id()))
}

/// A constraint is removed.
pub(super) fn remove_constraint(random: &mut Random, cib: &mut Element) -> Done {
    let all = cib.at_or_new(&["configuration", "constraints"]);
    if all.children.is_empty() {
        return None;
    }
    let gone = all.children.remove(random.below(all.children.len()));
    Some(format!("{} is removed", gone.id()))
}

/// A resource is removed, its history stays; constraints that name it go with it.
pub(super) fn remove_resource(random: &mut Random, cib: &mut Element) -> Done {
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let parent = any_of(random, resources, |e| {
        e.children.iter().filter(|c| is_resource(c)).count() > 1
    })?;
    let at: Vec<usize> = (0..parent.children.len())
        .filter(|at| is_resource(&parent.children[*at]))
        .collect();
    let gone = parent.children.remove(*random.pick(&at)?);
    let mut ids = Vec::new();
    gone.visit(&mut |e| ids.push(e.id().to_owned()));
    let names_gone = |e: &Element| {
        let mut named = false;
        e.visit(&mut |e| {
            named |= ["rsc", "with-rsc", "first", "then"].iter().any(|name| {
                e.get(name)
                    .is_some_and(|id| ids.iter().any(|gone| gone == id))
            }) || e.name == "resource_ref" && ids.iter().any(|gone| gone == e.id());
        });
        named
    };
    let configuration = cib.at_or_new(&["configuration"]);
    configuration
        .at_or_new(&["constraints"])
        .children
        .retain(|c| !names_gone(c));
    configuration
        .children
        .retain(|section| !matches!(section.name.as_str(), "tags" | "fencing-topology"));
    Some(format!("{} is removed", gone.id()))
}

/// A resource moves to another place in the configuration, perhaps into or out of a group.
pub(super) fn move_resource(random: &mut Random, cib: &mut Element) -> Done {
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let movable = |e: &Element| e.name == "primitive";
    let parent = any_of(random, resources, |e| {
        matches!(e.name.as_str(), "resources" | "group")
            && e.children.iter().filter(|c| movable(c)).count() > 1
    })?;
    let at: Vec<usize> = (0..parent.children.len())
        .filter(|at| movable(&parent.children[*at]))
        .collect();
    let moved = parent.children.remove(*random.pick(&at)?);
    let id = moved.id().to_owned();
    let target = any_of(random, resources, |e| {
        matches!(e.name.as_str(), "resources" | "group")
    })?;
    let first = target
        .children
        .iter()
        .position(is_resource)
        .unwrap_or(target.children.len());
    let at = random.between(first, target.children.len());
    target.children.insert(at, moved);
    Some(format!("{id} moves to {}", target.id()))
}

/// A resource becomes a clone.
pub(super) fn wrap_in_clone(random: &mut Random, cib: &mut Element) -> Done {
    let id = fresh_id(cib, "cloned");
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let at: Vec<usize> = (0..resources.children.len())
        .filter(|at| matches!(resources.children[*at].name.as_str(), "primitive" | "group"))
        .collect();
    let at = *random.pick(&at)?;
    let inner = std::mem::replace(
        &mut resources.children[at],
        Element::new("clone").with("id", &id),
    );
    let done = format!("{} is cloned", inner.id());
    resources.children[at].children.push(inner);
    if random.chance(50) {
        set_value(
            &mut resources.children[at],
            "meta_attributes",
            "promotable",
            "true",
        );
    }
    Some(done)
}

/// A permanent attribute of a node is set.
pub(super) fn node_attribute(random: &mut Random, cib: &mut Element) -> Done {
    let (name, values) = random.pick(NODE)?;
    let value = random.word(values);
    let node = any_of(random, cib, |e| e.name == "node")?;
    set_value(node, "instance_attributes", name, value);
    Some(format!(
        "{} {name}={value}",
        node.get("uname").unwrap_or(node.id())
    ))
}

/// A node joins.
pub(super) fn add_node(random: &mut Random, cib: &mut Element) -> Done {
    let id = (1001..)
        .find(|id| cib.find_all(|e| e.id() == id.to_string()).is_empty())?
        .to_string();
    let uname = format!("new{id}");
    let node = Element::new("node").with("id", &id).with("uname", &uname);
    cib.at_or_new(&["configuration", "nodes"])
        .children
        .push(node);
    if random.chance(80) {
        let state = node_state(random, &id, &uname);
        cib.at_or_new(&["status"]).children.push(state);
    }
    Some(format!("{uname} joins"))
}

/// A node is removed from the configuration.
pub(super) fn remove_node(random: &mut Random, cib: &mut Element) -> Done {
    let nodes = cib.at_or_new(&["configuration", "nodes"]);
    if nodes.children.len() < 2 {
        return None;
    }
    let gone = nodes.children.remove(random.below(nodes.children.len()));
    Some(format!("node {} is removed", gone.id()))
}

/// A number becomes another one.
pub(super) fn number(random: &mut Random, cib: &mut Element) -> Done {
    let configuration = cib.at_or_new(&["configuration"]);
    let is_number = |e: &Element| {
        let value = e.get("value").or(e.get("score"));
        value.is_some_and(|value| value.parse::<i64>().is_ok())
    };
    let e = any_of(random, configuration, is_number)?;
    let name = if e.get("value").is_some() {
        "value"
    } else {
        "score"
    };
    let old: i64 = e.get(name)?.parse().ok()?;
    let new = match random.below(6) {
        0 => "INFINITY".to_owned(),
        1 => "-INFINITY".to_owned(),
        2 => "0".to_owned(),
        3 => old.saturating_neg().to_string(),
        4 => old.saturating_sub(1).to_string(),
        _ => old.saturating_add(1).to_string(),
    };
    e.set(name, &new);
    Some(format!("{} {name}={new}", e.id()))
}

/// Two neighbours change places.
pub(super) fn swap(random: &mut Random, cib: &mut Element) -> Done {
    let ordered = [
        "resources",
        "constraints",
        "nodes",
        "group",
        "lrm_resources",
        "lrm_resource",
        "status",
    ];
    let parent = any_of(random, cib, |e| {
        ordered.contains(&e.name.as_str()) && e.children.len() > 1
    })?;
    let at = random.below(parent.children.len() - 1);
    if parent.children[at].name != parent.children[at + 1].name {
        return None;
    }
    parent.children.swap(at, at + 1);
    Some(format!(
        "{} and {} change places",
        parent.children[at].id(),
        parent.children[at + 1].id()
    ))
}

/// Anything in the configuration is removed.
pub(super) fn remove_anything(random: &mut Random, cib: &mut Element) -> Done {
    const OPTIONAL: [&str; 5] = [
        "meta_attributes",
        "instance_attributes",
        "operations",
        "utilization",
        "nvpair",
    ];
    let optional = |e: &Element| OPTIONAL.contains(&e.name.as_str());
    let configuration = cib.at_or_new(&["configuration"]);
    let parent = any_of(random, configuration, |e| e.children.iter().any(optional))?;
    let at = parent.children.iter().position(optional)?;
    let gone = parent.children.remove(at);
    Some(format!("{} {} is removed", gone.name, gone.id()))
}

/// What a resource's values are depends on a rule.
pub(super) fn resource_rule(random: &mut Random, cib: &mut Element) -> Done {
    let id = fresh_id(cib, "rule");
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let set = any_of(random, resources, |e| {
        matches!(e.name.as_str(), "meta_attributes" | "instance_attributes")
            && e.child("rule").is_none()
    })?;
    set.children.insert(0, rules::for_values(random, &id));
    Some(format!("{} depends on a rule", set.id()))
}

/// A resource gets another agent.
pub(super) fn agent(random: &mut Random, cib: &mut Element) -> Done {
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let plain = |e: &Element| e.name == "primitive" && e.get("class") == Some("ocf");
    let resource = any_of(random, resources, plain)?;
    let agent = random.word(&["Dummy", "Stateful", "IPaddr2", "remote", "ping"]);
    resource.set("type", agent);
    if agent == "remote" {
        resource.set("provider", "pacemaker");
    }
    Some(format!("{} is of type {agent}", resource.id()))
}

/// A resource is configured twice, under two names.
pub(super) fn duplicate(random: &mut Random, cib: &mut Element) -> Done {
    let suffix = fresh_id(cib, "copy");
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let wanted = |e: &Element| is_resource(e) || e.name == "resources";
    let holder = any_of(random, resources, |e| {
        matches!(e.name.as_str(), "resources" | "group") && e.children.iter().any(wanted)
    })?;
    let at: Vec<usize> = (0..holder.children.len())
        .filter(|at| is_resource(&holder.children[*at]))
        .collect();
    let at = *random.pick(&at)?;
    let mut copy = holder.children[at].clone();
    rename_all(&mut copy, &suffix);
    let done = format!("{} is a copy", copy.id());
    holder.children.insert(at + 1, copy);
    Some(done)
}

fn rename_all(e: &mut Element, suffix: &str) {
    if let Some(id) = e.get("id") {
        let id = format!("{id}-{suffix}");
        e.set("id", id);
    }
    if e.get("name") == Some("remote-node") {
        let value = format!("{}-{suffix}", e.get("value").unwrap_or("guest"));
        e.set("value", value);
    }
    for child in &mut e.children {
        rename_all(child, suffix);
    }
}

/// A set of values is that of another resource.
pub(super) fn shared_set(random: &mut Random, cib: &mut Element) -> Done {
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let tag = random.word(&["meta_attributes", "instance_attributes", "operations"]);
    let sets = resources.find_all(|e| e.name == tag && e.get("id").is_some());
    let shared = random.pick(&sets)?.id().to_owned();
    let resource = any_of(random, resources, |e| {
        is_resource(e) && e.child(tag).is_none_or(|set| set.id() != shared)
    })?;
    if tag == "operations" && resource.name != "primitive" {
        return None;
    }
    let reference = Element::new(tag).with("id-ref", &shared);
    match resource.children.iter_mut().find(|child| child.name == tag) {
        Some(set) => *set = reference,
        None if tag == "operations" => resource.children.push(reference),
        None => resource.children.insert(0, reference),
    }
    Some(format!("{} shares {shared}", resource.id()))
}

/// Defaults for all resources or operations are set.
pub(super) fn default(random: &mut Random, cib: &mut Element) -> Done {
    let id = fresh_id(cib, "default");
    let operations = random.chance(40);
    let (section, table) = match operations {
        true => ("op_defaults", OPERATION),
        false => ("rsc_defaults", META),
    };
    let (name, values) = random.pick(table)?;
    let value = random.word(values);
    let mut set = Element::new("meta_attributes").with("id", &id);
    if random.chance(30) {
        let rule = rules::for_defaults(random, &format!("{id}-rule"), operations);
        set.children.push(rule);
    }
    set.children.push(Element::pair(&id, name, value));
    let configuration = cib.at_or_new(&["configuration"]);
    configuration.child_or_new(section).children.push(set);
    Some(format!("{section} {name}={value}"))
}

/// A tag is added, and used like a resource.
pub(super) fn tag(random: &mut Random, cib: &mut Element) -> Done {
    let id = fresh_id(cib, "tag");
    let names = Names::of(cib);
    let count = random.between(1, 3);
    let mut members = random.sample(&names.resources, count);
    members.sort_unstable();
    members.dedup();
    let references = members
        .iter()
        .map(|id| Element::new("obj_ref").with("id", id));
    let tag = Element::new("tag")
        .with("id", &id)
        .containing_all(references);
    cib.at_or_new(&["configuration", "tags"]).children.push(tag);
    let constraint = any_of(random, cib, is_constraint)?;
    let attribute = random.word(&["rsc", "with-rsc", "first", "then"]);
    constraint.get(attribute)?;
    let other_end = match attribute {
        "first" => constraint.get("then"),
        "then" => constraint.get("first"),
        _ => None,
    };
    let is_other_end = |member: &String| other_end.is_some_and(|id| names.are_same(id, member));
    if members.iter().any(is_other_end) {
        // The peer crashes on what is ordered with itself.
        return None;
    }
    constraint.set(attribute, &id);
    Some(format!("{} {attribute}={id}", constraint.id()))
}
