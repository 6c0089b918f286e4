//! Which devices fence a node, and who operates them?
//!
//! With a topology for the target: its levels in turn, all devices of one together. Without: every
//! device that may fence the target, one after the other, in the order of the configuration. One
//! executor, on a node that can be reached and is not the target, is told all of that and stops at the
//! first success; where it ended is the action's result. After failures the next executor tries.

use std::collections::BTreeMap;

use lockstep_engine::config::{Evaluation, resolve};
use lockstep_engine::graph::GraphAction;
use lockstep_engine::parse::{Document, ElementId};
use lockstep_engine::time::Timestamp;
use lockstep_engine::value::duration_ms;
use regex::Regex;

use super::duty::Duty;
use crate::agent::fence::TARGET;
use crate::agent::fence::device::{Device, Reach};
use crate::agent::{AgentName, Attempt, FENCE, Fencing, Operation};
use crate::cluster::action::parameter;
use crate::cluster::{Cluster, status};
use crate::edit;
use crate::executor::Work;

#[cfg(test)]
mod tests;

/// How long one device may take unless the configuration says otherwise, in milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 60_000;

/// Who fences the target of this action.
pub fn duty(action: &GraphAction, cluster: &Cluster, available: impl Fn(&str) -> bool) -> Duty {
    let Some(target) = &action.node else {
        return Duty::Impossible("fencing without a target".into());
    };
    let target = target.name.as_str();
    let wanted = parameter(action, "stonith_action").unwrap_or("reboot");
    // Rules mean what they meant when this was planned.
    let planned = cluster.transition().map(|transition| transition.now);
    let now = planned.unwrap_or(Timestamp::utc(0));
    let mut levels = levels(cluster.cib(), now, target, wanted);
    if levels.is_empty() {
        return Duty::Impossible(format!(
            "no fence device is configured that can fence {target}"
        ));
    }
    // The engine has one of two nodes wait, so that the one with more to lose survives.
    let priority_delay = parameter(action, "priority_fencing_delay").and_then(duration_ms);
    if let Some(first) = levels.first_mut().and_then(|level| level.first_mut()) {
        first.operation.start_delay_ms = priority_delay
            .and_then(|ms| u64::try_from(ms).ok())
            .unwrap_or(0);
    }
    let Some(node) = operator(cluster, target, wanted, &levels, available) else {
        return Duty::Impossible(format!("nobody is left who could fence {target}"));
    };
    let only = match levels.as_mut_slice() {
        [level] if level.len() == 1 => level.pop(),
        _ => None,
    };
    let work = match only {
        Some(attempt) => Work::Operate(attempt.operation),
        None => Work::Fence(Fencing {
            // No id has a blank.
            lane: format!("fencing {target}"),
            levels,
        }),
    };
    Duty::Executor { node, work }
}

/// Where the devices are operated from. A node is given back its access (`on`) by itself, if it can;
/// else preferably one where the first device is started. After failures the next one has its turn.
fn operator(
    cluster: &Cluster,
    target: &str,
    action: &str,
    levels: &[Vec<Attempt>],
    available: impl Fn(&str) -> bool,
) -> Option<String> {
    let cib = cluster.cib();
    let online = cluster.nodes().iter().filter(|(_, record)| record.online);
    let mut able: Vec<&str> = online
        .map(|(name, _)| name.as_str())
        .filter(|name| available(name) && (*name != target || action == "on"))
        .collect();
    let first = levels.first()?.first()?.operation.resource.as_str();
    let is_started = |name: &str| status::resource_history(cib, name, first).is_some();
    able.sort_by_key(|name| (*name != target, !is_started(name)));
    let turn = cluster.fencing_failures() as usize;
    able.get(turn.checked_rem(able.len())?)
        .map(|name| (*name).to_owned())
}

/// What is to be tried in turn to do this to a node.
fn levels(cib: &Document, now: Timestamp, target: &str, action: &str) -> Vec<Vec<Attempt>> {
    let devices = devices(cib, now);
    let attempt = |device: &Configured, action: &str| attempt(cib, device, target, action);
    let Some(topology) = topology(cib, target) else {
        let each = devices.iter().filter_map(|device| attempt(device, action));
        return each.map(|attempt| vec![attempt]).collect();
    };
    let level = |ids: Vec<&str>| -> Option<Vec<Attempt>> {
        let find = |id: &str| devices.iter().find(|device| device.id == id);
        // A level with a device that is not there cannot be had.
        let together: Option<Vec<_>> = ids.into_iter().map(find).collect();
        let together = together?;
        let all = |action: &str| -> Option<Vec<Attempt>> {
            together
                .iter()
                .map(|device| attempt(device, action))
                .collect()
        };
        if action != "reboot" || together.len() < 2 {
            return all(action);
        }
        // With several supplies of power all must be off before one is on again.
        let mut steps = all("off")?;
        let mut on = all("on")?;
        on.iter_mut().for_each(|step| step.required = false);
        steps.append(&mut on);
        Some(steps)
    };
    let levels = topology.into_values().filter_map(level);
    levels.filter(|level| !level.is_empty()).collect()
}

