//! What happens with features that few clusters have: utilization, connections to remote nodes,
//! bundles, fencing topology, unfencing, node health, values by rules.

use super::status::{fail, is_result, is_state, transient, uname};
use super::{any_of, fresh_id, set_value};
use crate::differential::generate::constraints::Names;
use crate::differential::generate::vocabulary::{CLONE_META, META, OPTIONS, Words};
use crate::differential::generate::{self, rules};
use crate::differential::random::Random;
use crate::differential::tree::Element;

type Done = Option<String>;

/// A node offers, or a resource needs, another amount.
pub(super) fn utilization(random: &mut Random, cib: &mut Element) -> Done {
    let wanted = |e: &Element| matches!(e.name.as_str(), "node" | "primitive");
    let owner = any_of(random, cib, wanted)?;
    let name = random.word(&["cpu", "memory", "disk"]);
    let amount = random.word(&["0", "1", "2", "3", "4", "8", "-1", "100"]);
    set_value(owner, "utilization", name, amount);
    Some(format!("{} has {name}={amount}", owner.id()))
}

/// A monitor finds a resource in another role.
pub(super) fn role_result(random: &mut Random, cib: &mut Element) -> Done {
    let wanted = |e: &Element| is_result(e) && e.get("operation") == Some("monitor");
    let operation = any_of(random, cib, wanted)?;
    let code = random.word(&["0", "8", "9", "7", "190", "191"]);
    operation.set("rc-code", code);
    operation.set("op-status", random.word(&["0", "0", "4"]));
    Some(format!("{} finds {code}", operation.id()))
}

/// The connection to a remote or guest node fails.
pub(super) fn connection(random: &mut Random, cib: &mut Element) -> Done {
    let wanted = |e: &Element| e.name == "lrm_resource" && e.get("type") == Some("remote");
    fail(
        random,
        cib,
        wanted,
        &["monitor", "start", "stop", "migrate_from"],
    )
}

/// A stop fails, which means fencing.
pub(super) fn stop_failure(random: &mut Random, cib: &mut Element) -> Done {
    fail(random, cib, |e| e.name == "lrm_resource", &["stop"])
}

/// Moving a resource alive fails.
pub(super) fn migration_failure(random: &mut Random, cib: &mut Element) -> Done {
    let tasks = ["migrate_to", "migrate_from", "stop"];
    fail(random, cib, |e| e.name == "lrm_resource", &tasks)
}

/// A bundle is configured in another way.
pub(super) fn bundle(random: &mut Random, cib: &mut Element) -> Done {
    const CONTAINER: [Words; 5] = [
        ("replicas", &["0", "1", "2", "3", "4"]),
        ("replicas-per-host", &["1", "2", "3"]),
        ("promoted-max", &["0", "1", "2"]),
        ("masters", &["1"]),
        ("run-command", &["/sbin/start", ""]),
    ];
    const NETWORK: [Words; 6] = [
        ("ip-range-start", &["192.168.122.131", "192.168.122.254"]),
        ("control-port", &["3121", "9999"]),
        ("host-interface", &["eth0"]),
        ("host-netmask", &["24"]),
        ("add-host", &["true", "false"]),
        ("ip-range-start", &["fe80::1"]),
    ];
    let bundle = any_of(random, cib, |e| e.name == "bundle")?;
    let id = bundle.id().to_owned();
    let network = random.chance(50);
    let table: &[Words] = if network { &NETWORK } else { &CONTAINER };
    let (name, values) = random.pick(table)?;
    let value = random.word(values);
    let part = match network {
        true => bundle.children.iter_mut().find(|e| e.name == "network"),
        false => bundle.children.iter_mut().find(|e| is_container(e)),
    };
    part?.set(name, value);
    Some(format!("{id} has {name}={value}"))
}

fn is_container(e: &Element) -> bool {
    matches!(e.name.as_str(), "docker" | "podman" | "rkt")
}

/// Fence devices are used for a node, in some order.
pub(super) fn topology(random: &mut Random, cib: &mut Element) -> Done {
    let names = Names::of(cib);
    let id = fresh_id(cib, "level");
    let level = generate::fencing_level(random, &names, &id)?;
    cib.at_or_new(&["configuration", "fencing-topology"])
        .children
        .push(level);
    Some(format!("{id} is added"))
}

