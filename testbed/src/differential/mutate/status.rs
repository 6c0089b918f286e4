//! What happens to nodes and resources while a cluster runs.

use super::any_of;
use crate::differential::generate::vocabulary::{EXECUTION, EXIT_CODES, MEMBERSHIP, NODE};
use crate::differential::generate::{EPOCH, set_membership};
use crate::differential::random::Random;
use crate::differential::tree::Element;

type Done = Option<String>;

/// When something happened, in seconds before now.
const AGES_S: [i64; 6] = [100, 100, 1, 10_000, 86_400, 0];

/// The time for which is planned.
fn now(cib: &Element) -> i64 {
    cib.get("execution-date")
        .and_then(|now| now.parse().ok())
        .unwrap_or(EPOCH)
}

/// A time at which something may have happened.
fn some_time(random: &mut Random, cib: &Element) -> String {
    let age_s = random.pick(&AGES_S).copied().unwrap_or(0);
    (now(cib) - age_s).to_string()
}

pub(super) fn is_state(e: &Element) -> bool {
    e.name == "node_state"
}

pub(super) fn is_result(e: &Element) -> bool {
    e.name == "lrm_rsc_op"
}

pub(super) fn uname(state: &Element) -> String {
    state.get("uname").unwrap_or(state.id()).to_owned()
}

/// A node comes, goes, or is on its way.
pub(super) fn membership(random: &mut Random, cib: &mut Element) -> Done {
    let now = now(cib);
    let state = any_of(random, cib, is_state)?;
    let values = random.pick(MEMBERSHIP)?;
    set_membership(state, values, now);
    if random.chance(10) {
        state.unset(random.word(&["in_ccm", "crmd", "join", "expected"]));
    }
    Some(format!("{} becomes {}", uname(state), values.join("/")))
}

/// A node asks to be shut down.
pub(super) fn shut_down(random: &mut Random, cib: &mut Element) -> Done {
    let since = some_time(random, cib);
    let state = any_of(random, cib, is_state)?;
    transient(state, "shutdown", &since);
    Some(format!("{} asks to shut down", uname(state)))
}

/// Sets a transient attribute of a node.
pub(super) fn transient(state: &mut Element, name: &str, value: &str) {
    let id = state.id().to_owned();
    let attributes = state.child_or_new("transient_attributes");
    attributes.set("id", id.clone());
    let set = attributes.child_or_new("instance_attributes");
    if set.get("id").is_none() {
        set.set("id", format!("status-{id}"));
    }
    let set_id = set.id().to_owned();
    match set
        .children
        .iter_mut()
        .find(|pair| pair.get("name") == Some(name))
    {
        Some(pair) => pair.set("value", value),
        None => set.children.push(Element::pair(&set_id, name, value)),
    }
}

/// A node gets a transient attribute.
pub(super) fn transient_attribute(random: &mut Random, cib: &mut Element) -> Done {
    let (name, values) = random.pick(NODE)?;
    let value = random.word(values);
    let state = any_of(random, cib, is_state)?;
    transient(state, name, value);
    Some(format!("{} has {name}={value} for now", uname(state)))
}

/// An operation had another result.
pub(super) fn result(random: &mut Random, cib: &mut Element) -> Done {
    let operation = any_of(random, cib, is_result)?;
    let code = random.word(EXIT_CODES);
    operation.set("rc-code", code);
    let status = if random.chance(60) {
        "0"
    } else {
        random.word(EXECUTION)
    };
    operation.set("op-status", status);
    Some(format!("{} ended with {code}/{status}", operation.id()))
}

/// An operation has not ended.
pub(super) fn pending(random: &mut Random, cib: &mut Element) -> Done {
    let operation = any_of(random, cib, is_result)?;
    operation.set("rc-code", random.word(&["-1", "193"]));
    operation.set("op-status", "-1");
    if random.chance(50) {
        operation.set("call-id", "-1");
    }
    Some(format!("{} is pending", operation.id()))
}