/// The devices of each level for a node, by number: those for its name, or else for the first pattern
/// that its name matches, or else for the first attribute that it has.
fn topology<'c>(cib: &'c Document, target: &str) -> Option<BTreeMap<u32, Vec<&'c str>>> {
    let all = edit::section(cib, "fencing-topology")?;
    let entries: Vec<ElementId> = cib.children_named(all, "fencing-level").collect();
    let by_name = |e: &ElementId| cib.attr(*e, "target") == Some(target);
    let by_pattern = |e: &ElementId| {
        let pattern = cib.attr(*e, "target-pattern").map(Regex::new);
        pattern.is_some_and(|pattern| pattern.is_ok_and(|pattern| pattern.is_match(target)))
    };
    let by_attribute = |e: &ElementId| {
        let name = cib.attr(*e, "target-attribute");
        let has = name.and_then(|name| status::permanent(cib, target, name));
        has.is_some() && has == cib.attr(*e, "target-value")
    };
    let mut first = entries.iter().find(|e| by_name(e));
    first = first.or_else(|| entries.iter().find(|e| by_pattern(e)));
    first = first.or_else(|| entries.iter().find(|e| by_attribute(e)));
    let chosen = *first?;
    let about = [
        "target",
        "target-pattern",
        "target-attribute",
        "target-value",
    ];
    let same = |e: &ElementId| {
        about
            .iter()
            .all(|name| cib.attr(*e, name) == cib.attr(chosen, name))
    };
    let mut levels: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for entry in entries.iter().copied().filter(same) {
        let index = cib.attr(entry, "index").and_then(|text| text.parse().ok());
        let Some(index @ 1..=9) = index else { continue };
        let devices = cib.attr(entry, "devices").unwrap_or("").split(',');
        let devices = devices.map(str::trim).filter(|id| !id.is_empty());
        levels.entry(index).or_default().extend(devices);
    }
    Some(levels)
}

/// What a device would have to do; `None` if it cannot do it to that node.
fn attempt(cib: &Document, device: &Configured, target: &str, action: &str) -> Option<Attempt> {
    let mut parameters = device.parameters.clone();
    let settings = Device::new(&parameters);
    if settings.reach(target) == Reach::No {
        return None;
    }
    let timeout_ms = settings.timeout_ms(action);
    let plug = settings.plug(target).to_owned();
    let is_given = settings.get("plug").is_some();
    parameters.extend((!is_given).then_some(("plug".into(), plug)));
    parameters.push(("action".into(), action.to_owned()));
    parameters.push((TARGET.into(), target.to_owned()));
    let operation = Operation {
        resource: device.id.clone(),
        agent: device.agent.clone(),
        task: FENCE.to_owned(),
        interval_ms: 0,
        timeout_ms: timeout_ms.unwrap_or_else(|| cluster_timeout_ms(cib)),
        start_delay_ms: 0,
        parameters,
    };
    Some(Attempt {
        operation,
        required: true,
    })
}

/// How long one device may take, as the cluster's options say.
fn cluster_timeout_ms(cib: &Document) -> u64 {
    let options = edit::section(cib, "crm_config");
    let sets = options
        .into_iter()
        .flat_map(|options| cib.children_named(options, "cluster_property_set"));
    let mut pairs = sets.flat_map(|set| cib.children_named(set, "nvpair"));
    let found = pairs.find(|pair| {
        let names = ["fencing-timeout", "stonith-timeout"];
        cib.attr(*pair, "name")
            .is_some_and(|name| names.contains(&name))
    });
    let text = found.and_then(|pair| cib.attr(pair, "value"));
    let ms = text
        .and_then(duration_ms)
        .and_then(|ms| u64::try_from(ms).ok());
    ms.filter(|ms| *ms > 0).unwrap_or(DEFAULT_TIMEOUT_MS)
}

/// After how long the leader stops waiting for all of it, in milliseconds.
pub(super) fn patience_ms(fencing: &Fencing) -> u64 {
    // Before a device fences it may have to be asked whether it can, and to wait.
    const QUESTIONS_MS: u64 = 60_000;
    let attempts = fencing.attempts().map(|Attempt { operation, .. }| {
        let target = operation.parameter(TARGET).unwrap_or_default();
        let (_, delay_ms) = Device::new(&operation.parameters).delay_ms(target);
        let own = operation.timeout_ms + operation.start_delay_ms;
        own.saturating_add(delay_ms).saturating_add(QUESTIONS_MS)
    });
    attempts.fold(0, u64::saturating_add)
}

/// A fence device as it is configured.
struct Configured {
    id: String,
    agent: AgentName,
    parameters: Vec<(String, String)>,
}

/// All fence devices, in the order of the configuration; templates, references and rules are the
/// engine's matter.
fn devices(cib: &Document, now: Timestamp) -> Vec<Configured> {
    // What the engine does not read it does not plan for either.
    let Ok(config) = resolve(cib, now) else {
        return Vec::new();
    };
    let mut evaluation = Evaluation::new(cib, now);
    let mut devices: Vec<Configured> = Vec::new();
    for resource in config.resources.iter().filter(|one| one.fence_device) {
        let Some(agent) = resource.agent() else {
            continue;
        };
        // Instances of a clone are one device.
        if devices.iter().any(|known| known.id == resource.config_id) {
            continue;
        }
        let parameters = resource.parameters_on(&mut evaluation, None);
        devices.push(Configured {
            id: resource.config_id.clone(),
            agent: AgentName {
                class: agent.class.clone(),
                provider: agent.provider.clone(),
                kind: agent.agent.clone(),
            },
            parameters: parameters
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        });
    }
    devices
}
