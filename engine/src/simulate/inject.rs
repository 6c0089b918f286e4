//! What if a node were lost, a ticket granted, an operation to fail? Changes to a CIB before
//! planning.

use std::fmt::Display;

use super::history::{
    OperationResult, Subject, node_state, node_uuid, record, section, set_node_state,
};
use super::listing::{self, Listing};
use crate::config::Variant;
use crate::parse::{Document, ElementId, is_name, is_name_start};
use crate::state::State;

/// Changes to make, each kind in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Injections {
    /// `have-quorum`.
    pub quorum: Option<String>,
    /// `have-watchdog`.
    pub watchdog: Option<String>,
    /// Nodes to bring online.
    pub node_up: Vec<String>,
    /// Nodes to take offline cleanly.
    pub node_down: Vec<String>,
    /// Nodes to fail.
    pub node_fail: Vec<String>,
    /// Tickets to grant.
    pub ticket_grant: Vec<String>,
    /// Tickets to revoke.
    pub ticket_revoke: Vec<String>,
    /// Tickets to make standby.
    pub ticket_standby: Vec<String>,
    /// Tickets to activate.
    pub ticket_activate: Vec<String>,
    /// Results to put into history: `RSC_TASK_MS@NODE=RC`.
    pub operations: Vec<String>,
}

/// Why injections were given up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// A node that the configuration does not know.
    #[error("node {0} is not configured: bring it online with -u to have it added")]
    UnknownNode(String),
}

impl Injections {
    /// Whether anything but quorum is to be changed (a quorum change alone does nothing, as in
    /// `crm_simulate`).
    #[must_use]
    pub fn any(&self) -> bool {
        let lists = [
            &self.node_up,
            &self.node_down,
            &self.node_fail,
            &self.ticket_grant,
            &self.ticket_revoke,
            &self.ticket_standby,
            &self.ticket_activate,
            &self.operations,
        ];
        self.watchdog.is_some() || lists.iter().any(|list| !list.is_empty())
    }

    /// With any node to bring online, every node whose state is touched is added to the
    /// configuration if it is not there: by any injection, and by what is carried out then.
    #[must_use]
    pub(super) fn adds_nodes(&self) -> bool {
        !self.node_up.is_empty()
    }
}

/// Where changes are made, and what is said about them.
pub(super) struct Injector<'a> {
    pub(super) cib: &'a mut Document,
    pub(super) state: &'a State,
    pub(super) start_failure_is_fatal: bool,
    pub(super) wall_clock: i64,
    pub(super) listing: &'a mut Listing,
    pub(super) errors: &'a mut Vec<String>,
}

