//! How does the result of an action get into the status section?
//!
//! Used by the simulator, which pretends results, and by controllers, which have real ones: both
//! write history as Pacemaker's controller does, because the next plan reads it.

use md5::{Digest as _, Md5};

use crate::config::Agent;
use crate::graph::{FEATURE_SET, GraphAction};
use crate::parse::{Document, ElementId, escape_attribute};

/// What an agent's action came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationResult {
    /// Exit code.
    pub rc: i32,
    /// Execution status: 0 done, −1 pending, 2 timed out, 4 error, …
    pub op_status: i32,
    /// Exit code that was expected.
    pub expected_rc: i32,
    /// What the agent said about a failure.
    pub exit_reason: String,
    /// Number of the call; `None`: one above the highest in this resource's history.
    pub call_id: Option<i32>,
    /// `ACTION:TRANSITION:RC:UUID`; empty: a simulated one with the call number.
    pub transition: String,
    /// When the exit code last changed, epoch.
    pub last_rc_change: i64,
    /// Duration in milliseconds.
    pub exec_time_ms: u64,
    /// Time waited before, in milliseconds.
    pub queue_time_ms: u64,
    /// Who writes it.
    pub origin: String,
    /// Parameters whose change takes a restart, if the agent can do without for all others. `None`
    /// leaves what history says about that as it is.
    pub restart_for: Option<Vec<String>>,
}

/// Stands for the unknown controller in simulated results.
const SIMULATED_CONTROLLER: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// Why a result was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The action is not one of an agent.
    #[error("action {0} has no resource or node: it leaves no history")]
    NotAnOperation(u32),
}

/// Writes a history entry for `action`. Existing entries of the same kind are overwritten in
/// place; attributes that are not written stay.
///
/// # Errors
/// If the action is not one of an agent on a node.
pub fn record_operation(
    cib: &mut Document,
    action: &GraphAction,
    result: &OperationResult,
) -> Result<(), RecordError> {
    let primitive = action
        .primitive
        .as_ref()
        .map(|primitive| primitive.id.clone());
    let name = primitive.ok_or(RecordError::NotAnOperation(action.id))?;
    record_operation_as(cib, action, result, &name)
}

/// As [`record_operation`], for history that is kept under `name` if there is any.
///
/// # Errors
/// If the action is not one of an agent on a node.
pub fn record_operation_as(
    cib: &mut Document,
    action: &GraphAction,
    result: &OperationResult,
    name: &str,
) -> Result<(), RecordError> {
    let (Some(primitive), Some(node)) = (&action.primitive, &action.node) else {
        return Err(RecordError::NotAnOperation(action.id));
    };
    let uuid = if action.router.is_some() {
        &node.name
    } else {
        &node.uuid
    };
    let state = node_state(cib, &node.name, uuid);
    let interval = attribute(action, "CRM_meta_interval");
    let agent = Agent {
        class: primitive.class.clone(),
        provider: primitive.provider.clone(),
        agent: primitive.agent.clone(),
    };
    let subject = Subject {
        name,
        preferred: &primitive.id,
        agent: &agent,
        node: &node.name,
        task: &action.task,
        interval_ms: interval.and_then(|text| text.parse().ok()).unwrap_or(0),
        action: Some(action),
    };
    record(cib, state, &subject, result);
    Ok(())
}

/// What a result is about.
pub(super) struct Subject<'a> {
    /// The name under which history is looked for first.
    pub(super) name: &'a str,
    /// The name under which it is kept if there is none.
    pub(super) preferred: &'a str,
    pub(super) agent: &'a Agent,
    pub(super) node: &'a str,
    pub(super) task: &'a str,
    pub(super) interval_ms: u64,
    /// The action that was carried out; results out of nowhere have none, and no digest.
    pub(super) action: Option<&'a GraphAction>,
}

