//! What has been observed in a case's cluster?

use std::collections::BTreeMap;

use crate::cib::Element;
use crate::fixture::{Builder, set_agent};
use crate::words::Words;
use lockstep_engine::state::digest::Digest;

/// Everything happened this long ago, unless a line says `ago=`.
const AGO: i64 = 3600;
const TRANSITION: &str = "00000000-0000-4000-8000-000000000000";

impl Builder {
    /// `history RESOURCES NODES WHAT [INTERVAL] [rc=N] [expected=N] [status=N] [ago=SPAN] […]`.
    ///
    /// WHAT is a task, or a word for what a task found: see [`event`].
    pub(crate) fn history(&mut self, mut words: Words) -> Result<(), String> {
        let agent = words.take("agent");
        for node in words.word(1)?.split(',') {
            for resource in words.word(0)?.split(',') {
                let place = self.resource_history(resource, node, agent.as_deref())?;
                for entry in self.entries(resource, node, &words)? {
                    self.node_history(&place.0)
                        .child("lrm_resource", &place.1)
                        .replace(entry);
                }
            }
        }
        Ok(())
    }

    /// Makes sure that a node has history of a resource; returns the ids of both.
    fn resource_history(
        &mut self,
        resource: &str,
        node: &str,
        agent: Option<&str>,
    ) -> Result<(String, String), String> {
        let known = agent.map(str::to_owned).or_else(|| self.agent_of(resource));
        let agent = known.unwrap_or_else(|| "ocf:pacemaker:Dummy".to_owned());
        let id = self.node_state(node).id().to_owned();
        let element = self.node_history(&id).child("lrm_resource", resource);
        set_agent(element, &agent)?;
        Ok((id, resource.to_owned()))
    }

    fn agent_of(&self, resource: &str) -> Option<String> {
        let name = resource.split(':').next()?;
        let primitives = self.resources.primitives();
        let found = primitives.iter().find(|element| element.id() == name)?;
        let parts = ["class", "provider", "type"];
        let parts: Vec<&str> = parts
            .iter()
            .filter_map(|part| found.attribute(part))
            .collect();
        (!parts.is_empty()).then(|| parts.join(":"))
    }

    /// The state of a node; that of a remote or guest node is added when first spoken of.
    fn node_state(&mut self, name: &str) -> &mut Element {
        let known = self
            .status
            .elements()
            .find(|state| state.attribute("uname") == Some(name))
            .map(|state| state.id().to_owned());
        match known {
            Some(id) => self.status.child("node_state", &id),
            None => {
                let state = self.status.child("node_state", name);
                state.set("uname", name);
                state.set("remote_node", "true");
                state.set("in_ccm", "true");
                state
            }
        }
    }

    fn node_history(&mut self, id: &str) -> &mut Element {
        let state = self.status.child("node_state", id);
        let lrm = state.child("lrm", id);
        // Its children have ids of their own, and it has none.
        if lrm.children.is_empty() {
            lrm.push(Element::new("lrm_resources"));
        }
        lrm.child("lrm_resources", "")
    }

    fn entries(
        &mut self,
        resource: &str,
        node: &str,
        words: &Words,
    ) -> Result<Vec<Element>, String> {
        let mut entries = Vec::new();
        let interval = words.words.get(3);
        let interval_ms = interval.map_or(Ok(0), |text| milliseconds(text))?;
        for (task, rc) in event(words.word(2)?, interval_ms) {
            entries.push(self.entry(resource, node, task, 0, rc, words)?);
        }
        if interval_ms > 0 || entries.is_empty() {
            let (task, rc) = monitor(words.word(2)?);
            entries.push(self.entry(resource, node, task, interval_ms, rc, words)?);
        }
        Ok(entries)
    }

