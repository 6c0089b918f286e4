//! What cluster does a case describe?
//!
//! A case says in a few lines what a CIB says in many. `engine/testdata/README.md` lists the
//! lines that there are; each becomes the elements that an administrator's tool would write.

use crate::cib::{Element, Node};
use crate::words::Words;
use lockstep_engine::simulate::Injections;

/// When every case plays, unless it says another time.
const NOW: i64 = 1_767_225_600;
const NOW_TEXT: &str = "2026-01-01 00:00:00Z";

/// A case's input.
#[derive(Clone)]
pub(crate) struct Fixture {
    /// The CIB.
    pub(crate) cib: String,
    /// The time at which it is planned for, epoch.
    pub(crate) now: i64,
    /// The same as it is given to `crm_simulate -t`.
    pub(crate) date: String,
    /// The cluster first carries out what is to be done.
    pub(crate) running: bool,
    /// What happens then.
    pub(crate) injections: Injections,
    /// Lines `expect …`.
    pub(crate) expectations: Vec<String>,
    /// Lines `show …`.
    pub(crate) shown: Vec<String>,
}

/// Reads the input lines of a case.
///
/// # Errors
/// Names the line that is not understood.
pub(crate) fn read(input: &str) -> Result<Fixture, String> {
    let mut builder = Builder::new();
    for (index, line) in input.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        builder
            .line(line)
            .map_err(|problem| format!("line {}: {problem}: {line}", index + 1))?;
    }
    Ok(builder.finish())
}

pub(crate) struct Builder {
    pub(crate) now: i64,
    date: String,
    quorum: bool,
    /// There was quorum before, so a node alone may fence itself.
    panic: bool,
    options: Element,
    nodes: Element,
    pub(crate) resources: Element,
    pub(crate) constraints: Element,
    configuration: Element,
    tags: Element,
    tickets: Element,
    pub(crate) status: Element,
    expectations: Vec<String>,
    shown: Vec<String>,
    /// Call numbers of history entries.
    pub(crate) calls: u32,
    probed: bool,
    running: bool,
    injections: Injections,
}