/// The highest call in a resource's history, and one more.
fn next_call(history: &Element) -> String {
    let calls = history
        .children
        .iter()
        .filter_map(|op| op.get("call-id")?.parse::<i64>().ok());
    (calls.max().unwrap_or(0) + 1).to_string()
}

/// Something that was done with a resource.
struct Event<'a> {
    rsc: &'a str,
    task: &'a str,
    interval: &'a str,
    code: &'a str,
    when: &'a str,
}

impl Event<'_> {
    /// The entry of history for it, as the cluster writes it.
    fn entry(&self, id: &str, call: &str) -> Element {
        let Event {
            rsc,
            task,
            interval,
            code,
            when,
        } = self;
        let target = if *task == "monitor" && *interval == "0" {
            "7"
        } else {
            "0"
        };
        let key = format!("3:2:{target}:8aa6a3d9-2b5d-4bd6-9d5e-7a3c1f7c2a11");
        Element::new("lrm_rsc_op")
            .with("id", id)
            .with("operation_key", format!("{rsc}_{task}_{interval}"))
            .with("operation", *task)
            .with("crm-debug-origin", "build_active_RAs")
            .with("crm_feature_set", "3.20.1")
            .with("transition-key", &key)
            .with("transition-magic", format!("0:{code};{key}"))
            .with("call-id", call)
            .with("rc-code", *code)
            .with("op-status", "0")
            .with("interval", *interval)
            .with("last-rc-change", *when)
            .with("exec-time", "0")
            .with("queue-time", "0")
    }

    /// The id of the last entry of its kind.
    fn last_id(&self) -> String {
        match self.interval {
            "0" => format!("{}_last_0", self.rsc),
            interval => format!("{}_{}_{interval}", self.rsc, self.task),
        }
    }
}

/// Puts an entry into a history in place of one with its id.
fn put(history: &mut Element, entry: Element) {
    match history
        .children
        .iter_mut()
        .find(|old| old.id() == entry.id())
    {
        Some(old) => *old = entry,
        None => history.children.push(entry),
    }
}

/// An operation fails, and the failure is counted.
pub(super) fn failure(random: &mut Random, cib: &mut Element) -> Done {
    const TASKS: [&str; 9] = [
        "monitor",
        "monitor",
        "monitor",
        "probe",
        "start",
        "stop",
        "promote",
        "demote",
        "migrate_to",
    ];
    fail(random, cib, |e| e.name == "lrm_resource", &TASKS)
}