impl Injector<'_> {
    /// Programs have been told.
    fn tell_people(&mut self, line: impl Display) {
        self.listing.item(line);
    }

    fn tell_node(&mut self, line: impl Display, action: &str, node: &str) {
        let attributes = [("action", action), ("node", node)];
        self.listing.item_as(line, "modify_node", &attributes);
    }

    pub(super) fn run(&mut self, injections: &Injections) -> Result<(), InjectError> {
        self.listing.begin("Performing Requested Modifications");
        let set = [
            ("quorum", &injections.quorum),
            ("watchdog", &injections.watchdog),
        ];
        let set = set.map(|(name, value)| Some((name, value.as_deref()?)));
        let set: Vec<(&str, &str)> = set.into_iter().flatten().collect();
        if let Some((document, parent)) = self.listing.tree() {
            listing::add(document, parent, "modifications", &set);
        }
        if let Some(quorum) = &injections.quorum {
            self.tell_people(format_args!("Setting quorum: {quorum}"));
            let root = self.cib.root();
            self.cib.set_attr(root, "have-quorum", quorum);
        }
        if let Some(watchdog) = &injections.watchdog {
            self.tell_people(format_args!("Setting watchdog: {watchdog}"));
            self.set_cluster_option("have-watchdog", watchdog);
        }
        let add_nodes = injections.adds_nodes();
        for name in &injections.node_up {
            self.tell_node(format_args!("Bringing node {name} online"), "Online", name);
            let state = self.node(name, add_nodes)?;
            self.change_node(state, true);
        }
        for name in &injections.node_down {
            self.tell_node(format_args!("Taking node {name} offline"), "Offline", name);
            let state = self.node(name, add_nodes)?;
            self.change_node(state, false);
            for section in ["lrm", "transient_attributes"] {
                while let Some(child) = self.cib.child(state, section) {
                    self.cib.remove(child);
                }
            }
        }
        for name in &injections.node_fail {
            self.tell_node(format_args!("Failing node {name}"), "Failing", name);
            let state = self.node(name, add_nodes)?;
            self.change_node(state, true);
            self.cib.set_attr(state, "in_ccm", "false");
        }
        for (verb, tickets, attribute, value) in [
            ("Granting", &injections.ticket_grant, "granted", "true"),
            ("Revoking", &injections.ticket_revoke, "granted", "false"),
            ("Making", &injections.ticket_standby, "standby", "true"),
            (
                "Activating",
                &injections.ticket_activate,
                "standby",
                "false",
            ),
        ] {
            for ticket in tickets {
                let suffix = if verb == "Making" { " standby" } else { "" };
                let action = if verb == "Making" { "Standby" } else { verb };
                let line = format_args!("{verb} ticket {ticket}{suffix}");
                let attributes = [("action", action), ("ticket", ticket.as_str())];
                self.listing.item_as(line, "modify_ticket", &attributes);
                self.set_ticket(ticket, attribute, value);
            }
        }
        for spec in &injections.operations {
            self.operation(spec, add_nodes)?;
        }
        self.listing.end();
        Ok(())
    }

    fn node(&mut self, name: &str, add: bool) -> Result<ElementId, InjectError> {
        if add {
            configure_node(self.cib, name);
        }
        match node_uuid(self.cib, name) {
            Some(uuid) => Ok(node_state(self.cib, name, &uuid)),
            None => {
                // A remote node has a state, but no entry.
                let status = section(self.cib, "status");
                let mut states = self.cib.children_named(status, "node_state");
                let found = states.find(|&state| self.cib.attr(state, "uname") == Some(name));
                found.ok_or_else(|| InjectError::UnknownNode(name.to_owned()))
            }
        }
    }

    fn change_node(&mut self, state: ElementId, up: bool) {
        set_node_state(self.cib, state, up);
        self.cib.set_attr(state, "crm-debug-origin", "crm_simulate");
    }

    fn set_cluster_option(&mut self, name: &str, value: &str) {
        let configuration = section(self.cib, "configuration");
        let config = match self.cib.child(configuration, "crm_config") {
            Some(config) => config,
            None => self.cib.append(configuration, "crm_config"),
        };
        let sets: Vec<ElementId> = self
            .cib
            .children_named(config, "cluster_property_set")
            .collect();
        for &set in &sets {
            if let Some(pair) = find_nvpair(self.cib, set, name) {
                self.cib.set_attr(pair, "value", value);
                return;
            }
        }
        const SET: &str = "cib-bootstrap-options";
        let set = match sets.iter().find(|&&set| self.cib.id(set) == Some(SET)) {
            Some(&set) => set,
            None => {
                let set = self.cib.append(config, "cluster_property_set");
                self.cib.set_attr(set, "id", SET);
                set
            }
        };
        add_nvpair(self.cib, set, &format!("{SET}-{name}"), name, value);
    }

    fn set_ticket(&mut self, ticket: &str, attribute: &str, value: &str) {
        let status = section(self.cib, "status");
        let tickets = match self.cib.child(status, "tickets") {
            Some(tickets) => tickets,
            None => self.cib.append(status, "tickets"),
        };
        let found = self
            .cib
            .children_named(tickets, "ticket_state")
            .find(|&state| self.cib.id(state) == Some(ticket));
        let state = match found {
            Some(state) => state,
            None => {
                let state = self.cib.append(tickets, "ticket_state");
                self.cib.set_attr(state, "id", ticket);
                state
            }
        };
        self.cib.set_attr(state, attribute, value);
    }

    fn operation(&mut self, spec: &str, add_nodes: bool) -> Result<(), InjectError> {
        let line = format_args!("Injecting {spec} into the configuration");
        self.listing.item_as(line, "inject_spec", &[("spec", spec)]);
        let fields = parse_spec(spec);
        let Ok(Spec {
            resource,
            task,
            interval_ms,
            node,
            rc,
        }) = fields
        else {
            let found = fields.err().unwrap_or(0);
            self.errors.push(format!(
                "Invalid operation spec: {spec}.  Only found {found} fields"
            ));
            return Ok(());
        };
        let known = self.state.resources.enumerate().find(|(id, roster)| {
            roster.id == resource
                || self.state.resource[*id].history_id.as_deref() == Some(resource)
        });
        let Some(Variant::Primitive(agent)) = known.map(|(_, roster)| &roster.variant) else {
            self.errors
                .push(format!("Invalid resource name: {resource}"));
            return Ok(());
        };
        let agent = agent.clone();
        let state = self.node(node, add_nodes)?;
        let infinity = task == "stop" || (task == "start" && self.start_failure_is_fatal);
        let failure = Failure {
            resource,
            task,
            interval_ms,
            rc,
            infinity,
        };
        add_fail_count(self.cib, state, &failure, self.wall_clock, self.listing);
        let result = OperationResult {
            rc,
            op_status: 0,
            expected_rc: 0,
            exit_reason: pretended_reason(task, "Simulated action result"),
            call_id: None,
            transition: String::new(),
            last_rc_change: self.wall_clock,
            exec_time_ms: 0,
            queue_time_ms: 0,
            origin: "crm_simulate".to_owned(),
            restart_for: None,
        };
        let subject = Subject {
            name: resource,
            preferred: resource,
            agent: &agent,
            node,
            task,
            interval_ms: u64::from(interval_ms),
            action: None,
        };
        record(self.cib, state, &subject, &result);
        Ok(())
    }
}