    fn entry(
        &mut self,
        resource: &str,
        node: &str,
        task: &str,
        interval_ms: i64,
        rc: i64,
        words: &Words,
    ) -> Result<Element, String> {
        let mut words = Words {
            words: Vec::new(),
            pairs: words.pairs.clone(),
        };
        let mut number = |name: &str| {
            let value = words.take(name);
            value.map(|value| value.parse::<i64>().map_err(|error| error.to_string()))
        };
        let given = number("rc").transpose()?;
        let expected = number("expected").transpose()?;
        let status = number("status").transpose()?;
        let usual = match (task, interval_ms) {
            ("monitor", 0) => 7,
            ("monitor", _) if given.is_none() => rc,
            _ => 0,
        };
        let status = status.unwrap_or(if given == Some(193) { -1 } else { 0 });
        let (rc, expected) = (given.unwrap_or(rc), expected.unwrap_or(usual));
        let ago = words.take("ago");
        let ago = ago.map_or(Ok(AGO * 1000), |text| milliseconds(&text))? / 1000;
        self.calls += 1;
        let key = format!("{}:1:{expected}:{TRANSITION}", self.calls);
        let operation = format!("{resource}_{task}_{interval_ms}");
        // Of what does not recur, history keeps the last.
        let id = match interval_ms {
            0 => format!("{resource}_last_0"),
            _ => operation.clone(),
        };
        let mut entry = Element::new("lrm_rsc_op")
            .with("id", id)
            .with("operation_key", operation)
            .with("operation", task)
            .with("crm_feature_set", "3.20.0")
            .with("transition-magic", format!("{status}:{rc};{key}"))
            .with("transition-key", key)
            .with("on_node", node)
            .with(
                "call-id",
                if status == -1 {
                    -1
                } else {
                    i64::from(self.calls)
                },
            )
            .with("rc-code", rc)
            .with("op-status", status)
            .with("interval", interval_ms)
            .with("last-rc-change", self.now - ago)
            .with("exec-time", 0)
            .with("queue-time", 0);
        if let Some(suffix) = words.take("as") {
            entry.set("id", format!("{resource}_{suffix}"));
        }
        if let Some(target) = words.take("from") {
            entry.set("migrate_source", target);
            entry.set("migrate_target", node);
        }
        if let Some(target) = words.take("to") {
            entry.set("migrate_source", node);
            entry.set("migrate_target", target);
        }
        self.add_digests(&mut entry, resource, &mut words);
        Ok(entry.with_all(&words.pairs))
    }

    /// What parameters an operation had: those configured, unless `had.NAME=VALUE` says otherwise.
    /// With `reloadable=NAME` all others need a restart when they change.
    fn add_digests(&self, entry: &mut Element, resource: &str, words: &mut Words) {
        let name = resource.split(':').next().unwrap_or(resource);
        let primitives = self.resources.primitives();
        let configured = primitives.iter().find(|primitive| primitive.id() == name);
        let mut parameters: BTreeMap<String, String> = configured
            .map(|primitive| primitive.pairs("instance_attributes"))
            .unwrap_or_default();
        let (had, others) = std::mem::take(&mut words.pairs)
            .into_iter()
            .partition(|(name, _)| name.starts_with("had."));
        words.pairs = others;
        let had: Vec<(String, String)> = had;
        let bare = |(name, value): (String, String)| (name.replacen("had.", "", 1), value);
        parameters.extend(had.into_iter().map(bare));
        entry.set("op-digest", Digest::of(&parameters).as_str());
        if let Some(reloadable) = words.take("reloadable") {
            parameters.retain(|name, _| *name != reloadable);
            let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
            entry.set("op-force-restart", format!(" {} ", names.join(" ")));
            entry.set("op-restart-digest", Digest::of(&parameters).as_str());
        }
    }