/// Writes the history entries of one result.
pub(super) fn record(
    cib: &mut Document,
    state: ElementId,
    subject: &Subject<'_>,
    result: &OperationResult,
) {
    let Kept {
        history,
        numbered_from,
    } = resource_history(cib, state, subject);
    let entry = Entry::new(cib, history, numbered_from, subject, result);
    for id in entry.ids() {
        entry.write(cib, history, &id);
    }
}

/// The `node_state` of a node, by name, then by id; made if there is none.
pub(super) fn node_state(cib: &mut Document, name: &str, uuid: &str) -> ElementId {
    let status = section(cib, "status");
    let states: Vec<ElementId> = cib.children_named(status, "node_state").collect();
    if let Some(&state) = states
        .iter()
        .find(|&&state| cib.attr(state, "uname") == Some(name))
    {
        return state;
    }
    if let Some(&state) = states
        .iter()
        .find(|&&state| cib.attr(state, "id") == Some(uuid))
    {
        cib.set_attr(state, "uname", name);
        return state;
    }
    let state = cib.append(status, "node_state");
    cib.set_attr(state, "id", uuid);
    cib.set_attr(state, "uname", name);
    state
}

/// A top-level section of the CIB, made if it is missing.
pub(super) fn section(cib: &mut Document, name: &str) -> ElementId {
    let root = cib.root();
    match cib.child(root, name) {
        Some(section) => section,
        None => cib.append(root, name),
    }
}

fn resource_history(cib: &mut Document, state: ElementId, subject: &Subject<'_>) -> Kept {
    let lrm = match cib.child(state, "lrm") {
        Some(lrm) => lrm,
        None => {
            let id = cib.id(state).unwrap_or_default().to_owned();
            let lrm = cib.append(state, "lrm");
            cib.set_attr(lrm, "id", &id);
            lrm
        }
    };
    let list = match cib.child(lrm, "lrm_resources") {
        Some(list) => list,
        None => cib.append(lrm, "lrm_resources"),
    };
    // What is listed twice is not found.
    let mut twice = None;
    for wanted in [subject.name, subject.preferred] {
        let named: Vec<ElementId> = cib
            .children(list)
            .filter(|&resource| cib.id(resource) == Some(wanted))
            .collect();
        match named[..] {
            [] => {}
            [only] => {
                return Kept {
                    history: only,
                    numbered_from: highest_call(cib, only),
                };
            }
            [first, ref others @ ..] => {
                merge_histories(cib, first, others);
                twice = (wanted == subject.preferred).then_some(first);
            }
        }
    }
    if let Some(history) = twice {
        return Kept {
            history,
            numbered_from: 0,
        };
    }
    let entry = cib.append(list, "lrm_resource");
    cib.set_attr(entry, "id", subject.preferred);
    cib.set_attr(entry, "class", &subject.agent.class);
    if let Some(provider) = &subject.agent.provider {
        cib.set_attr(entry, "provider", provider);
    }
    cib.set_attr(entry, "type", &subject.agent.agent);
    Kept {
        history: entry,
        numbered_from: 0,
    }
}

/// Where a resource's history is kept.
struct Kept {
    history: ElementId,
    /// The highest call number in it, as far as the peer knows.
    numbered_from: i32,
}

fn highest_call(cib: &Document, history: ElementId) -> i32 {
    let calls = cib
        .children(history)
        .filter_map(|entry| cib.attr(entry, "call-id"));
    calls
        .filter_map(|text| text.parse::<i32>().ok())
        .max()
        .unwrap_or(0)
        .max(0)
}

/// A node's status that lists a resource twice: the peer finds none of them and writes a new one with
/// calls from 1; when that is stored, all of the same name end up in the first.
fn merge_histories(cib: &mut Document, first: ElementId, others: &[ElementId]) {
    for &other in others {
        let entries: Vec<ElementId> = cib.children(other).collect();
        for entry in entries {
            let id = cib.id(entry).map(str::to_owned);
            let known = cib
                .children(first)
                .find(|&known| cib.id(known).map(str::to_owned) == id);
            let Some(known) = known else {
                cib.copy_subtree(entry, first);
                continue;
            };
            let attributes: Vec<(String, String)> = cib
                .attrs(entry)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            for (name, value) in attributes {
                cib.set_attr(known, &name, &value);
            }
        }
    }
}

