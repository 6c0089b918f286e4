//! Small clusters made out of fuzzer's bytes: every part of a CIB that decides something, with
//! values that matter.

use std::fmt::Write as _;

use arbitrary::Arbitrary;

use crate::few;

/// A cluster: up to 4 nodes, up to 6 top-level resources, constraints between them, history.
#[derive(Clone, Debug, Arbitrary)]
pub struct Scene {
    options: Vec<ClusterOption>,
    #[arbitrary(with = few::<NodeScene, 4>)]
    nodes: Vec<NodeScene>,
    #[arbitrary(with = few::<ResourceScene, 6>)]
    resources: Vec<ResourceScene>,
    #[arbitrary(with = few::<ConstraintScene, 8>)]
    constraints: Vec<ConstraintScene>,
    quorate: bool,
}

#[derive(Clone, Debug, Arbitrary)]
enum ClusterOption {
    Fencing(bool),
    Symmetric(bool),
    Maintenance(bool),
    StopAll(bool),
    StopRemoved(bool),
    StartupProbes(bool),
    StartFailureFatal(bool),
    Quorum(QuorumPolicy),
    Placement(PlacementStrategy),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum QuorumPolicy {
    Stop,
    Freeze,
    Ignore,
    Demote,
    Fence,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum PlacementStrategy {
    Default,
    Utilization,
    Minimal,
    Balanced,
}

#[derive(Clone, Debug, Arbitrary)]
struct NodeScene {
    membership: Membership,
    standby: bool,
    maintenance: bool,
    #[arbitrary(with = few::<HistoryScene, 8>)]
    history: Vec<HistoryScene>,
    fail_counts: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Membership {
    Online,
    Offline,
    Lost,
    Pending,
    Unseen,
}

#[derive(Clone, Debug, Arbitrary)]
struct HistoryScene {
    resource: u8,
    task: HistoryTask,
    rc: u8,
    status: u8,
    digest: bool,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum HistoryTask {
    Start,
    Stop,
    Probe,
    Monitor,
    Promote,
    Demote,
    MigrateTo,
    MigrateFrom,
}

#[derive(Clone, Debug, Arbitrary)]
struct ResourceScene {
    shape: Shape,
    meta: Vec<MetaScene>,
    monitor: bool,
    monitor_on_fail: OnFail,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Shape {
    Primitive,
    Fencing,
    Group(u8),
    Clone {
        group: bool,
        ordered: bool,
        interleave: bool,
        max: u8,
        notify: bool,
    },
    Promotable {
        max: u8,
        promoted: u8,
        notify: bool,
    },
    Unique {
        max: u8,
        per_node: u8,
    },
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum MetaScene {
    TargetRole(TargetRole),
    Managed(bool),
    Priority(i8),
    Stickiness(Weight),
    Threshold(u8),
    MultipleActive(u8),
    AllowMigrate(bool),
    Requires(u8),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum TargetRole {
    Stopped,
    Started,
    Unpromoted,
    Promoted,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum OnFail {
    Default,
    Ignore,
    Block,
    Stop,
    Restart,
    Standby,
    Fence,
    Demote,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Weight {
    Infinity,
    MinusInfinity,
    Finite(i16),
}

#[derive(Clone, Debug, Arbitrary)]
enum ConstraintScene {
    Location {
        resource: u8,
        node: u8,
        weight: Weight,
    },
    Colocation {
        first: u8,
        second: u8,
        weight: Weight,
        promoted: bool,
    },
    Order {
        first: u8,
        then: u8,
        kind: u8,
        promote: bool,
        symmetrical: bool,
    },
}

impl Weight {
    fn text(self) -> String {
        match self {
            Weight::Infinity => "INFINITY".to_owned(),
            Weight::MinusInfinity => "-INFINITY".to_owned(),
            Weight::Finite(score) => score.to_string(),
        }
    }
}

impl Scene {
    /// The CIB, valid by the newest schema as far as structure goes.
    #[must_use]
    pub fn to_cib(&self) -> String {
        let mut xml = String::from(
            "<cib validate-with=\"pacemaker-4.0\" epoch=\"1\" num_updates=\"0\" admin_epoch=\"0\"",
        );
        let _ = writeln!(
            xml,
            " have-quorum=\"{}\" dc-uuid=\"1\"><configuration>",
            u8::from(self.quorate)
        );
        self.write_options(&mut xml);
        xml.push_str("<nodes>\n");
        for (index, node) in self.nodes.iter().enumerate() {
            let id = index + 1;
            let _ = write!(
                xml,
                "<node id=\"{id}\" uname=\"n{id}\"><instance_attributes id=\"na{id}\">"
            );
            pair(
                &mut xml,
                &format!("na{id}"),
                "standby",
                if node.standby { "on" } else { "off" },
            );
            pair(
                &mut xml,
                &format!("na{id}"),
                "maintenance",
                &node.maintenance.to_string(),
            );
            xml.push_str("</instance_attributes></node>\n");
        }
        xml.push_str("</nodes><resources>\n");
        for (index, resource) in self.resources.iter().enumerate() {
            resource.write(&mut xml, index);
        }
        xml.push_str("</resources><constraints>\n");
        for (index, constraint) in self.constraints.iter().enumerate() {
            self.write_constraint(&mut xml, index, constraint);
        }
        xml.push_str("</constraints></configuration><status>\n");
        for (index, node) in self.nodes.iter().enumerate() {
            self.write_state(&mut xml, index + 1, node);
        }
        xml.push_str("</status></cib>\n");
        xml
    }

    fn write_options(&self, xml: &mut String) {
        xml.push_str("<crm_config><cluster_property_set id=\"o\">\n");
        for option in self.options.iter().take(9) {
            let (name, value) = match option {
                ClusterOption::Fencing(on) => ("fencing-enabled", on.to_string()),
                ClusterOption::Symmetric(on) => ("symmetric-cluster", on.to_string()),
                ClusterOption::Maintenance(on) => ("maintenance-mode", on.to_string()),
                ClusterOption::StopAll(on) => ("stop-all-resources", on.to_string()),
                ClusterOption::StopRemoved(on) => ("stop-removed-resources", on.to_string()),
                ClusterOption::StartupProbes(on) => ("enable-startup-probes", on.to_string()),
                ClusterOption::StartFailureFatal(on) => ("start-failure-is-fatal", on.to_string()),
                ClusterOption::Quorum(policy) => {
                    ("no-quorum-policy", format!("{policy:?}").to_lowercase())
                }
                ClusterOption::Placement(strategy) => {
                    ("placement-strategy", format!("{strategy:?}").to_lowercase())
                }
            };
            pair(xml, "o", name, &value);
        }
        xml.push_str("</cluster_property_set></crm_config>\n");
    }

    fn top(&self, index: u8) -> Option<String> {
        let index = usize::from(index).checked_rem(self.resources.len())?;
        Some(format!("{}{index}", self.resources[index].shape.prefix()))
    }

    fn node(&self, index: u8) -> Option<usize> {
        usize::from(index)
            .checked_rem(self.nodes.len())
            .map(|index| index + 1)
    }

    fn write_constraint(&self, xml: &mut String, index: usize, constraint: &ConstraintScene) {
        match constraint {
            ConstraintScene::Location {
                resource,
                node,
                weight,
            } => {
                let (Some(resource), Some(node)) = (self.top(*resource), self.node(*node)) else {
                    return;
                };
                let score = weight.text();
                let _ = writeln!(
                    xml,
                    "<rsc_location id=\"c{index}\" rsc=\"{resource}\" node=\"n{node}\" score=\"{score}\"/>"
                );
            }
            ConstraintScene::Colocation {
                first,
                second,
                weight,
                promoted,
            } => {
                let (Some(first), Some(second)) = (self.top(*first), self.top(*second)) else {
                    return;
                };
                let role = if *promoted {
                    " with-rsc-role=\"Promoted\""
                } else {
                    ""
                };
                let score = weight.text();
                let _ = writeln!(
                    xml,
                    "<rsc_colocation id=\"c{index}\" rsc=\"{first}\" with-rsc=\"{second}\" score=\"{score}\"{role}/>"
                );
            }
            ConstraintScene::Order {
                first,
                then,
                kind,
                promote,
                symmetrical,
            } => {
                let (Some(first), Some(then)) = (self.top(*first), self.top(*then)) else {
                    return;
                };
                let kind = ["Mandatory", "Optional", "Serialize"][usize::from(*kind) % 3];
                let action = if *promote {
                    " first-action=\"promote\" then-action=\"start\""
                } else {
                    ""
                };
                let symmetrical = if kind == "Serialize" {
                    ""
                } else if *symmetrical {
                    ""
                } else {
                    " symmetrical=\"false\""
                };
                let _ = writeln!(
                    xml,
                    "<rsc_order id=\"c{index}\" first=\"{first}\" then=\"{then}\" kind=\"{kind}\"{action}{symmetrical}/>"
                );
            }
        }
    }

    /// Ids under which the primitives of all resources have history.
    fn primitives(&self) -> Vec<String> {
        let mut ids = vec!["gone".to_owned()];
        for (index, resource) in self.resources.iter().enumerate() {
            for member in 0..resource.shape.members() {
                match resource.shape {
                    Shape::Unique { max, .. } => {
                        ids.extend(
                            (0..max % 4).map(|instance| format!("p{index}x{member}:{instance}")),
                        );
                    }
                    _ => ids.push(format!("p{index}x{member}")),
                }
            }
        }
        ids
    }

    fn write_state(&self, xml: &mut String, id: usize, node: &NodeScene) {
        let (in_ccm, crmd, join, expected) = match node.membership {
            Membership::Online => ("true", "online", "member", "member"),
            Membership::Offline => ("false", "offline", "down", "down"),
            Membership::Lost => ("false", "offline", "member", "member"),
            Membership::Pending => ("true", "offline", "down", "down"),
            Membership::Unseen => return,
        };
        let _ = writeln!(
            xml,
            "<node_state id=\"{id}\" uname=\"n{id}\" in_ccm=\"{in_ccm}\" crmd=\"{crmd}\" join=\"{join}\" expected=\"{expected}\"><lrm id=\"{id}\"><lrm_resources>"
        );
        let primitives = self.primitives();
        let mut by_resource: Vec<Vec<&HistoryScene>> = vec![Vec::new(); primitives.len()];
        for entry in &node.history {
            by_resource[usize::from(entry.resource) % primitives.len()].push(entry);
        }
        for (resource, entries) in primitives.iter().zip(by_resource) {
            if entries.is_empty() {
                continue;
            }
            let _ = writeln!(
                xml,
                "<lrm_resource id=\"{resource}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">"
            );
            for (call, entry) in entries.iter().enumerate() {
                entry.write(xml, resource, call + 1);
            }
            xml.push_str("</lrm_resource>\n");
        }
        xml.push_str("</lrm_resources></lrm>");
        let _ = write!(
            xml,
            "<transient_attributes id=\"{id}\"><instance_attributes id=\"s{id}\">"
        );
        for (resource, count) in primitives.iter().zip(&node.fail_counts) {
            pair(
                xml,
                &format!("s{id}"),
                &format!("fail-count-{resource}#monitor_10000"),
                &count.to_string(),
            );
        }
        xml.push_str("</instance_attributes></transient_attributes></node_state>\n");
    }
}

impl HistoryScene {
    fn write(&self, xml: &mut String, resource: &str, call: usize) {
        let (task, interval) = match self.task {
            HistoryTask::Start => ("start", 0),
            HistoryTask::Stop => ("stop", 0),
            HistoryTask::Probe => ("monitor", 0),
            HistoryTask::Monitor => ("monitor", 10_000),
            HistoryTask::Promote => ("promote", 0),
            HistoryTask::Demote => ("demote", 0),
            HistoryTask::MigrateTo => ("migrate_to", 0),
            HistoryTask::MigrateFrom => ("migrate_from", 0),
        };
        let rc = [0, 7, 1, 5, 8, 9, 6, 2][usize::from(self.rc) % 8];
        let status = [0, 0, 4, 2, -1, 7][usize::from(self.status) % 6];
        let expected = if task == "monitor" && interval == 0 {
            7
        } else {
            0
        };
        let digest = if self.digest {
            " op-digest=\"f2317cad3d54cec5d7d7aa7d0bf35cf8\""
        } else {
            ""
        };
        let migration = if task.starts_with("migrate") {
            " migrate_source=\"n1\" migrate_target=\"n2\""
        } else {
            ""
        };
        let _ = writeln!(
            xml,
            "<lrm_rsc_op id=\"{resource}_{task}_{interval}_{call}\" operation_key=\"{resource}_{task}_{interval}\" operation=\"{task}\" \
             transition-key=\"{call}:1:{expected}:00000000-0000-0000-0000-000000000000\" \
             transition-magic=\"{status}:{rc};{call}:1:{expected}:00000000-0000-0000-0000-000000000000\" \
             call-id=\"{call}\" rc-code=\"{rc}\" op-status=\"{status}\" interval=\"{interval}\" last-rc-change=\"1699990000\"{digest}{migration}/>"
        );
    }
}

impl Shape {
    fn prefix(self) -> &'static str {
        match self {
            Shape::Primitive | Shape::Fencing => "p",
            Shape::Group(_) => "g",
            Shape::Clone { .. } | Shape::Promotable { .. } | Shape::Unique { .. } => "c",
        }
    }

    fn members(self) -> usize {
        match self {
            Shape::Group(members) => usize::from(members % 3) + 1,
            Shape::Clone { group: true, .. } => 2,
            _ => 1,
        }
    }
}

impl ResourceScene {
    fn write(&self, xml: &mut String, index: usize) {
        let id = |prefix: &str| format!("{prefix}{index}");
        match self.shape {
            Shape::Primitive | Shape::Fencing => {
                let _ = write!(xml, "<primitive id=\"{}\" ", id("p"));
                self.write_primitive_body(xml, &id("p"), true);
            }
            Shape::Group(_) => {
                let _ = writeln!(xml, "<group id=\"{}\">", id("g"));
                self.write_meta(xml, &id("g"), &[]);
                self.write_members(xml, index);
                xml.push_str("</group>\n");
            }
            Shape::Clone {
                group,
                ordered,
                interleave,
                max,
                notify,
            } => {
                let extra = [
                    ("ordered", ordered.to_string()),
                    ("interleave", interleave.to_string()),
                    ("notify", notify.to_string()),
                    ("clone-max", (max % 5).to_string()),
                ];
                self.write_clone(xml, index, &extra, group);
            }
            Shape::Promotable {
                max,
                promoted,
                notify,
            } => {
                let extra = [
                    ("promotable", "true".to_owned()),
                    ("clone-max", (max % 5).to_string()),
                    ("promoted-max", (promoted % 3).to_string()),
                    ("notify", notify.to_string()),
                ];
                self.write_clone(xml, index, &extra, false);
            }
            Shape::Unique { max, per_node } => {
                let extra = [
                    ("globally-unique", "true".to_owned()),
                    ("clone-max", (max % 4).to_string()),
                    ("clone-node-max", (per_node % 3).to_string()),
                ];
                self.write_clone(xml, index, &extra, false);
            }
        }
    }

    fn write_clone(&self, xml: &mut String, index: usize, extra: &[(&str, String)], group: bool) {
        let _ = writeln!(xml, "<clone id=\"c{index}\">");
        self.write_meta(xml, &format!("c{index}"), extra);
        if group {
            let _ = writeln!(xml, "<group id=\"g{index}\">");
        }
        self.write_members(xml, index);
        if group {
            xml.push_str("</group>\n");
        }
        xml.push_str("</clone>\n");
    }

    fn write_members(&self, xml: &mut String, index: usize) {
        for member in 0..self.shape.members() {
            let id = format!("p{index}x{member}");
            let _ = write!(xml, "<primitive id=\"{id}\" ");
            self.write_primitive_body(xml, &id, false);
        }
    }

    fn write_primitive_body(&self, xml: &mut String, id: &str, with_meta: bool) {
        let agent = match self.shape {
            Shape::Fencing => "class=\"stonith\" type=\"fence_dummy\"",
            Shape::Promotable { .. } => "class=\"ocf\" provider=\"pacemaker\" type=\"Stateful\"",
            _ => "class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"",
        };
        let _ = writeln!(xml, "{agent}>");
        if with_meta {
            self.write_meta(xml, id, &[]);
        }
        if self.monitor {
            let on_fail = match self.monitor_on_fail {
                OnFail::Default => String::new(),
                other => format!(" on-fail=\"{}\"", format!("{other:?}").to_lowercase()),
            };
            let _ = writeln!(
                xml,
                "<operations><op id=\"{id}m\" name=\"monitor\" interval=\"10s\"{on_fail}/></operations>"
            );
        }
        xml.push_str("</primitive>\n");
    }

    fn write_meta(&self, xml: &mut String, id: &str, extra: &[(&str, String)]) {
        let _ = writeln!(xml, "<meta_attributes id=\"{id}-meta\">");
        for (name, value) in extra {
            pair(xml, &format!("{id}-meta"), name, value);
        }
        for meta in self.meta.iter().take(6) {
            let (name, value) = match meta {
                MetaScene::TargetRole(role) => ("target-role", format!("{role:?}")),
                MetaScene::Managed(on) => ("is-managed", on.to_string()),
                MetaScene::Priority(priority) => ("priority", priority.to_string()),
                MetaScene::Stickiness(weight) => ("resource-stickiness", weight.text()),
                MetaScene::Threshold(count) => ("migration-threshold", count.to_string()),
                MetaScene::MultipleActive(which) => {
                    let values = ["stop_start", "stop_only", "block", "stop_unexpected"];
                    (
                        "multiple-active",
                        values[usize::from(*which) % 4].to_owned(),
                    )
                }
                MetaScene::AllowMigrate(on) => ("allow-migrate", on.to_string()),
                MetaScene::Requires(which) => {
                    let values = ["nothing", "quorum", "fencing", "unfencing"];
                    ("requires", values[usize::from(*which) % 4].to_owned())
                }
            };
            pair(xml, &format!("{id}-meta"), name, &value);
        }
        xml.push_str("</meta_attributes>\n");
    }
}

fn pair(xml: &mut String, set: &str, name: &str, value: &str) {
    let _ = writeln!(
        xml,
        "<nvpair id=\"{set}-{name}\" name=\"{name}\" value=\"{value}\"/>"
    );
}
