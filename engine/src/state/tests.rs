//! Small clusters of the nodes `a`, `b` and `c`, and what is made of their status.

mod failure;
mod instance;
mod migration;
mod node;

use super::*;
use crate::action::{ActionRequest, Key};
use crate::id::ResourceId;
use crate::parse::Limits;
use crate::value::Score;

const NOW: i64 = 1_700_000_000;

/// A status in shorthand: one line for a node (`a up`, `a lost`, `a left`), below it one for each
/// history (`R` and attributes), below that one for each operation: name, interval, exit code and
/// expected code, then attributes. Call ids count up.
fn status(text: &str) -> String {
    let (mut xml, mut open) = (String::new(), "");
    let mut call = 0;
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        let first = next();
        match line.len() - line.trim_start().len() {
            0 => {
                let (in_ccm, join, expected) = match next() {
                    "up" => ("true", "member", "member"),
                    "lost" => ("false", "down", "member"),
                    _ => ("false", "down", "down"),
                };
                let crmd = if in_ccm == "true" {
                    "online"
                } else {
                    "offline"
                };
                let attributes: Vec<_> = words.map(nvpair).collect();
                xml += &format!(
                    "{open}<node_state id='{first}' uname='{first}' in_ccm='{in_ccm}' \
                     crmd='{crmd}' join='{join}' expected='{expected}'>\
                     <transient_attributes id='{first}'><instance_attributes id='t-{first}'>{}\
                     </instance_attributes></transient_attributes><lrm id='{first}'><lrm_resources>\
                     <lrm_resource id=''>",
                    attributes.concat()
                );
                open = "</lrm_resource></lrm_resources></lrm></node_state>";
            }
            2 => {
                let attributes: Vec<_> = words.map(attribute).collect();
                let attributes = attributes.concat();
                xml += &format!(
                    "</lrm_resource><lrm_resource id='{first}' class='ocf' provider='p' \
                     type='Dummy'{attributes}>"
                );
            }
            _ => {
                call += 1;
                let (interval, rc, expected) = (next(), next(), next());
                let op_status = if rc == expected { 0 } else { 4 };
                let attributes: Vec<_> = words.map(attribute).collect();
                let mut attributes = attributes.concat();
                let mut default = |name: &str, value: &str| {
                    if !attributes.contains(&format!(" {name}=")) {
                        attributes += &format!(" {name}='{value}'");
                    }
                };
                default("id", &format!("R_{first}_{interval}"));
                default("op-status", &op_status.to_string());
                default("call-id", &call.to_string());
                xml += &format!(
                    "<lrm_rsc_op operation='{first}' interval='{interval}' rc-code='{rc}' \
                     transition-key='1:1:{expected}:u'{attributes}/>"
                );
            }
        }
    }
    xml + open
}

fn attribute(text: &str) -> String {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    format!(" {name}='{value}'")
}

fn nvpair(text: &str) -> String {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    format!("<nvpair id='{name}' name='{name}' value='{value}'/>")
}

struct Cluster {
    state: State,
}

/// What is made of a status; `options` as `name=value`.
fn observe(options: &str, resources: &str, text: &str) -> Cluster {
    let options: Vec<_> = options.split_whitespace().map(nvpair).collect();
    let node = |name: &str| format!("<node id='{name}' uname='{name}'/>");
    let nodes: String = ["a", "b", "c"].map(node).concat();
    let xml = format!(
        "<cib crm_feature_set='3.19.0' have-quorum='1' dc-uuid='a'><configuration><crm_config>\
         <cluster_property_set id='o'>{}</cluster_property_set></crm_config><nodes>{nodes}</nodes>\
         <resources>{resources}</resources><constraints/></configuration><status>{}</status></cib>",
        options.concat(),
        status(text)
    );
    let document = Document::parse(xml.as_bytes(), &Limits::default()).expect("well-formed");
    let now = Timestamp::utc(NOW);
    let mut config = crate::config::resolve(&document, now).expect("resolves");
    Cluster {
        state: unpack(&document, &mut config, now),
    }
}

fn primitive(id: &str, inside: &str) -> String {
    format!("<primitive id='{id}' class='ocf' provider='p' type='Dummy'>{inside}</primitive>")
}

fn meta(text: &str) -> String {
    let pairs: Vec<_> = text.split_whitespace().map(nvpair).collect();
    format!(
        "<meta_attributes id='m'>{}</meta_attributes>",
        pairs.concat()
    )
}

fn clone(inside: &str, settings: &str) -> String {
    format!("<clone id='C'>{}{inside}</clone>", meta(settings))
}

const FENCE_DEVICE: &str = "<primitive id='F' class='stonith' type='fence_x'/>";
const NO_FENCING: &str = "fencing-enabled=false";