impl Builder {
    fn new() -> Self {
        let options = Element::new("cluster_property_set").with("id", "cluster");
        Builder {
            now: NOW,
            date: NOW_TEXT.to_owned(),
            quorum: true,
            panic: false,
            options,
            nodes: Element::new("nodes"),
            resources: Element::new("resources"),
            constraints: Element::new("constraints"),
            configuration: Element::new("configuration"),
            tags: Element::new("tags"),
            tickets: Element::new("tickets"),
            status: Element::new("status"),
            expectations: Vec::new(),
            shown: Vec::new(),
            calls: 0,
            probed: false,
            running: false,
            injections: Injections::default(),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        if verb == "xml" {
            return self.xml(rest.trim());
        }
        let words = Words::split(rest);
        match verb {
            "now" => self.time(rest.trim()),
            "quorum" => {
                self.quorum = false;
                self.panic = words.word(0)? == "panic";
                Ok(())
            }
            "option" => {
                add_options(&mut self.options, &words.pairs);
                Ok(())
            }
            "default" => self.defaults("rsc_defaults", &words.pairs),
            "op-default" => self.defaults("op_defaults", &words.pairs),
            "node" => self.node(words),
            "resource" => self.resource(words, "ocf:pacemaker:Dummy"),
            "fencing" => self.resource(words, "stonith:fence_dummy"),
            "remote" => self.resource(words, "ocf:pacemaker:remote"),
            "template" => self.template(words),
            "param" => self.pairs("instance_attributes", &words),
            "meta" => self.pairs("meta_attributes", &words),
            "utilization" => self.pairs("utilization", &words),
            "op" => self.operation(words),
            "group" => self.collection("group", words),
            "clone" => self.collection("clone", words),
            "promotable" => {
                let mut words = words;
                words
                    .pairs
                    .insert(0, ("promotable".to_owned(), "true".to_owned()));
                self.collection("clone", words)
            }
            "bundle" => self.bundle(words),
            "tag" => self.tag(&words),
            "location" => self.location(words),
            "colocate" => self.colocate(&words),
            "order" => self.order(&words),
            "ticket" => self.ticket(&words),
            "history" => self.history(words),
            "failures" => self.failures(words),
            "transient" => self.transient(&words),
            "lock" => self.lock(words),
            "probed" => {
                self.probed = true;
                Ok(())
            }
            "running" => {
                self.running = true;
                Ok(())
            }
            "inject" => self.inject(&words, rest),
            "expect" => {
                self.expectations.push(rest.trim().to_owned());
                Ok(())
            }
            "show" => {
                self.shown.push(rest.trim().to_owned());
                Ok(())
            }
            _ => Err(format!("there is no \"{verb}\"")),
        }
    }

    fn time(&mut self, date: &str) -> Result<(), String> {
        use lockstep_engine::time::{Date, Timestamp};
        let parsed = Date::parse(date, Timestamp::utc(NOW)).map_err(|error| error.to_string())?;
        self.now = parsed.timestamp().seconds;
        self.date = date.to_owned();
        Ok(())
    }

    fn defaults(&mut self, section: &str, pairs: &[(String, String)]) -> Result<(), String> {
        let position = self
            .configuration
            .elements()
            .position(|element| element.name == section);
        let mut element = match position {
            Some(position) => match self.configuration.children.remove(position) {
                Node::Element(element) => element,
                Node::Raw(_) => return Err("raw XML stands where defaults belong".to_owned()),
            },
            None => Element::new(section),
        };
        let block = element.child("meta_attributes", section);
        add_options(block, pairs);
        self.configuration.push(element);
        Ok(())
    }

    /// `node NAMES [state] [attribute=value …]`.
    fn node(&mut self, words: Words) -> Result<(), String> {
        let state = words.words.get(1).map_or("online", String::as_str);
        for name in words.word(0)?.split(',') {
            let id = self.nodes.children.len() + 1;
            let mut node = Element::new("node").with("id", id).with("uname", name);
            node.add_pairs("instance_attributes", &words.pairs);
            let mut here = Element::new("node_state")
                .with("id", id)
                .with("uname", name);
            let (member, online, join, expected) = match state {
                "online" | "standby" | "maintenance" | "shutdown" => {
                    (true, true, "member", "member")
                }
                "offline" => (false, false, "down", "down"),
                "lost" => (false, false, "member", "member"),
                "pending" => (true, true, "down", "down"),
                "unseen" => (false, false, "", ""),
                "stalled" => (true, false, "member", "member"),
                _ => return Err(format!("no node is \"{state}\"")),
            };
            if matches!(state, "standby" | "maintenance") {
                let on = [(state.to_owned(), "on".to_owned())];
                node.add_pairs("instance_attributes", &on);
            }
            here.set("in_ccm", member);
            here.set("crmd", if online { "online" } else { "offline" });
            if state == "pending" {
                here.set("in_ccm", self.now - 3 * 3600);
                here.set("crmd", 0);
            }
            here.set("join", join);
            here.set("expected", expected);
            self.nodes.push(node);
            if state != "unseen" {
                self.status.push(here);
            }
            if state == "shutdown" {
                let since = (self.now - 60).to_string();
                self.set_transient(name, &[("shutdown".to_owned(), since)]);
            }
        }
        Ok(())
    }

    /// `resource NAMES [class:provider:type] [meta=value …]`.
    fn resource(&mut self, words: Words, agent: &str) -> Result<(), String> {
        let agent = words.words.get(1).map_or(agent, String::as_str);
        for name in words.word(0)?.split(',') {
            let mut element = Element::new("primitive").with("id", name);
            match agent.strip_prefix('@') {
                Some(template) => element.set("template", template),
                None => set_agent(&mut element, agent)?,
            }
            element.add_pairs("meta_attributes", &words.pairs);
            self.resources.push(element);
        }
        Ok(())
    }

    fn template(&mut self, words: Words) -> Result<(), String> {
        let mut element = Element::new("template").with("id", words.word(0)?);
        set_agent(&mut element, "ocf:pacemaker:Dummy")?;
        element.add_pairs("meta_attributes", &words.pairs);
        self.resources.push(element);
        Ok(())
    }

    /// `BLOCK NAMES name=value …`, of nodes and resources.
    fn pairs(&mut self, block: &str, words: &Words) -> Result<(), String> {
        for name in words.word(0)?.split(',') {
            let node = self
                .nodes
                .elements()
                .find(|node| node.attribute("uname") == Some(name))
                .map(|node| node.id().to_owned());
            let element = match node {
                Some(id) => self.nodes.find_mut(&id),
                None => self.resources.find_mut(name),
            };
            let element = element.ok_or_else(|| format!("there is no {name}"))?;
            element.add_pairs(block, &words.pairs);
        }
        Ok(())
    }

    /// `op RESOURCES TASK INTERVAL [name=value …]`.
    fn operation(&mut self, words: Words) -> Result<(), String> {
        let (task, interval) = (words.word(1)?, words.word(2)?);
        for name in words.word(0)?.split(',') {
            let role = words.pairs.iter().find(|(name, _)| name == "role");
            let role = role.map_or(String::new(), |(_, role)| format!("-{role}"));
            let id = format!("{name}-{task}-{interval}{role}");
            let element = Element::new("op").with("id", id).with("name", task);
            let element = element.with("interval", interval).with_all(&words.pairs);
            let resource = self.resources.find_mut(name);
            let resource = resource.ok_or_else(|| format!("there is no {name}"))?;
            let block = format!("{name}-operations");
            resource.child("operations", &block).push(element);
        }
        Ok(())
    }

    /// `group|clone NAME = MEMBERS [meta=value …]`.
    fn collection(&mut self, kind: &str, words: Words) -> Result<(), String> {
        if words.word(1)? != "=" {
            return Err("after the name comes \" = \"".to_owned());
        }
        let mut element = Element::new(kind).with("id", words.word(0)?);
        element.add_pairs("meta_attributes", &words.pairs);
        for member in words.from(2) {
            let member = self.take_resource(member)?;
            element.children.push(member);
        }
        self.resources.push(element);
        Ok(())
    }

    fn take_resource(&mut self, name: &str) -> Result<Node, String> {
        let is = |node: &Node| matches!(node, Node::Element(element) if element.id() == name);
        let position = self.resources.children.iter().position(is);
        let position = position.ok_or_else(|| format!("there is no {name} to take"))?;
        Ok(self.resources.children.remove(position))
    }

    /// `bundle NAME [= MEMBER] [replicas=N] [ip=FIRST] [port=N] [meta=value …]`.
    fn bundle(&mut self, mut words: Words) -> Result<(), String> {
        let name = words.word(0)?.to_owned();
        let mut container = Element::new("podman").with("image", "image");
        for option in ["replicas", "replicas-per-host", "promoted-max"] {
            if let Some(value) = words.take(option) {
                container.set(option, value);
            }
        }
        let mut network = Element::new("network");
        if let Some(address) = words.take("ip") {
            network.set("ip-range-start", address);
        }
        if let Some(port) = words.take("port") {
            network.set("control-port", port);
        }
        let mut element = Element::new("bundle").with("id", name);
        element.add_pairs("meta_attributes", &words.pairs);
        let mut element = element.holding([container, network]);
        if let Some(member) = words.words.get(2) {
            let member = self.take_resource(member)?;
            element.children.push(member);
        }
        self.resources.push(element);
        Ok(())
    }

    fn tag(&mut self, words: &Words) -> Result<(), String> {
        let references = words.from(2).iter();
        let references = references.map(|id| Element::new("obj_ref").with("id", id));
        let tag = Element::new("tag").with("id", words.word(0)?);
        self.tags.push(tag.holding(references));
        Ok(())
    }

    /// `xml PLACE <…>`: raw XML below a section, a resource, a node or an operation.
    fn xml(&mut self, rest: &str) -> Result<(), String> {
        let (place, raw) = rest.split_once(' ').ok_or("xml needs a place")?;
        let node = self
            .nodes
            .elements()
            .find(|node| node.attribute("uname") == Some(place))
            .map(|node| node.id().to_owned());
        let element = match place {
            "options" => &mut self.options,
            "resources" => &mut self.resources,
            "constraints" => &mut self.constraints,
            "configuration" => &mut self.configuration,
            "status" => &mut self.status,
            _ => match node {
                Some(id) => self.nodes.find_mut(&id),
                None => self.resources.find_mut(place),
            }
            .ok_or_else(|| format!("there is no {place}"))?,
        };
        element.children.push(Node::Raw(raw.trim().to_owned()));
        Ok(())
    }

    /// `ticket NAME granted|revoked|standby` or `ticket NAME for RESOURCE[:ROLE] [loss-policy=…]`.
    fn ticket(&mut self, words: &Words) -> Result<(), String> {
        let name = words.word(0)?;
        let state = Element::new("ticket_state").with("id", name);
        let state = match words.word(1)? {
            "granted" => state.with("granted", "true"),
            "revoked" => state.with("granted", "false"),
            "standby" => state.with("granted", "true").with("standby", "true"),
            "for" => {
                let element = self.constraint("rsc_ticket").with("ticket", name);
                let (resource, role) = with_role(words.word(2)?);
                let mut element = element.with("rsc", resource);
                if let Some(role) = role {
                    element.set("rsc-role", role);
                }
                self.constraints.push(element.with_all(&words.pairs));
                return Ok(());
            }
            other => return Err(format!("no ticket is \"{other}\"")),
        };
        self.tickets.push(state);
        Ok(())
    }

    /// `inject up|down|fail NODE`, `inject quorum 0|1`, `inject grant|revoke|standby|activate
    /// TICKET` or `inject RESOURCE_TASK_INTERVAL@NODE=RC`.
    fn inject(&mut self, words: &Words, rest: &str) -> Result<(), String> {
        let injections = &mut self.injections;
        let list = match words.words.first().map(String::as_str) {
            None => {
                injections.operations.push(rest.trim().to_owned());
                return Ok(());
            }
            Some("quorum") => {
                injections.quorum = Some(words.word(1)?.to_owned());
                return Ok(());
            }
            Some("up") => &mut injections.node_up,
            Some("down") => &mut injections.node_down,
            Some("fail") => &mut injections.node_fail,
            Some("grant") => &mut injections.ticket_grant,
            Some("revoke") => &mut injections.ticket_revoke,
            Some("standby") => &mut injections.ticket_standby,
            Some("activate") => &mut injections.ticket_activate,
            Some(other) => return Err(format!("there is no injection \"{other}\"")),
        };
        list.push(words.word(1)?.to_owned());
        Ok(())
    }

    pub(crate) fn constraint(&self, kind: &str) -> Element {
        let number = self.constraints.children.len() + 1;
        let id = format!("{}-{number}", kind.trim_start_matches("rsc_"));
        Element::new(kind).with("id", id)
    }

    fn finish(mut self) -> Fixture {
        if self.probed {
            self.probe_all();
        }
        let fencing = self
            .resources
            .primitives()
            .iter()
            .any(|primitive| primitive.attribute("class") == Some("stonith"));
        let given = |name: &str| {
            let mut pairs = self.options.elements();
            pairs.any(|pair| pair.attribute("name") == Some(name))
        };
        if !fencing && !given("stonith-enabled") {
            let off = ("stonith-enabled".to_owned(), "false".to_owned());
            add_options(&mut self.options, &[off]);
        }
        let mut configuration = Element::new("configuration").holding([
            Element::new("crm_config").holding([self.options]),
            self.nodes,
            self.resources,
            self.constraints,
        ]);
        configuration.children.extend(self.configuration.children);
        if !self.tags.children.is_empty() {
            configuration.push(self.tags);
        }
        if !self.tickets.children.is_empty() {
            self.status.push(self.tickets);
        }
        let mut cib = Element::new("cib")
            .with("crm_feature_set", "3.20.0")
            .with("validate-with", "pacemaker-4.0")
            .with("epoch", "1")
            .with("num_updates", "0")
            .with("admin_epoch", "0")
            .with("have-quorum", i32::from(self.quorum))
            .with("dc-uuid", "1")
            .holding([configuration, self.status]);
        if self.panic {
            cib.set("no-quorum-panic", "1");
        }
        Fixture {
            cib: cib.to_xml(),
            now: self.now,
            date: self.date,
            running: self.running,
            injections: self.injections,
            expectations: self.expectations,
            shown: self.shown,
        }
    }
}

/// Adds options to a block of them.
fn add_options(block: &mut Element, pairs: &[(String, String)]) {
    for (name, value) in pairs {
        let id = format!("{}-{name}", block.id());
        let pair = Element::new("nvpair").with("id", id);
        block.push(pair.with("name", name).with("value", value));
    }
}

/// Sets class, provider and type from `class:provider:type` or `class:type`.
pub(crate) fn set_agent(element: &mut Element, agent: &str) -> Result<(), String> {
    match agent.split(':').collect::<Vec<_>>()[..] {
        [class, provider, kind] => {
            element.set("class", class);
            element.set("provider", provider);
            element.set("type", kind);
        }
        [class, kind] => {
            element.set("class", class);
            element.set("type", kind);
        }
        _ => return Err(format!("\"{agent}\" is no agent")),
    }
    Ok(())
}

/// Splits `RESOURCE:Role`.
pub(crate) fn with_role(word: &str) -> (&str, Option<&str>) {
    match word.split_once(':') {
        Some((name, role)) if role.starts_with(char::is_uppercase) => (name, Some(role)),
        _ => (word, None),
    }
}