struct Spec<'a> {
    resource: &'a str,
    task: &'a str,
    interval_ms: u32,
    node: &'a str,
    rc: i32,
}

/// Reads `RSC_TASK_MS@NODE=RC`; on failure tells how many of key, node and code there are.
fn parse_spec(spec: &str) -> Result<Spec<'_>, usize> {
    let (key, rest) = spec.split_once('@').ok_or(usize::from(!spec.is_empty()))?;
    if key.is_empty() {
        return Err(0);
    }
    if rest.is_empty() || rest.starts_with('=') {
        return Err(1);
    }
    let (node, rc) = rest.split_once('=').ok_or(2_usize)?;
    let rc = crate::value::integer(rc)
        .and_then(|rc| i32::try_from(rc).ok())
        .ok_or(2_usize)?;
    let (rest, interval) = key.rsplit_once('_').ok_or(1_usize)?;
    let interval_ms = interval.parse().map_err(|_| 1_usize)?;
    // `migrate_to` and `migrate_from` have an underscore of their own.
    let (resource, task) = match ["_migrate_to", "_migrate_from"]
        .iter()
        .find_map(|suffix| Some((rest.strip_suffix(suffix)?, &suffix[1..])))
    {
        Some(split) => split,
        None => rest.rsplit_once('_').ok_or(1_usize)?,
    };
    Ok(Spec {
        resource,
        task,
        interval_ms,
        node,
        rc,
    })
}

/// Adds a node to the configuration if it is not there.
pub(super) fn configure_node(cib: &mut Document, name: &str) {
    if node_uuid(cib, name).is_some() {
        return;
    }
    let configuration = section(cib, "configuration");
    let nodes = match cib.child(configuration, "nodes") {
        Some(nodes) => nodes,
        None => cib.append(configuration, "nodes"),
    };
    let node = cib.append(nodes, "node");
    cib.set_attr(node, "id", name);
    cib.set_attr(node, "uname", name);
}