/// One of some operations of a resource with some history fails, and the failure is counted.
pub(super) fn fail(
    random: &mut Random,
    cib: &mut Element,
    wanted: impl Fn(&Element) -> bool,
    tasks: &[&'static str],
) -> Done {
    let with_history = |e: &Element| is_state(e) && !e.find_all(&wanted).is_empty();
    let when = some_time(random, cib);
    let state = any_of(random, cib, with_history)?;
    let history = any_of(random, state, &wanted)?;
    let rsc = history.id().to_owned();
    let (task, interval) = match random.word(tasks) {
        "monitor" => ("monitor", random.word(&["10000", "30000", "10000"])),
        "probe" => ("monitor", "0"),
        task => (task, "0"),
    };
    let code = random.word(EXIT_CODES);
    let call = next_call(history);
    let event = Event {
        rsc: &rsc,
        task,
        interval,
        code,
        when: &when,
    };
    let mut last = event.entry(&format!("{rsc}_last_failure_0"), &call);
    if random.chance(20) {
        last.set("op-status", random.word(EXECUTION));
    }
    if random.chance(70) {
        let mut same = last.clone();
        same.set("id", event.last_id());
        put(history, same);
    }
    put(history, last);
    if random.chance(70) {
        let count = random.word(&["1", "1", "2", "3", "INFINITY"]);
        count_failures(state, &event, count);
    }
    Some(format!(
        "{rsc} {task} {interval} fails with {code} on {}",
        uname(state)
    ))
}

fn count_failures(state: &mut Element, event: &Event<'_>, count: &str) {
    let Event {
        rsc,
        task,
        interval,
        when,
        ..
    } = event;
    transient(state, &format!("fail-count-{rsc}#{task}_{interval}"), count);
    transient(
        state,
        &format!("last-failure-{rsc}#{task}_{interval}"),
        when,
    );
}

/// Failures of a resource are counted.
pub(super) fn fail_count(random: &mut Random, cib: &mut Element) -> Done {
    let names: Vec<String> = cib
        .find_all(|e| e.name == "lrm_resource")
        .iter()
        .map(|e| e.id().to_owned())
        .collect();
    let rsc = random.pick(&names)?.clone();
    let when = some_time(random, cib);
    let state = any_of(random, cib, is_state)?;
    let task = random.word(&["monitor", "start", "stop", "promote"]);
    let interval = if task == "monitor" { "10000" } else { "0" };
    let count = random.word(&["1", "2", "3", "INFINITY", "1000000"]);
    let event = Event {
        rsc: &rsc,
        task,
        interval,
        code: "",
        when: &when,
    };
    count_failures(state, &event, count);
    Some(format!(
        "{rsc} has failed {count} times on {}",
        uname(state)
    ))
}

/// A resource's history appears on a second node, too.
pub(super) fn second_instance(random: &mut Random, cib: &mut Element) -> Done {
    let history = any_of(random, cib, |e| {
        e.name == "lrm_resource" && !e.children.is_empty()
    })?
    .clone();
    let state = any_of(random, cib, is_state)?;
    let done = format!("{} shows on {}, too", history.id(), uname(state));
    let id = state.id().to_owned();
    let lrm = state.child_or_new("lrm");
    lrm.set("id", id);
    let resources = lrm.child_or_new("lrm_resources");
    resources.children.retain(|old| old.id() != history.id());
    resources.children.push(history);
    Some(done)
}

/// Part of a history is lost.
pub(super) fn forget(random: &mut Random, cib: &mut Element) -> Done {
    let what = if random.chance(50) {
        "lrm_resource"
    } else {
        "lrm_rsc_op"
    };
    let parent = any_of(random, cib, |e| {
        e.children.iter().any(|child| child.name == what)
    })?;
    let at: Vec<usize> = (0..parent.children.len())
        .filter(|at| parent.children[*at].name == what)
        .collect();
    let at = *random.pick(&at)?;
    let gone = parent.children.remove(at);
    Some(format!("{what} {} is lost", gone.id()))
}

/// Nothing is known of a node, or not its history.
pub(super) fn node_forgotten(random: &mut Random, cib: &mut Element) -> Done {
    let all = random.chance(50);
    if all {
        let status = cib.at_or_new(&["status"]);
        if status.children.is_empty() {
            return None;
        }
        let gone = status.children.remove(random.below(status.children.len()));
        return Some(format!("status of {} is lost", gone.id()));
    }
    let state = any_of(random, cib, |e| is_state(e) && e.child("lrm").is_some())?;
    state.children.retain(|child| child.name != "lrm");
    Some(format!("history of {} is lost", uname(state)))
}

/// An operation ran with other parameters.
pub(super) fn digest(random: &mut Random, cib: &mut Element) -> Done {
    let operation = any_of(random, cib, is_result)?;
    let digest = "f2317cad3d54cec5d7d7aa7d0bf35cf8";
    match random.below(5) {
        0 | 1 => operation.set("op-digest", digest),
        2 => {
            operation.set("op-restart-digest", digest);
            operation.set("op-force-restart", " state ");
        }
        3 => {
            operation.set("op-digest", digest);
            operation.set("op-restart-digest", "4811cef7f7f94e3a35a70be7916cb2fd");
            operation.set("op-force-restart", " envfile ");
        }
        _ => operation.set("op-secure-digest", digest),
    }
    Some(format!("{} ran with other parameters", operation.id()))
}

/// An operation ran at another time.
pub(super) fn change_time(random: &mut Random, cib: &mut Element) -> Done {
    let when = match random.below(10) {
        0 => "0".to_owned(),
        1 => (now(cib) + 10_000).to_string(),
        _ => some_time(random, cib),
    };
    let operation = any_of(random, cib, is_result)?;
    operation.set("last-rc-change", &when);
    Some(format!("{} ran at {when}", operation.id()))
}

/// A live migration is under way, or came to some end.
pub(super) fn migration(random: &mut Random, cib: &mut Element) -> Done {
    let nodes: Vec<String> = cib
        .find_all(is_state)
        .iter()
        .map(|state| uname(state))
        .collect();
    let when = some_time(random, cib);
    let history = any_of(random, cib, |e| e.name == "lrm_resource")?.clone();
    let rsc = history.id().to_owned();
    let (source, target) = (random.name(&nodes), random.name(&nodes));
    let mut what = Vec::new();
    for (task, on) in [("migrate_to", &source), ("migrate_from", &target)] {
        if !random.chance(75) {
            continue;
        }
        let code = random.word(&["0", "0", "1", "193"]);
        let state = any_of(random, cib, |e| is_state(e) && uname(e) == *on)?;
        let resources = state.at_or_new(&["lrm", "lrm_resources"]);
        if resources.children.iter().all(|known| known.id() != rsc) {
            let mut empty = history.clone();
            empty.children.clear();
            resources.children.push(empty);
        }
        let known = resources
            .children
            .iter_mut()
            .find(|known| known.id() == rsc)?;
        let event = Event {
            rsc: &rsc,
            task,
            interval: "0",
            code,
            when: &when,
        };
        let mut record = event
            .entry(&event.last_id(), &next_call(known))
            .with("migrate_source", &source)
            .with("migrate_target", &target);
        if code == "193" {
            record.set("op-status", "-1");
        }
        put(known, record);
        what.push(format!("{task} on {on}: {code}"));
    }
    (!what.is_empty()).then(|| format!("{rsc} {}", what.join(", ")))
}

/// A resource prefers to be promoted somewhere.
pub(super) fn promotion_score(random: &mut Random, cib: &mut Element) -> Done {
    let names: Vec<String> = cib
        .find_all(|e| e.name == "primitive")
        .iter()
        .map(|e| e.id().to_owned())
        .collect();
    let rsc = random.pick(&names)?.clone();
    let state = any_of(random, cib, is_state)?;
    let score = random.word(&["5", "10", "100", "-1", "INFINITY", "-INFINITY", "0"]);
    transient(state, &format!("master-{rsc}"), score);
    Some(format!(
        "{rsc} may be promoted on {} by {score}",
        uname(state)
    ))
}

/// A ticket is granted, revoked or put to standby.
pub(super) fn ticket(random: &mut Random, cib: &mut Element) -> Done {
    let names = crate::differential::generate::constraints::Names::of(cib).tickets;
    let name = random.name(&names);
    let state = crate::differential::generate::ticket(random, &name);
    let tickets = cib.at_or_new(&["status", "tickets"]);
    tickets.children.retain(|known| known.id() != name);
    tickets.children.push(state);
    Some(format!("ticket {name} changes"))
}

/// Quorum comes or goes.
pub(super) fn quorum(random: &mut Random, cib: &mut Element) -> Done {
    let value = random.word(&["0", "0", "1"]);
    cib.set("have-quorum", value);
    Some(format!("quorum is {value}"))
}

/// A resource is locked to a node that was shut down.
pub(super) fn lock(random: &mut Random, cib: &mut Element) -> Done {
    let since = some_time(random, cib);
    let history = any_of(random, cib, |e| e.name == "lrm_resource")?;
    history.set("shutdown-lock", since);
    Some(format!("{} is locked", history.id()))
}

/// A remote node's own state changes.
pub(super) fn remote_state(random: &mut Random, cib: &mut Element) -> Done {
    let state = any_of(random, cib, |e| {
        is_state(e) && e.get("remote_node") == Some("true")
    })?;
    match random.below(3) {
        0 => state.set("node_fenced", random.word(&["1", "0"])),
        1 => state.set("in_ccm", random.word(&["true", "false"])),
        _ => state.set("node_in_maintenance", random.word(&["1", "0"])),
    }
    Some(format!("remote node {} changes", uname(state)))
}

/// A resource was run by another agent.
pub(super) fn other_agent(random: &mut Random, cib: &mut Element) -> Done {
    let history = any_of(random, cib, |e| e.name == "lrm_resource")?;
    let (name, value) = match random.below(3) {
        0 => ("type", "Other"),
        1 => ("provider", "other"),
        _ => ("class", random.word(&["lsb", "systemd", "ocf", "stonith"])),
    };
    history.set(name, value);
    Some(format!("{} had {name} {value}", history.id()))
}

/// History is kept under the name of another instance, or of none.
pub(super) fn rename_history(random: &mut Random, cib: &mut Element) -> Done {
    let list = any_of(random, cib, |e| {
        e.name == "lrm_resources" && !e.children.is_empty()
    })?;
    let at = random.below(list.children.len());
    let old = list.children[at].id().to_owned();
    let stem = old.split(':').next().unwrap_or(&old);
    let new = format!("{stem}{}", random.word(&["", ":0", ":1", ":2", ":9"]));
    if list.children.iter().any(|other| other.id() == new) {
        // No node keeps two histories of one name.
        return None;
    }
    let history = &mut list.children[at];
    history.set("id", &new);
    for entry in &mut history.children {
        for (_, value) in &mut entry.attributes {
            if let Some(rest) = value.strip_prefix(&format!("{old}_")) {
                *value = format!("{new}_{rest}");
            }
        }
    }
    Some(format!("history of {old} is that of {new}"))
}

/// Something about an operation is not known.
pub(super) fn incomplete_entry(random: &mut Random, cib: &mut Element) -> Done {
    let operation = any_of(random, cib, is_result)?;
    let name = random.word(&[
        "operation_key",
        "transition-key",
        "transition-magic",
        "call-id",
        "on_node",
        "last-rc-change",
        "op-digest",
        "interval",
        "crm_feature_set",
    ]);
    operation.unset(name);
    Some(format!("{} has no {name}", operation.id()))
}

/// Another result was expected.
pub(super) fn expectation(random: &mut Random, cib: &mut Element) -> Done {
    let operation = any_of(random, cib, is_result)?;
    let expected = random.word(&["0", "7", "8", "193", "-1"]);
    let key = format!("5:9:{expected}:8aa6a3d9-2b5d-4bd6-9d5e-7a3c1f7c2a11");
    let code = operation.get("rc-code").unwrap_or("0").to_owned();
    operation.set("transition-magic", format!("0:{code};{key}"));
    operation.set("transition-key", key);
    Some(format!(
        "{} was expected to end with {expected}",
        operation.id()
    ))
}

/// A monitor found a resource in some state.
pub(super) fn monitored(random: &mut Random, cib: &mut Element) -> Done {
    let when = some_time(random, cib);
    let history = any_of(random, cib, |e| e.name == "lrm_resource")?;
    let rsc = history.id().to_owned();
    let (task, interval) = [
        ("monitor", "0"),
        ("monitor", "10000"),
        ("monitor", "20000"),
        ("start", "0"),
        ("stop", "0"),
        ("promote", "0"),
        ("demote", "0"),
    ][random.below(7)];
    let code = random.word(&["0", "0", "7", "8", "190", "191"]);
    let event = Event {
        rsc: &rsc,
        task,
        interval,
        code,
        when: &when,
    };
    let entry = event.entry(&event.last_id(), &next_call(history));
    put(history, entry);
    Some(format!("{rsc} {task} {interval} ended with {code}"))
}

/// What is known of one node is known of another.
pub(super) fn swap_histories(random: &mut Random, cib: &mut Element) -> Done {
    let has_lrm = |e: &Element| is_state(e) && e.child("lrm").is_some();
    let count = cib.find_all(has_lrm).len();
    if count < 2 {
        return None;
    }
    let (one, other) = (random.below(count), random.below(count));
    let first = cib.nth_mut(one, &has_lrm)?.child_or_new("lrm").clone();
    let second = std::mem::replace(cib.nth_mut(other, &has_lrm)?.child_or_new("lrm"), first);
    *cib.nth_mut(one, &has_lrm)?.child_or_new("lrm") = second;
    Some(format!("histories {one} and {other} change places"))
}