/// A history entry to be written.
struct Entry<'a> {
    subject: &'a Subject<'a>,
    result: &'a OperationResult,
    /// The name that ids and keys have.
    resource: String,
    /// Task as recorded: a reload counts as a start.
    task: &'a str,
    interval_ms: u64,
    call_id: i32,
}

impl<'a> Entry<'a> {
    fn new(
        cib: &Document,
        history: ElementId,
        numbered_from: i32,
        subject: &'a Subject<'a>,
        result: &'a OperationResult,
    ) -> Self {
        let task = match (subject.task, result.op_status) {
            ("reload" | "reload-agent", 0) => "start",
            ("reload" | "reload-agent", _) => "monitor",
            (task, _) => task,
        };
        // What a cluster did is recorded under the preferred name, even where history has another.
        let resource = match subject.action {
            Some(_) => subject.preferred,
            None => cib.id(history).unwrap_or_default(),
        };
        Entry {
            subject,
            result,
            resource: resource.to_owned(),
            task,
            interval_ms: subject.interval_ms,
            call_id: result
                .call_id
                .unwrap_or_else(|| numbered_from.saturating_add(1)),
        }
    }

    fn meta(&self, name: &str) -> Option<&'a str> {
        attribute(self.subject.action?, &format!("CRM_meta_{name}"))
    }

    fn failed(&self) -> bool {
        self.result.rc != self.result.expected_rc || !matches!(self.result.op_status, -1..=1)
    }

    /// Ids of the entries that this result is kept under.
    fn ids(&self) -> Vec<String> {
        let (id, interval) = (&self.resource, self.interval_ms);
        if self.task == "notify" {
            let phase = self.meta("notify_type").unwrap_or("pre");
            let of = self.meta("notify_operation").unwrap_or("start");
            vec![format!("{id}_{phase}_notify_{of}_0")]
        } else if matches!(self.task, "migrate_to" | "migrate_from") {
            vec![format!("{id}_{}_{interval}", self.task)]
        } else if self.failed() {
            let mut ids = vec![format!("{id}_last_failure_0")];
            if interval == 0 {
                // What was last done is known from here, also if it failed.
                ids.push(format!("{id}_last_0"));
            }
            ids
        } else if interval > 0 {
            vec![format!("{id}_{}_{interval}", self.task)]
        } else {
            vec![format!("{id}_last_0")]
        }
    }

    fn write(&self, cib: &mut Document, history: ElementId, id: &str) {
        let existing = cib
            .children(history)
            .find(|&entry| cib.attr(entry, "id") == Some(id));
        let entry = match existing {
            Some(entry) => entry,
            None => cib.append(history, "lrm_rsc_op"),
        };
        let result = self.result;
        let key = format!("{}_{}_{}", self.resource, self.task, self.interval_ms);
        let transition = match result.transition.is_empty() {
            true => {
                format!(
                    "{}:-1:{}:{SIMULATED_CONTROLLER}",
                    self.call_id, result.expected_rc
                )
            }
            false => result.transition.clone(),
        };
        let magic = format!("{}:{};{transition}", result.op_status, result.rc);
        let reason = if self.failed() {
            result.exit_reason.as_str()
        } else {
            ""
        };
        let mut set = |name: &str, value: &str| cib.set_attr(entry, name, value);
        set("id", id);
        set("operation_key", &key);
        set("operation", self.task);
        set("crm-debug-origin", &result.origin);
        set("crm_feature_set", FEATURE_SET);
        set("transition-key", &transition);
        set("transition-magic", &magic);
        set("exit-reason", reason);
        set("on_node", self.subject.node);
        set("call-id", &self.call_id.to_string());
        set("rc-code", &result.rc.to_string());
        set("op-status", &result.op_status.to_string());
        set("interval", &self.interval_ms.to_string());
        set("last-rc-change", &result.last_rc_change.to_string());
        set("exec-time", &result.exec_time_ms.to_string());
        set("queue-time", &result.queue_time_ms.to_string());
        if matches!(self.task, "migrate_to" | "migrate_from") {
            for name in ["migrate_source", "migrate_target"] {
                if let Some(value) = self.meta(name) {
                    set(name, value);
                }
            }
        }
        if let Some(action) = self.subject.action {
            set("op-digest", &self.digest(action, |_| true));
            if let Some(names) = result
                .restart_for
                .as_ref()
                .filter(|_| self.interval_ms == 0)
            {
                // Names are looked for with a space on both sides.
                let list = match names.is_empty() {
                    true => String::new(),
                    false => format!(" {} ", names.join(" ")),
                };
                set("op-force-restart", &list);
                let digest = self.digest(action, |name| names.iter().any(|n| n == name));
                set("op-restart-digest", &digest);
            }
        }
    }

    /// Digest of those parameters that the action was run with which are `wanted`.
    fn digest(&self, action: &GraphAction, wanted: impl Fn(&str) -> bool) -> String {
        const CLUSTER_OWN: [&str; 6] = [
            "id",
            "crm_feature_set",
            "op-digest",
            "on_node",
            "on_node_uuid",
            "pcmk_external_ip",
        ];
        let counts = |name: &str| {
            let meta = name.starts_with("CRM_meta_");
            let timeout = name == "CRM_meta_timeout" && self.interval_ms > 0;
            timeout || (!meta && !CLUSTER_OWN.contains(&name))
        };
        let mut text = String::from(" <parameters");
        let mut parameters: Vec<&(String, String)> =
            action.attributes.iter().chain(&action.params).collect();
        parameters.sort();
        let counted = |(name, _): &&(String, String)| counts(name) && wanted(name);
        for (name, value) in parameters.into_iter().filter(counted) {
            text.push_str(&format!(" {name}=\""));
            escape_attribute(value, &mut text);
            text.push('"');
        }
        text.push_str("/>\n");
        Md5::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The value of one of an action's attributes.
pub(super) fn attribute<'a>(action: &'a GraphAction, name: &str) -> Option<&'a str> {
    let index = action
        .attributes
        .binary_search_by(|(key, _)| key.as_str().cmp(name))
        .ok()?;
    Some(&action.attributes[index].1)
}