/// A node was unfenced, by some devices.
pub(super) fn unfenced(random: &mut Random, cib: &mut Element) -> Done {
    let names = Names::of(cib);
    let device = random.name(&names.fence_devices);
    let state = any_of(random, cib, is_state)?;
    let id = uname(state);
    let (name, value) = match random.below(4) {
        0 => ("#node-unfenced", "1699990000".to_owned()),
        1 => ("#node-unfenced", "0".to_owned()),
        2 => ("#digests-all", format!("{device}:fence_scsi:0123,")),
        _ => ("#digests-secure", format!("{device}:fence_scsi:0123,")),
    };
    transient(state, name, &value);
    Some(format!("{id} has {name}={value}"))
}

/// A node's health changes.
pub(super) fn health(random: &mut Random, cib: &mut Element) -> Done {
    let state = any_of(random, cib, is_state)?;
    let name = random.word(&["#health-disk", "#health-ipmi", "#health-cpu"]);
    let value = random.word(&["red", "yellow", "green", "10", "-10", "INFINITY", "bogus"]);
    transient(state, name, value);
    Some(format!("{} has {name}={value}", uname(state)))
}

/// A resource gets a second set of values, perhaps by a rule, with a score.
pub(super) fn more_values(random: &mut Random, cib: &mut Element) -> Done {
    let id = fresh_id(cib, "values");
    let table = if random.chance(50) { META } else { CLONE_META };
    let resources = cib.at_or_new(&["configuration", "resources"]);
    let wanted = |e: &Element| matches!(e.name.as_str(), "primitive" | "group" | "clone");
    let resource = any_of(random, resources, wanted)?;
    let (tag, (name, values)) = if random.chance(60) {
        ("meta_attributes", *random.pick(table)?)
    } else {
        ("instance_attributes", ("state", ["1", "2", "3"].as_slice()))
    };
    let mut set = Element::new(tag).with("id", &id);
    if random.chance(60) {
        set.set(
            "score",
            random.word(&["1", "10", "-1", "INFINITY", "-INFINITY"]),
        );
    }
    if random.chance(60) {
        let rule = rules::for_values(random, &format!("{id}-rule"));
        set.children.push(rule);
    }
    let value = random.word(values);
    set.children.push(Element::pair(&id, name, value));
    let at = random.below(2).min(resource.children.len());
    resource.children.insert(at, set);
    Some(format!("{} has {name}={value} by {id}", resource.id()))
}

/// A second set of options, perhaps by a rule, with a score.
pub(super) fn option_set(random: &mut Random, cib: &mut Element) -> Done {
    let id = fresh_id(cib, "more-options");
    let (name, values) = random.pick(OPTIONS)?;
    let value = random.word(values);
    let mut set = Element::new("cluster_property_set").with("id", &id);
    if random.chance(50) {
        set.set("score", random.word(&["1", "-1", "100"]));
    }
    if random.chance(50) {
        set.children
            .push(rules::for_options(random, &format!("{id}-rule")));
    }
    set.children.push(Element::pair(&id, name, value));
    let sets = cib.at_or_new(&["configuration", "crm_config"]);
    let at = random.below(sets.children.len() + 1);
    sets.children.insert(at, set);
    Some(format!("option {name}={value} in {id}"))
}

/// An operation gets values of its own, perhaps by a rule.
pub(super) fn operation_values(random: &mut Random, cib: &mut Element) -> Done {
    const META: [Words; 5] = [
        (
            "on-fail",
            &["ignore", "block", "stop", "fence", "standby", "demote"],
        ),
        ("timeout", &["33s", "0"]),
        ("start-delay", &["5s"]),
        ("enabled", &["false", "true"]),
        ("record-pending", &["false"]),
    ];
    const PARAMETERS: [Words; 2] = [("OCF_CHECK_LEVEL", &["10"]), ("state", &["9"])];
    let id = fresh_id(cib, "op-values");
    let op = any_of(random, cib, |e| e.name == "op")?;
    let (tag, table): (_, &[Words]) = if random.chance(60) {
        ("meta_attributes", &META)
    } else {
        ("instance_attributes", &PARAMETERS)
    };
    let (name, values) = random.pick(table)?;
    let value = random.word(values);
    let mut set = Element::new(tag).with("id", &id);
    if random.chance(35) {
        set.children
            .push(rules::for_values(random, &format!("{id}-rule")));
    }
    set.children.push(Element::pair(&id, name, value));
    op.children.push(set);
    Some(format!("{} has {name}={value} by {id}", op.id()))
}

/// A node is of another type.
pub(super) fn node_type(random: &mut Random, cib: &mut Element) -> Done {
    let node = any_of(random, cib, |e| e.name == "node")?;
    let value = random.word(&["remote", "ping", "member", "normal"]);
    node.set("type", value);
    Some(format!("node {} is of type {value}", node.id()))
}