/// Why an operation failed that only pretends to: what moves a resource has no reason in history.
pub(super) fn pretended_reason(task: &str, reason: &str) -> String {
    match task {
        "migrate_to" | "migrate_from" => String::new(),
        _ => reason.to_owned(),
    }
}

/// A failure to be counted.
pub(super) struct Failure<'a> {
    pub(super) resource: &'a str,
    pub(super) task: &'a str,
    pub(super) interval_ms: u32,
    pub(super) rc: i32,
    /// Counts as if it had failed for ever.
    pub(super) infinity: bool,
}

/// Raises a fail count and notes when, as the controller does after a failure.
pub(super) fn add_fail_count(
    cib: &mut Document,
    state: ElementId,
    failure: &Failure<'_>,
    wall_clock: i64,
    listing: &mut Listing,
) {
    if failure.rc == 0 || (failure.rc == 7 && failure.interval_ms == 0) {
        return;
    }
    let operation = format!(
        "{}#{}_{}",
        failure.resource, failure.task, failure.interval_ms
    );
    let count_name = format!("fail-count-{operation}");
    let set = transient_set(cib, state);
    let count = match failure.infinity {
        true => "INFINITY".to_owned(),
        false => {
            let found = find_nvpair(cib, set, &count_name);
            let old = found.and_then(|pair| crate::value::integer(cib.attr(pair, "value")?));
            old.unwrap_or(0).saturating_add(1).to_string()
        }
    };
    set_transient(cib, state, set, &count_name, &count, listing);
    let time = wall_clock.to_string();
    set_transient(
        cib,
        state,
        set,
        &format!("last-failure-{operation}"),
        &time,
        listing,
    );
}

fn transient_set(cib: &mut Document, state: ElementId) -> ElementId {
    let uuid = cib.id(state).unwrap_or_default().to_owned();
    let mut parent = state;
    for name in ["transient_attributes", "instance_attributes"] {
        parent = match cib.child(parent, name) {
            Some(child) => child,
            None => {
                let child = cib.append(parent, name);
                cib.set_attr(child, "id", &uuid);
                child
            }
        };
    }
    parent
}

fn set_transient(
    cib: &mut Document,
    state: ElementId,
    set: ElementId,
    name: &str,
    value: &str,
    listing: &mut Listing,
) {
    let uuid = cib.id(state).unwrap_or_default().to_owned();
    let line = format_args!("Injecting attribute {name}={value} into /node_state '{uuid}'");
    let attributes = [
        ("name", name),
        ("value", value),
        ("node_path", "/node_state"),
        ("cib_node", &uuid),
    ];
    listing.item_as(line, "inject_attr", &attributes);
    let set_id = cib.id(set).unwrap_or_default();
    let id = as_id(&format!("{set_id}-{name}"));
    add_nvpair(cib, set, &id, name, value);
}

/// The text as an id in XML: what may not stand there is replaced, byte by byte.
fn as_id(text: &str) -> String {
    let mut id = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let (valid, replacement) = match at {
            0 => (is_name_start(c), "_"),
            _ => (is_name(c), "."),
        };
        if valid {
            id.push(c);
        } else {
            id.push_str(replacement);
            id.extend(std::iter::repeat_n('.', c.len_utf8() - 1));
        }
    }
    id
}

fn find_nvpair(cib: &Document, set: ElementId, name: &str) -> Option<ElementId> {
    cib.children_named(set, "nvpair")
        .find(|&pair| cib.attr(pair, "name") == Some(name))
}

fn add_nvpair(cib: &mut Document, set: ElementId, id: &str, name: &str, value: &str) {
    let pair = match find_nvpair(cib, set, name) {
        Some(pair) => pair,
        None => {
            let pair = cib.append(set, "nvpair");
            cib.set_attr(pair, "id", id);
            cib.set_attr(pair, "name", name);
            pair
        }
    };
    cib.set_attr(pair, "value", value);
}
