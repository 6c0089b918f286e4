//! Which features did the clusters of a run have? A table of what matters to decisions, counted
//! cluster by cluster, so that one sees what a run says something about.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::tree::Element;

/// A feature, and what shows in a CIB that it is used: any of some facts (see [`facts`]).
type Feature = (&'static str, &'static [&'static str]);

/// Every feature that is looked for.
#[rustfmt::skip]
pub const FEATURES: &[Feature] = &[
    // Resources.
    ("primitive", &["primitive"]),
    ("template", &["primitive template"]),
    ("group", &["group"]),
    ("clone", &["clone", "master"]),
    ("clone of a group", &["clone/group", "master/group"]),
    ("globally unique clone", &["globally-unique=true", "globally-unique=on"]),
    ("promotable clone", &["promotable=true", "master"]),
    ("clone-max, clone-node-max", &["clone-max", "clone-node-max"]),
    ("clone-min", &["clone-min"]),
    ("interleave", &["interleave"]),
    ("ordered clone", &["ordered"]),
    ("notify", &["notify"]),
    ("bundle", &["bundle"]),
    ("promoted bundle", &["podman promoted-max", "docker promoted-max"]),
    ("guest node", &["remote-node"]),
    ("remote node", &["primitive type=remote"]),
    ("fence device", &["primitive class=stonith"]),
    ("utilization", &["node/utilization"]),
    ("shared set (id-ref)", &["meta_attributes id-ref", "instance_attributes id-ref", "operations id-ref"]),
    ("maintenance", &["maintenance"]),
    ("is-managed", &["is-managed"]),
    ("priority", &["priority"]),
    ("target-role", &["target-role"]),
    ("stickiness", &["resource-stickiness"]),
    ("critical", &["critical"]),
    ("multiple-active", &["multiple-active"]),
    ("requires", &["requires"]),
    ("unfencing", &["provides=unfencing", "requires=unfencing"]),
    ("migration-threshold", &["migration-threshold"]),
    ("failure-timeout", &["failure-timeout"]),
    ("live migration", &["allow-migrate"]),
    ("container-attribute-target", &["container-attribute-target"]),
    ("allow-unhealthy-nodes", &["allow-unhealthy-nodes"]),
    // Operations.
    ("on-fail", &["op on-fail"]),
    ("monitor by role", &["op role"]),
    ("disabled operation", &["op enabled=false", "op enabled=off"]),
    ("interval-origin", &["op interval-origin"]),
    ("start-delay", &["op start-delay"]),
    // Constraints.
    ("location", &["rsc_location"]),
    ("location by pattern", &["rsc_location rsc-pattern"]),
    ("resource-discovery", &["rsc_location resource-discovery"]),
    ("location by rule", &["rsc_location/rule"]),
    ("score-attribute", &["rule score-attribute"]),
    ("colocation", &["rsc_colocation"]),
    ("colocation with roles", &["rsc_colocation rsc-role", "rsc_colocation with-rsc-role"]),
    ("colocation by node attribute", &["rsc_colocation node-attribute"]),
    ("colocation influence", &["rsc_colocation influence"]),
    ("colocation set", &["rsc_colocation/resource_set"]),
    ("ordering", &["rsc_order"]),
    ("optional, serialized ordering", &["rsc_order kind"]),
    ("asymmetrical ordering", &["rsc_order symmetrical=false"]),
    ("require-all", &["rsc_order require-all", "resource_set require-all=false"]),
    ("ordered set", &["rsc_order/resource_set"]),
    ("ticket", &["rsc_ticket"]),
    ("tag", &["tag"]),
    ("fencing topology", &["fencing-level"]),
    ("topology by pattern", &["fencing-level target-pattern"]),
    // Rules.
    ("date rule", &["date_expression"]),
    ("date_spec", &["date_spec"]),
    ("duration", &["duration"]),
    ("rule on #uname", &["expression attribute=#uname"]),
    ("rule on attributes", &["expression"]),
    ("rule on agents", &["rsc_expression"]),
    ("rule on operations", &["op_expression"]),
    ("rsc_defaults", &["rsc_defaults/meta_attributes"]),
    ("op_defaults", &["op_defaults/meta_attributes"]),
    // Options.
    ("no fencing", &["fencing-enabled=false", "stonith-enabled=false"]),
    ("no-quorum-policy", &["no-quorum-policy"]),
    ("opt-in cluster", &["symmetric-cluster=false"]),
    ("placement-strategy", &["placement-strategy"]),
    ("node-health-strategy", &["node-health-strategy"]),
    ("maintenance-mode", &["maintenance-mode=true"]),
    ("stop-all-resources", &["stop-all-resources=true"]),
    ("shutdown-lock", &["shutdown-lock=true"]),
    ("start-failure-is-fatal", &["start-failure-is-fatal"]),
    ("stop-removed-resources", &["stop-removed-resources", "stop-orphan-resources"]),
    ("startup probes off", &["enable-startup-probes=false"]),
    ("concurrent-fencing", &["concurrent-fencing"]),
    ("priority-fencing-delay", &["priority-fencing-delay"]),
    ("watchdog", &["have-watchdog=true"]),
    ("node-pending-timeout", &["node-pending-timeout"]),
    // What was observed.
    ("no quorum", &["cib have-quorum=0", "cib have-quorum=false"]),
    ("node that is not online", &["node_state crmd=offline", "node_state in_ccm=false", "node_state crmd=0"]),
    ("node that is joining", &["node_state join=pending", "node_state join=down"]),
    ("node in standby", &["standby=on", "standby=true"]),
    ("node shutting down", &["shutdown"]),
    ("node to terminate", &["terminate=true"]),
    ("locked resource", &["lrm_resource shutdown-lock"]),
    ("remote node fenced", &["node_state node_fenced"]),
    ("pending operation", &["lrm_rsc_op op-status=-1"]),
    ("migration in history", &["lrm_rsc_op operation=migrate_to", "lrm_rsc_op operation=migrate_from"]),
    ("changed parameters", &["lrm_rsc_op op-restart-digest", "lrm_rsc_op op-digest=f2317cad3d54cec5d7d7aa7d0bf35cf8"]),
    ("ticket state", &["ticket_state", "ticket_state granted"]),
    ("removed resource", &["removed resource"]),
    ("bundle in history", &["lrm_resource container"]),
    // Older schemas.
    ("schema 1.x", &["pacemaker-1"]),
    ("schema 2.x", &["pacemaker-2"]),
    ("schema 3.x", &["pacemaker-3"]),
    ("not validated", &["cib validate-with=none"]),
];

/// How many clusters had each feature.
#[derive(Clone, Debug)]
pub struct Coverage(Vec<u64>);

impl Default for Coverage {
    fn default() -> Self {
        Coverage(vec![0; FEATURES.len()])
    }
}

impl Coverage {
    /// Counts a cluster.
    pub fn add(&mut self, cib: &Element) {
        let known = facts(cib);
        for (count, (_, any_of)) in self.0.iter_mut().zip(FEATURES) {
            *count += u64::from(any_of.iter().any(|fact| known.contains(*fact)));
        }
    }

    /// Features that no cluster had.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        let counts = self.0.iter().zip(FEATURES);
        counts
            .filter(|(count, _)| **count == 0)
            .map(|(_, (name, _))| *name)
    }

    /// For a person to read: three features a line.
    #[must_use]
    pub fn to_text(&self, of: u64) -> String {
        let mut text = format!("Of {of} clusters so many have\n");
        let entries: Vec<_> = self.0.iter().zip(FEATURES).collect();
        for row in entries.chunks(3) {
            for (count, (name, _)) in row {
                let _ = write!(text, "{count:7} {name:<30}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// What a CIB has: `TAG`, `TAG ATTRIBUTE`, `TAG ATTRIBUTE=VALUE`, `PARENT/TAG`; of name/value pairs
/// `NAME` and `NAME=VALUE`; `removed resource` if history knows one that is not configured; and the
/// major version of its schema.
fn facts(cib: &Element) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut configured = BTreeSet::new();
    let mut remembered = BTreeSet::new();
    cib.visit(&mut |e| {
        facts.insert(e.name.clone());
        for child in &e.children {
            facts.insert(format!("{}/{}", e.name, child.name));
        }
        for (name, value) in &e.attributes {
            facts.insert(format!("{} {name}", e.name));
            facts.insert(format!("{} {name}={value}", e.name));
        }
        match e.name.as_str() {
            "nvpair" => {
                let (name, value) = (e.get("name"), e.get("value"));
                let name = name.unwrap_or_default();
                facts.insert(name.to_owned());
                facts.insert(format!("{name}={}", value.unwrap_or_default()));
            }
            "primitive" => {
                configured.insert(e.id());
            }
            "lrm_resource" => {
                remembered.insert(e.id().split(':').next().unwrap_or_default());
            }
            _ => {}
        }
    });
    let implied = |name: &str| {
        ["-ip-", "-podman-", "-docker-"]
            .iter()
            .any(|i| name.contains(i))
    };
    if remembered
        .iter()
        .any(|name| !configured.contains(name) && !implied(name))
    {
        facts.insert("removed resource".to_owned());
    }
    if let Some(schema) = cib.get("validate-with") {
        facts.insert(schema.split('.').next().unwrap_or_default().to_owned());
    }
    facts
}