/// Records that a node was fenced (`off`, `reboot`) or unfenced (`on`).
///
/// A fenced node is out of the cluster, and what was known about it is forgotten.
pub fn record_fencing(cib: &mut Document, node: &str, operation: &str, origin: &str) {
    if operation.eq_ignore_ascii_case("on") {
        return;
    }
    let uuid = node_uuid(cib, node).unwrap_or_else(|| node.to_owned());
    let state = node_state(cib, node, &uuid);
    set_node_state(cib, state, false);
    cib.set_attr(state, "crm-debug-origin", origin);
    for name in ["lrm", "transient_attributes"] {
        while let Some(child) = cib.child(state, name) {
            cib.remove(child);
        }
    }
}

/// Sets a node's membership to all there or all gone.
pub fn set_node_state(cib: &mut Document, state: ElementId, up: bool) {
    let (in_ccm, crmd, member) = if up {
        ("true", "online", "member")
    } else {
        ("false", "offline", "down")
    };
    cib.set_attr(state, "in_ccm", in_ccm);
    cib.set_attr(state, "crmd", crmd);
    cib.set_attr(state, "join", member);
    cib.set_attr(state, "expected", member);
}

/// The id of a configured node.
pub(super) fn node_uuid(cib: &Document, name: &str) -> Option<String> {
    let configuration = cib.child(cib.root(), "configuration")?;
    let nodes = cib.child(configuration, "nodes")?;
    let mut entries = cib.children_named(nodes, "node");
    let entry = entries.find(|&node| cib.attr(node, "uname") == Some(name))?;
    cib.attr(entry, "id").map(str::to_owned)
}
