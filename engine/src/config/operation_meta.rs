//! How is an operation run, and what happens if it fails?
//!
//! The operation's XML attributes count before its meta attributes, those before `op_defaults`.
//! A probe without a timeout takes that of the most frequent monitor. What `on-fail` may say
//! depends on the operation and on the resource.

use super::blocks::Evaluation;
use super::{Attributes, Config, OnFail, Operation, Requires, Resource, Role, traits_of, written};
use crate::Diagnostic;
use crate::parse::names;
use crate::time::Date;
use crate::value;

/// Settings of one operation of one resource.
#[derive(Clone, Debug)]
pub struct OperationMeta {
    /// Every setting by name; `interval`, `timeout` and `start-delay` in milliseconds.
    pub meta: Attributes,
    /// What its failure leads to.
    pub on_fail: OnFail,
    /// The role after a failure.
    pub fail_role: Role,
    /// What the cluster must have before it may run: at most [`Requires::Fencing`].
    pub needs: Requires,
    /// Milliseconds.
    pub timeout_ms: i32,
    /// Milliseconds.
    pub start_delay_ms: i64,
}

/// What an operation's settings depend on besides the configuration.
#[derive(Clone, Copy, Debug)]
pub struct OperationContext<'a> {
    /// The resource is managed.
    pub managed: bool,
    /// What the resource requires.
    pub requires: Requires,
    /// Attributes of the node where it shall run, for rules in instance attributes.
    pub node: Option<&'a Attributes>,
}

/// Settings of an operation; `entry` is its entry in the configuration (see
/// [`super::operation::find`]), which may be that of another name.
pub fn operation_meta(
    evaluation: &mut Evaluation<'_>,
    config: &Config,
    resource: &Resource,
    name: &str,
    interval_ms: u32,
    entry: Option<&Operation>,
    context: OperationContext<'_>,
) -> OperationMeta {
    let agent = resource.agent();
    let facts = evaluation.meta_facts(agent, Some((name, interval_ms)));
    let probe = is_probe(name, interval_ms);

    let mut meta = Attributes::new();
    if let Some(entry) = entry {
        for level in &entry.meta.levels {
            evaluation.add_level(level, &facts, &mut meta);
        }
        meta.extend(entry.attributes.iter().cloned());
    }
    if probe
        && !meta.contains_key("timeout")
        && let Some(timeout) = most_frequent_monitor(resource).and_then(|op| op.get("timeout"))
    {
        meta.insert("timeout".into(), timeout.into());
    }
    evaluation.add(&config.operation_defaults, &facts, &mut meta);
    meta.remove("id");
    if interval_ms > 0 {
        meta.insert("interval".into(), interval_ms.to_string().into());
    } else {
        meta.remove("interval");
    }

    // A fence device's own parameter says how long asking it takes.
    if agent.is_some_and(|agent| traits_of(&agent.class).fence_device) && (probe || name == "start")
    {
        let mut parameters = evaluation.parameters(&resource.parameters, context.node);
        if let Some(timeout) = parameters.remove("pcmk_monitor_timeout") {
            meta.insert("timeout".into(), timeout);
        }
    }
    let timeout_ms = value::timeout_ms(meta.get("timeout").map(AsRef::as_ref));
    meta.insert("timeout".into(), timeout_ms.to_string().into());

    let mut failing = Failing {
        config,
        resource,
        name,
        interval_ms,
        entry,
        managed: context.managed,
        evaluation,
    };
    failing.validate(&mut meta);
    let start_delay_ms = failing.start_delay_ms(&meta);
    if let Some(delay) = start_delay_ms {
        meta.insert("start-delay".into(), delay.to_string().into());
    }
    let on_fail = failing.on_fail(meta.get("on-fail").map(AsRef::as_ref));
    OperationMeta {
        fail_role: failing.role_after(on_fail),
        on_fail,
        needs: needs(name, context.requires),
        timeout_ms,
        start_delay_ms: start_delay_ms.unwrap_or(0),
        meta,
    }
}