    /// `failures RESOURCE NODE COUNT [TASK [INTERVAL]] [ago=SPAN]`.
    pub(crate) fn failures(&mut self, mut words: Words) -> Result<(), String> {
        let ago = words.take("ago");
        let ago = ago.map_or(Ok(AGO * 1000), |text| milliseconds(&text))? / 1000;
        let task = words.words.get(3).map_or("monitor", String::as_str);
        let interval = words.words.get(4).map_or("0", String::as_str);
        let resource = words.word(0)?;
        let operation = format!("{resource}#{task}_{}", milliseconds(interval)?);
        let pairs = [
            (format!("fail-count-{operation}"), words.word(2)?.to_owned()),
            (
                format!("last-failure-{operation}"),
                (self.now - ago).to_string(),
            ),
        ];
        let node = words.word(1)?.to_owned();
        self.set_transient(&node, &pairs);
        Ok(())
    }

    /// `transient NODES name=value …`.
    pub(crate) fn transient(&mut self, words: &Words) -> Result<(), String> {
        for node in words.word(0)?.split(',') {
            self.set_transient(node, &words.pairs);
        }
        Ok(())
    }

    pub(crate) fn set_transient(&mut self, node: &str, pairs: &[(String, String)]) {
        let state = self.node_state(node);
        let id = state.id().to_owned();
        let block = state.child("transient_attributes", &id);
        block.add_pairs("instance_attributes", pairs);
    }

    /// `lock RESOURCE NODE [ago=SPAN]`: the resource waits for its node to come back.
    pub(crate) fn lock(&mut self, mut words: Words) -> Result<(), String> {
        let ago = words.take("ago");
        let ago = ago.map_or(Ok(AGO * 1000), |text| milliseconds(&text))? / 1000;
        let since = self.now - ago;
        let (resource, node) = (words.word(0)?, words.word(1)?);
        let (node, resource) = self.resource_history(resource, node, None)?;
        let element = self.node_history(&node).child("lrm_resource", &resource);
        element.set("shutdown-lock", since);
        Ok(())
    }

    /// Every resource has been looked for on every node that is online, where no line says more.
    pub(crate) fn probe_all(&mut self) {
        let nodes: Vec<String> = self
            .status
            .elements()
            .filter(|state| state.attribute("crmd") == Some("online"))
            .filter_map(|state| state.attribute("uname").map(str::to_owned))
            .collect();
        let resources = self.resources.primitives();
        let resources: Vec<String> = resources.iter().map(|one| one.id().to_owned()).collect();
        let words = Words::split("");
        for node in &nodes {
            let id = self.node_state(node).id().to_owned();
            for resource in &resources {
                let known = self.node_history(&id).elements().any(|history| {
                    history.id().split(':').next() == Some(resource.as_str())
                        && history.elements().next().is_some()
                });
                if known {
                    continue;
                }
                let place = self.resource_history(resource, node, None);
                let entry = self.entry(resource, node, "monitor", 0, 7, &words);
                if let (Ok(_), Ok(entry)) = (place, entry) {
                    let history = self.node_history(&id).child("lrm_resource", resource);
                    history.push(entry);
                }
            }
        }
    }
}

/// The operations of interval 0 behind a word, each with its usual result.
fn event(word: &str, interval_ms: i64) -> Vec<(&str, i64)> {
    match word {
        "started" => vec![("start", 0)],
        "stopped" => vec![("monitor", 7)],
        "found" => vec![("monitor", 0)],
        "promoted" => vec![("promote", 0)],
        "demoted" => vec![("demote", 0)],
        "monitor" => Vec::new(),
        task if interval_ms == 0 => vec![(task, 0)],
        _ => Vec::new(),
    }
}

/// The recurring operation that goes with a word.
fn monitor(word: &str) -> (&str, i64) {
    match word {
        "promoted" => ("monitor", 8),
        "started" | "demoted" | "found" => ("monitor", 0),
        "stopped" => ("monitor", 7),
        task => (task, 0),
    }
}

/// A span such as `10s`, `5m`, `1h`, `250ms`; plain numbers are seconds.
fn milliseconds(text: &str) -> Result<i64, String> {
    let units = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("", 1000),
    ];
    let parsed = units.iter().find_map(|(unit, factor)| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * factor)
    });
    parsed.ok_or_else(|| format!("\"{text}\" is no span of time"))
}
