//! What does a cluster of a family look like as a CIB?
//!
//! A [`Cib`] takes nodes, resources and constraints, and writes them with the history that a
//! cluster has in which every resource was probed on every node and runs where it was put.

use std::fmt;

/// A role that a resource has on a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Started,
    Promoted,
    Unpromoted,
}

/// An agent: class, provider, type.
#[derive(Clone, Copy)]
pub(super) struct Agent(&'static str, Option<&'static str>, &'static str);

pub(super) const DUMMY: Agent = Agent("ocf", Some("pacemaker"), "Dummy");
pub(super) const STATEFUL: Agent = Agent("ocf", Some("pacemaker"), "Stateful");
pub(super) const REMOTE: Agent = Agent("ocf", Some("pacemaker"), "remote");
const FENCING: Agent = Agent("stonith", None, "fence_dummy");
/// Agents as they occur side by side.
pub(super) const AGENTS: [Agent; 5] = [
    DUMMY,
    Agent("ocf", Some("heartbeat"), "Dummy"),
    Agent("ocf", Some("heartbeat"), "IPaddr2"),
    Agent("ocf", Some("heartbeat"), "Filesystem"),
    Agent("systemd", None, "httpd"),
];

struct Node {
    name: String,
    id: String,
    remote: bool,
    lost: bool,
    /// Its transient attributes, as `nvpair`s.
    attributes: String,
}

struct Primitive {
    id: String,
    agent: Agent,
    runs: Vec<(usize, Role)>,
}

/// A cluster under construction.
pub(super) struct Cib {
    nodes: Vec<Node>,
    primitives: Vec<Primitive>,
    resources: String,
    constraints: String,
}

impl Cib {
    /// A cluster of `nodes` nodes, of which the numbers in `lost` have just left it, with a fence
    /// device.
    pub(super) fn new(nodes: usize, lost: &[usize]) -> Self {
        let nodes = (0..nodes).map(|number| Node {
            name: format!("node{:03}", number + 1),
            id: format!("{}", number + 1),
            remote: false,
            lost: lost.contains(&number),
            attributes: String::new(),
        });
        let mut cib = Cib {
            nodes: nodes.collect(),
            primitives: Vec::new(),
            resources: String::new(),
            constraints: String::new(),
        };
        let live = cib.nodes.iter().position(|node| !node.lost).unwrap_or(0);
        let fencing = cib.primitive("fencing", FENCING, &[(live, Role::Started)]);
        cib.resources(&fencing);
        cib
    }

    /// Adds a remote node, which a resource of the same name connects. Returns its number.
    pub(super) fn remote_node(&mut self, name: &str) -> usize {
        self.nodes.push(Node {
            name: name.to_owned(),
            id: name.to_owned(),
            remote: true,
            lost: false,
            attributes: String::new(),
        });
        self.nodes.len() - 1
    }

    /// Makes a primitive that runs on these nodes, and returns its element: to be put into
    /// [`Cib::resources`], alone or in a group or clone.
    pub(super) fn primitive(&mut self, id: &str, agent: Agent, runs: &[(usize, Role)]) -> String {
        self.primitives.push(Primitive {
            id: id.to_owned(),
            agent,
            runs: runs.to_vec(),
        });
        let Agent(class, provider, kind) = agent;
        let provider = provider.map_or(String::new(), |name| format!(" provider=\"{name}\""));
        let monitors: &[(u32, &str)] = match kind {
            "Stateful" => &[(10, " role=\"Master\""), (11, " role=\"Slave\"")],
            _ if class == "stonith" => &[(60, "")],
            _ => &[(10, "")],
        };
        let monitors: String = monitors
            .iter()
            .map(|(seconds, role)| {
                format!(
                    "<op id=\"{id}-monitor-{seconds}s\" name=\"monitor\" interval=\"{seconds}s\" \
                     timeout=\"20s\"{role}/>"
                )
            })
            .collect();
        format!(
            "<primitive id=\"{id}\" class=\"{class}\"{provider} type=\"{kind}\">\n\
             <operations>{monitors}</operations>\n</primitive>\n"
        )
    }

    /// Adds elements to the resources.
    pub(super) fn resources(&mut self, elements: &str) {
        self.resources.push_str(elements);
    }

    /// Adds a clone of these elements, with meta-attributes.
    pub(super) fn clone_of(&mut self, id: &str, meta: &[(&str, &str)], elements: &str) {
        let meta: String = meta.iter().map(|pair| nvpair(id, *pair)).collect();
        self.resources(&format!(
            "<clone id=\"{id}\"><meta_attributes id=\"{id}-meta\">{meta}</meta_attributes>\n\
             {elements}</clone>\n"
        ));
    }

    /// Gives a node a transient attribute.
    pub(super) fn attribute(&mut self, node: usize, name: &str, value: &str) {
        let node = &mut self.nodes[node];
        let pair = nvpair(&format!("status-{}", node.id), (name, value));
        node.attributes.push_str(&pair);
    }

    pub(super) fn location(&mut self, resource: &str, node: usize, score: impl fmt::Display) {
        self.add_location(resource, node, score, "");
    }

    /// Allows a resource on this node and others named so, and on no more: it is not even probed
    /// there.
    pub(super) fn only_on(&mut self, resource: &str, node: usize) {
        self.add_location(resource, node, 100, " resource-discovery=\"exclusive\"");
    }

    fn add_location(&mut self, resource: &str, node: usize, score: impl fmt::Display, more: &str) {
        let node = &self.nodes[node].name;
        self.constraints.push_str(&format!(
            "<rsc_location id=\"at-{resource}-{node}\" rsc=\"{resource}\" node=\"{node}\" \
             score=\"{score}\"{more}/>\n"
        ));
    }

    /// Adds a colocation; `more` are further attributes.
    pub(super) fn colocation(&mut self, dependent: &str, primary: &str, score: &str, more: &str) {
        self.constraints.push_str(&format!(
            "<rsc_colocation id=\"with-{dependent}-{primary}\" rsc=\"{dependent}\" \
             with-rsc=\"{primary}\" score=\"{score}\"{more}/>\n"
        ));
    }

    /// Adds an ordering; `more` are further attributes.
    pub(super) fn order(&mut self, first: &str, then: &str, kind: &str, more: &str) {
        self.constraints.push_str(&format!(
            "<rsc_order id=\"order-{first}-{then}\" first=\"{first}\" then=\"{then}\" \
             kind=\"{kind}\"{more}/>\n"
        ));
    }

    /// The CIB, with history or (as at the first start of a cluster) without.
    pub(super) fn write(&self, history: bool) -> String {
        let mut nodes = String::new();
        let mut status = String::new();
        for (number, node) in self.nodes.iter().enumerate() {
            if !node.remote {
                nodes += &format!("<node id=\"{}\" uname=\"{}\"/>\n", node.id, node.name);
            }
            if history || !node.remote {
                self.write_node_state(&mut status, number, history);
            }
        }
        format!(
            "<cib crm_feature_set=\"{FEATURES}\" validate-with=\"pacemaker-3.0\" epoch=\"10\" \
             num_updates=\"0\" admin_epoch=\"0\" have-quorum=\"1\" dc-uuid=\"1\">\n\
             <configuration>\n<crm_config><cluster_property_set id=\"options\">\
             <nvpair id=\"options-1\" name=\"stonith-enabled\" value=\"true\"/>\
             <nvpair id=\"options-2\" name=\"no-quorum-policy\" value=\"stop\"/>\
             </cluster_property_set></crm_config>\n\
             <nodes>\n{nodes}</nodes>\n<resources>\n{}</resources>\n\
             <constraints>\n{}</constraints>\n\
             <rsc_defaults><meta_attributes id=\"defaults\"><nvpair id=\"defaults-1\" \
             name=\"resource-stickiness\" value=\"1000\"/></meta_attributes></rsc_defaults>\n\
             </configuration>\n<status>\n{status}</status>\n</cib>\n",
            self.resources, self.constraints
        )
    }

    fn write_node_state(&self, text: &mut String, number: usize, history: bool) {
        let node = &self.nodes[number];
        let (id, name) = (&node.id, &node.name);
        let membership = match (node.remote, node.lost) {
            (true, _) => "remote_node=\"true\"",
            (_, false) => "in_ccm=\"true\" crmd=\"online\" join=\"member\" expected=\"member\"",
            (_, true) => "in_ccm=\"false\" crmd=\"offline\" join=\"down\" expected=\"member\"",
        };
        *text += &format!("<node_state id=\"{id}\" uname=\"{name}\" {membership}>\n");
        if history && !node.lost && !node.attributes.is_empty() {
            *text += &format!(
                "<transient_attributes id=\"{id}\"><instance_attributes id=\"status-{id}\">{}\
                 </instance_attributes></transient_attributes>\n",
                node.attributes
            );
        }
        *text += &format!("<lrm id=\"{id}\"><lrm_resources>\n");
        if history {
            for (at, primitive) in self.primitives.iter().enumerate() {
                primitive.write_history(text, number, node, at * 10 + 10);
            }
        }
        *text += "</lrm_resources></lrm>\n</node_state>\n";
    }
}

impl Primitive {
    fn write_history(&self, text: &mut String, number: usize, node: &Node, call: usize) {
        let Agent(class, provider, kind) = self.agent;
        let role = self.runs.iter().find(|(at, _)| *at == number);
        // As if all others were kept from being probed on remote nodes: else the text would grow
        // with the square of their number.
        if node.remote && role.is_none() {
            return;
        }
        let id = &self.id;
        let provider = provider.map_or(String::new(), |name| format!(" provider=\"{name}\""));
        *text += &format!("<lrm_resource id=\"{id}\" class=\"{class}\"{provider} type=\"{kind}\">");
        let monitor_ms = if class == "stonith" { 60_000 } else { 10_000 };
        let operations: &[(&str, u32, u32)] = match role {
            None => &[("monitor", 0, 7)],
            Some((_, Role::Started)) => &[("start", 0, 0), ("monitor", monitor_ms, 0)],
            Some((_, Role::Unpromoted)) => &[("start", 0, 0), ("monitor", 11_000, 0)],
            Some((_, Role::Promoted)) => &[("promote", 0, 0), ("monitor", 10_000, 8)],
        };
        for (call, operation) in (call..).zip(operations) {
            write_operation(text, id, &node.name, call, *operation);
        }
        *text += "</lrm_resource>\n";
    }
}

fn write_operation(
    text: &mut String,
    id: &str,
    node: &str,
    call: usize,
    (task, interval_ms, rc): (&str, u32, u32),
) {
    let name = match interval_ms {
        0 => "last_0".to_owned(),
        _ => format!("{task}_{interval_ms}"),
    };
    // Of no parameters, and of a monitor's timeout.
    let digest = match interval_ms {
        0 => "f2317cad3d54cec5d7d7aa7d0bf35cf8",
        _ => "4811cef7f7f94e3a35a70be7916cb2fd",
    };
    let key = format!("{call}:1:{rc}:5e0a1b2c-0000-4000-8000-000000000001");
    *text += &format!(
        "<lrm_rsc_op id=\"{id}_{name}\" operation_key=\"{id}_{task}_{interval_ms}\" \
         operation=\"{task}\" crm-debug-origin=\"bench\" crm_feature_set=\"{FEATURES}\" \
         transition-key=\"{key}\" transition-magic=\"0:{rc};{key}\" exit-reason=\"\" \
         on_node=\"{node}\" call-id=\"{call}\" rc-code=\"{rc}\" op-status=\"0\" \
         interval=\"{interval_ms}\" last-rc-change=\"1767225600\" exec-time=\"10\" \
         queue-time=\"0\" op-digest=\"{digest}\"/>"
    );
}

fn nvpair(of: &str, (name, value): (&str, &str)) -> String {
    format!("<nvpair id=\"{of}-{name}\" name=\"{name}\" value=\"{value}\"/>")
}

const FEATURES: &str = "3.16.1";