/// Whether an operation only asks for the current state.
#[must_use]
pub fn is_probe(name: &str, interval_ms: u32) -> bool {
    interval_ms == 0 && name == "monitor"
}

impl Operation {
    /// One of its XML attributes.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let attribute = self
            .attributes
            .iter()
            .find(|attribute| &*attribute.0 == name)?;
        Some(&attribute.1)
    }

    fn is_promoted_monitor(&self) -> bool {
        self.name == "monitor" && self.interval_ms > 0 && self.role == Some(Role::Promoted)
    }
}

fn most_frequent_monitor(resource: &Resource) -> Option<&Operation> {
    let monitors = resource.operations.iter().filter(|operation| {
        operation.name == "monitor"
            && operation.enabled
            && operation.interval_ms > 0
            && operation.interval_ms < u32::MAX
    });
    monitors.min_by_key(|operation| operation.interval_ms)
}

/// A failed demote is handled like a failed monitor of the promoted role, if that says how. Of
/// several the last counts, as in Pacemaker.
fn demote_on_fail(resource: &Resource) -> Option<&str> {
    let monitors = resource.operations.iter().rev();
    monitors
        .filter(|operation| operation.enabled && operation.is_promoted_monitor())
        .filter_map(|operation| operation.get("on-fail"))
        .find(|on_fail| !on_fail.eq_ignore_ascii_case("demote"))
}

fn needs(name: &str, requires: Requires) -> Requires {
    if name.eq_ignore_ascii_case("start") || name.eq_ignore_ascii_case("promote") {
        requires.min(Requires::Fencing)
    } else {
        Requires::Nothing
    }
}

/// An operation whose failure is looked at.
struct Failing<'a, 'd> {
    config: &'a Config,
    resource: &'a Resource,
    name: &'a str,
    interval_ms: u32,
    entry: Option<&'a Operation>,
    managed: bool,
    evaluation: &'a mut Evaluation<'d>,
}