impl Cluster {
    fn id(&self, id: &str) -> ResourceId {
        let mut resources = self.state.resources.enumerate();
        let found = resources.find(|(_, resource)| resource.id == id);
        found.expect("the resource is known").0
    }

    fn resource(&self, id: &str) -> &ResourceState {
        &self.state.resource[self.id(id)]
    }

    fn node_id(&self, name: &str) -> NodeId {
        let mut nodes = self.state.nodes.enumerate();
        nodes
            .find(|(_, node)| node.name == name)
            .expect("the node is known")
            .0
    }

    fn node(&self, name: &str) -> &NodeState {
        &self.state.node[self.node_id(name)]
    }

    /// Names of the nodes where a resource is active, in order.
    fn active(&self, id: &str) -> String {
        let nodes = self.resource(id).active_on.iter();
        let names: Vec<_> = nodes
            .map(|&node| self.state.nodes[node].name.as_str())
            .collect();
        names.join(" ")
    }

    fn score(&self, id: &str, node: &str) -> Option<Score> {
        self.resource(id).allowed.score(self.node_id(node))
    }

    fn is_banned(&self, id: &str, node: &str) -> bool {
        self.score(id, node) == Some(Score::MINUS_INFINITY)
    }

    /// Requests as `resource_task_interval@node`, optional ones in parentheses.
    fn requests(&self) -> Vec<String> {
        let name = |node: NodeId| self.state.nodes[node].name.as_str();
        let text = |request: &ActionRequest| {
            let what = match &request.key {
                Key::Operation {
                    resource,
                    task,
                    interval_ms,
                } => {
                    let id = &self.state.resources[*resource].id;
                    format!("{id}_{}_{interval_ms}", task.name())
                }
                Key::Fence(..) => "fence".to_owned(),
                other => format!("{other:?}"),
            };
            let text = format!("{what}@{}", request.node.map_or("", name));
            if request.optional {
                format!("({text})")
            } else {
                text
            }
        };
        self.state.requests.iter().map(text).collect()
    }
}

#[test]
fn an_active_resource_is_known_with_its_role_node_and_recurring_monitor() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up
  R
    monitor 0 7 7
    start 0 0 0
    monitor 10000 0 0
b up
  R
    monitor 0 7 7
",
    );
    let resource = cluster.resource("R");
    assert_eq!(
        (resource.role, cluster.active("R")),
        (Role::Started, "a".to_owned())
    );
    assert!(!resource.failed);
    let known: Vec<_> = resource.known_on.iter().collect();
    assert_eq!(
        known,
        [cluster.node_id("a"), cluster.node_id("b")],
        "no probe is needed there"
    );
    assert_eq!(cluster.requests(), ["(R_monitor_10000@a)"]);
    assert_eq!(cluster.state.dc, Some(cluster.node_id("a")));
}

#[test]
fn the_order_of_call_ids_counts_not_that_of_elements() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up
  R
    stop 0 0 0 call-id=9
    start 0 0 0 call-id=5
",
    );
    assert_eq!(cluster.resource("R").role, Role::Stopped);
    assert_eq!(cluster.active("R"), "");
}

#[test]
fn a_pending_start_counts_as_active() {
    let cluster = observe(
        NO_FENCING,
        &primitive("R", ""),
        "
a up
  R
    start 0 193 0 op-status=-1 call-id=-1
",
    );
    let resource = cluster.resource("R");
    assert!(resource.start_pending);
    assert_eq!(resource.role, Role::Started);
    assert_eq!(
        resource.pending,
        Some(("start".to_owned(), cluster.node_id("a")))
    );
}

#[test]
fn a_promoted_instance_is_known_by_its_monitor() {
    let cluster = observe(
        NO_FENCING,
        &clone(&primitive("R", ""), "promotable=true"),
        "
a up
  R
    monitor 0 8 7
b up
  R
    start 0 0 0
    monitor 10000 0 0
",
    );
    assert_eq!(cluster.resource("R:0").role, Role::Promoted);
    assert_eq!(cluster.resource("R:1").role, Role::Started);
}

#[test]
fn tickets_are_read_by_name_and_a_second_state_adds_to_the_first() {
    let text = "<tickets><ticket_state id='T2' granted='false' last-granted='7'/>\
                <ticket_state id='T1' granted='true'/>\
                <ticket_state id='T2' standby='true'/></tickets>";
    let document = Document::parse(text.as_bytes(), &Limits::default()).expect("well-formed");
    let mut tickets = BTreeMap::new();
    ticket::read(&document, document.root(), &mut tickets);
    let read: Vec<_> = tickets
        .values()
        .map(|ticket| {
            (
                ticket.id.as_str(),
                ticket.granted,
                ticket.standby,
                ticket.last_granted,
            )
        })
        .collect();
    assert_eq!(read, [("T1", true, false, -1), ("T2", false, true, 7)]);
}
