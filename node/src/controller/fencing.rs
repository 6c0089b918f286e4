//! Which device fences a node, and who operates it?
//!
//! The first fence resource of the configuration that may fence the target, operated by a node that
//! can be reached and is not the target; preferably one where the device is started. Topology
//! levels, delays and retries across devices are not looked at yet.

use lockstep_engine::graph::GraphAction;
use lockstep_engine::parse::{Document, ElementId};

use super::duty::Duty;
use crate::agent::{AgentName, FENCE, Operation};
use crate::cluster::action::parameter;
use crate::cluster::{Cluster, status};
use crate::executor::Work;

/// How long fencing may take unless the configuration says otherwise, in milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 60_000;

/// Who fences the target of this action.
pub fn duty(action: &GraphAction, cluster: &Cluster, available: impl Fn(&str) -> bool) -> Duty {
    let Some(target) = &action.node else {
        return Duty::Impossible("fencing without a target".into());
    };
    let cib = cluster.cib();
    let target = target.name.as_str();
    let mut devices = devices(cib).filter_map(|device| Some((device, plug(cib, device, target)?)));
    let Some((device, plug)) = devices.next() else {
        return Duty::Impossible(format!(
            "no fence device is configured that can fence {target}"
        ));
    };
    let id = cib.id(device).unwrap_or_default();
    let mut operators = cluster.nodes().iter().filter(|(name, record)| {
        record.online && name.as_str() != target && available(name.as_str())
    });
    let started = |name: &str| status::resource_history(cib, name, id).is_some();
    let preferred = operators
        .clone()
        .find(|(name, _)| started(name))
        .or_else(|| operators.next());
    let Some((node, _)) = preferred else {
        return Duty::Impossible(format!("nobody is left who could fence {target}"));
    };
    let wanted = parameter(action, "stonith_action").unwrap_or("reboot");
    let mut parameters: Vec<(String, String)> = parameters(cib, device).collect();
    parameters.push(("action".into(), wanted.to_owned()));
    parameters.push(("plug".into(), plug));
    let text = |name| cib.attr(device, name).map(str::to_owned);
    let operation = Operation {
        resource: id.to_owned(),
        agent: AgentName {
            class: text("class").unwrap_or_default(),
            provider: text("provider"),
            kind: text("type").unwrap_or_default(),
        },
        task: FENCE.to_owned(),
        interval_ms: 0,
        timeout_ms: DEFAULT_TIMEOUT_MS,
        start_delay_ms: 0,
        parameters,
    };
    Duty::Executor {
        node: node.clone(),
        work: Work::Operate(operation),
    }
}

fn devices(cib: &Document) -> impl Iterator<Item = ElementId> {
    let resources = cib
        .child(cib.root(), "configuration")
        .and_then(|configuration| cib.child(configuration, "resources"));
    let all = resources
        .into_iter()
        .flat_map(|resources| cib.descendants(resources));
    all.filter(|e| cib.name(*e) == "primitive" && cib.attr(*e, "class") == Some("stonith"))
}

fn parameters(cib: &Document, device: ElementId) -> impl Iterator<Item = (String, String)> {
    let sets = cib.children_named(device, "instance_attributes");
    let pairs = sets.flat_map(|set| cib.children_named(set, "nvpair"));
    pairs.filter_map(|pair| {
        Some((
            cib.attr(pair, "name")?.to_owned(),
            cib.attr(pair, "value")?.to_owned(),
        ))
    })
}

/// How the device calls the target; `None` if it cannot fence it. A device that names no hosts is
/// taken to know all of them by their node names.
fn plug(cib: &Document, device: ElementId, target: &str) -> Option<String> {
    let find = |wanted: &str| {
        parameters(cib, device)
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value)
    };
    let separators = [' ', '\t', ',', ';'];
    if let Some(map) = find("pcmk_host_map") {
        let mut pairs = map
            .split(separators)
            .filter_map(|pair| pair.split_once([':', '=']));
        if let Some((_, plug)) = pairs.find(|(host, _)| *host == target) {
            return Some(plug.to_owned());
        }
        find("pcmk_host_list")?;
    }
    match find("pcmk_host_list") {
        Some(list) => list
            .split(separators)
            .any(|host| host == target)
            .then(|| target.to_owned()),
        None => Some(target.to_owned()),
    }
}