impl Failing<'_, '_> {
    /// Replaces an `on-fail` that the operation cannot have.
    fn validate(&mut self, meta: &mut Attributes) {
        let (name, resource) = (self.name, self.resource);
        let value = meta.get("on-fail").map(AsRef::as_ref);
        let is = |word: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(word));
        let replacement = match name {
            "stop" if is("standby") || is("demote") || is("stop") => {
                let message = format!(
                    "Resetting 'on-fail' for {} stop action to default value because '{}' is not \
                     allowed for stop",
                    resource.id,
                    value.unwrap_or_default()
                );
                self.error("on-fail", message);
                None
            }
            "demote" if value.is_none() => {
                let Some(inherited) = demote_on_fail(resource) else {
                    return;
                };
                Some(inherited.to_owned())
            }
            "stop" if !is("demote") => return,
            "lrm_delete" => Some("ignore".to_owned()),
            _ if is("demote") => {
                let entry = self.entry;
                if entry.is_some_and(|op| op.name == "promote" || op.is_promoted_monitor()) {
                    return;
                }
                let message = format!(
                    "Resetting 'on-fail' for {} {} action to default value because 'demote' is \
                     not allowed for it",
                    resource.id,
                    entry.map_or("(null)", |op| &op.name)
                );
                self.error("on-fail", message);
                None
            }
            _ => return,
        };
        match replacement {
            Some(value) => meta.insert("on-fail".into(), value.into()),
            None => meta.remove("on-fail"),
        };
    }

    /// The configured delay, or the time to the next multiple of the interval since its origin.
    fn start_delay_ms(&mut self, meta: &Attributes) -> Option<i64> {
        if let Some(delay) = meta.get("start-delay") {
            return Some(i64::from(value::start_delay_ms(delay)));
        }
        const ORIGIN: &str = "interval-origin";
        let text = meta.get(ORIGIN).filter(|_| self.interval_ms > 0)?;
        let now = self.evaluation.now();
        let Ok(origin) = Date::parse(text, now) else {
            let document = self.evaluation.document();
            let element = self.entry.and_then(|entry| entry.element);
            let id = element.and_then(|element| document.id(element));
            let message = format!(
                "Ignoring '{ORIGIN}' for operation '{}' because '{text}' is not valid",
                id.unwrap_or("(missing ID)")
            );
            self.error(ORIGIN, message);
            return None;
        };
        let interval_s = i64::from(value::ms_to_s(self.interval_ms));
        let since = (Date::new(now).seconds() - origin.seconds()) % interval_s;
        let delay_s = if since <= 0 {
            -since
        } else {
            interval_s - since
        };
        Some(delay_s * 1000)
    }

    /// Notes that a setting of the operation is wrong.
    fn error(&mut self, setting: &str, message: String) {
        let document = self.evaluation.document();
        let element = self.entry.and_then(|entry| entry.element);
        let attribute = document
            .find_name(setting)
            .filter(|&name| element.is_some_and(|op| document.attr_by(op, name).is_some()));
        let diagnostic = match attribute {
            Some(name) => Diagnostic::error(element, message).at(name),
            None => {
                let holders = element.into_iter().chain(document.only(names::OP_DEFAULTS));
                let pair = holders
                    .filter_map(|e| written::pair(document, e, names::META_ATTRIBUTES, setting))
                    .next();
                let place = pair.or(element).or(self.resource.element);
                Diagnostic::error(place, message).at(names::VALUE)
            }
        };
        self.evaluation.messages.push(diagnostic);
    }

    fn on_fail(&mut self, configured: Option<&str>) -> OnFail {
        // Losing an active connection to a remote node must lead to fencing it, unless something
        // else is said; of an unmanaged one, whatever is said.
        let loses_remote_node = self.resource.remote_connection
            && self.resource.connection_to.is_some()
            && self.resource.launcher.is_none()
            && !is_probe(self.name, self.interval_ms)
            && self.name != "start";
        let explicit = configured.and_then(|word| self.explicit(word));
        match explicit {
            Some(on_fail) if !loses_remote_node || self.managed => on_fail,
            _ => self.default(loses_remote_node),
        }
    }

    /// What a word means here; none: the default.
    fn explicit(&mut self, word: &str) -> Option<OnFail> {
        match word.to_ascii_lowercase().as_str() {
            "block" => Some(OnFail::Block),
            "fence" if self.config.options.fencing_enabled => Some(OnFail::FenceNode),
            "fence" => {
                let message = format!(
                    "Resetting 'on-fail' for {} of {} to 'stop' because 'fence' is not valid when \
                     fencing is disabled",
                    self.name, self.resource.id
                );
                self.error("on-fail", message);
                Some(OnFail::Stop)
            }
            "standby" => Some(OnFail::StandbyNode),
            "ignore" | "nothing" => Some(OnFail::Ignore),
            "migrate" => Some(OnFail::Ban),
            "stop" => Some(OnFail::Stop),
            "restart" => Some(OnFail::Restart),
            "restart-container" if self.resource.launcher.is_some() => {
                Some(OnFail::RestartContainer)
            }
            "restart-container" => None,
            "demote" => Some(OnFail::Demote),
            _ => {
                let message = format!(
                    "Using default 'on-fail' for {} of {} because '{word}' is not valid",
                    self.name, self.resource.id
                );
                self.error("on-fail", message);
                None
            }
        }
    }

    fn default(&self, loses_remote_node: bool) -> OnFail {
        if self.resource.launcher.is_some() {
            OnFail::RestartContainer
        } else if loses_remote_node {
            if self.managed {
                OnFail::ResetRemote
            } else {
                OnFail::Stop
            }
        } else if self.name == "stop" {
            if self.config.options.fencing_enabled {
                OnFail::FenceNode
            } else {
                OnFail::Block
            }
        } else {
            OnFail::Restart
        }
    }

    fn role_after(&self, on_fail: OnFail) -> Role {
        match on_fail {
            OnFail::Stop => Role::Stopped,
            OnFail::ResetRemote if self.resource.meta.reconnect_interval_ms != 0 => Role::Stopped,
            _ if self.name == "promote" => Role::Unpromoted,
            _ => Role::Started,
        }
    }
}
