//! How was a cluster configured before the latest schema? The same cluster in an older one, with the
//! names and elements of then.

use super::vocabulary::Words;
use crate::differential::random::Random;
use crate::differential::tree::Element;

/// Schemas whose upgrade steps differ, oldest first.
const SCHEMAS: [&str; 14] = [
    "1.0", "1.2", "1.3", "2.0", "2.5", "2.10", "3.0", "3.1", "3.2", "3.5", "3.7", "3.8", "3.9",
    "3.10",
];

/// Names of today and of then.
const RENAMED: [(&str, &str); 12] = [
    ("fencing-enabled", "stonith-enabled"),
    ("fencing-action", "stonith-action"),
    ("fencing-timeout", "stonith-timeout"),
    ("fencing-watchdog-timeout", "stonith-watchdog-timeout"),
    ("stop-removed-resources", "stop-orphan-resources"),
    ("stop-removed-actions", "stop-orphan-actions"),
    ("promoted-max", "master-max"),
    ("promoted-node-max", "master-node-max"),
    ("no-quorum-policy", "no_quorum_policy"),
    ("cluster-delay", "cluster_delay"),
    ("is-managed", "is_managed"),
    ("resource-stickiness", "resource_stickiness"),
];

/// Meta-attributes that mean nothing any more.
const BYGONE_META: [Words; 4] = [
    ("restart-type", &["restart", "ignore"]),
    ("can_fail", &["true"]),
    ("role_after_failure", &["Stopped"]),
    ("isolation", &["true"]),
];

/// Makes a cluster an older one; gives the schema that it is in then.
pub fn age(random: &mut Random, cib: &mut Element) -> String {
    let at = random.below(SCHEMAS.len());
    let schema = format!("pacemaker-{}", SCHEMAS[at]);
    cib.set("validate-with", &schema);
    // Before 3.7 there were only masters and slaves.
    let old_roles = at < 10 || random.chance(20);
    let renaming = random.chance(70);
    let typed_nodes = at < 3;
    edit(cib, &mut |e| {
        if old_roles {
            for (name, value) in &mut e.attributes {
                if name.ends_with("role") || name == "value" {
                    match value.as_str() {
                        "Promoted" => "Master".clone_into(value),
                        "Unpromoted" => "Slave".clone_into(value),
                        _ => {}
                    }
                }
            }
        }
        match e.name.as_str() {
            "nvpair" if renaming => {
                let old = e.get("name").and_then(|name| {
                    let row = RENAMED.iter().find(|(new, _)| *new == name)?;
                    Some(row.1)
                });
                // Words with underscores are of another age still.
                if let Some(old) = old.filter(|old| !old.contains('_') || random.chance(15)) {
                    e.set("name", old);
                }
            }
            "node" if typed_nodes => e.set("type", random.word(&["normal", "normal", "member"])),
            "clone" if random.chance(40) => make_master(e),
            "primitive" if random.chance(10) => {
                e.set(
                    "class",
                    random.word(&["nagios", "upstart", "heartbeat", "lsb"]),
                );
                e.unset("provider");
            }
            "meta_attributes" if random.chance(10) => {
                let (name, values) = BYGONE_META[random.below(BYGONE_META.len())];
                let value = random.word(values);
                e.children.push(Element::pair(e.id(), name, value));
            }
            "docker" if random.chance(30) => "rkt".clone_into(&mut e.name),
            "op" if random.chance(8) => e.set("requires", random.word(&["fencing", "quorum"])),
            "rsc_order" if random.chance(15) => {
                e.unset("kind");
                e.set("score", random.word(&["0", "INFINITY", "100"]));
            }
            "rsc_location" | "rsc_colocation" if random.chance(8) => {
                let id = format!("{}-lifetime", e.id());
                let date = Element::new("date_expression")
                    .with("id", format!("{id}-date"))
                    .with("operation", random.word(&["lt", "gt"]))
                    .with("end", "2030-01-01");
                let rule = Element::new("rule")
                    .with("id", id)
                    .with("score", "INFINITY");
                let lifetime = Element::new("lifetime").containing(rule.containing(date));
                e.children.insert(0, lifetime);
            }
            "date_spec" if random.chance(20) => e.set("moon", random.word(&["0-3", "4"])),
            _ => {}
        }
    });
    schema
}

/// A promotable clone as it was written before clones could be promotable.
fn make_master(clone: &mut Element) {
    let is_promotable = |pair: &Element| {
        pair.get("name") == Some("promotable") && pair.get("value") == Some("true")
    };
    let metas = clone.children.iter_mut();
    for meta in metas.filter(|child| child.name == "meta_attributes") {
        let before = meta.children.len();
        meta.children.retain(|pair| !is_promotable(pair));
        if meta.children.len() < before {
            "master".clone_into(&mut clone.name);
            return;
        }
    }
}

fn edit(e: &mut Element, change: &mut impl FnMut(&mut Element)) {
    change(e);
    for child in &mut e.children {
        edit(child, change);
    }
}
