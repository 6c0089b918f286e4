//! What do a resource's meta attributes mean, typed?

use super::definition::Definition;
use super::{Attributes, Meta, MultipleActive, Options, Requires, Role};
use crate::Diagnostic;
use crate::value::{self, Score};

/// What a resource is, as far as its meta attributes depend on it.
#[derive(Clone, Copy)]
pub(super) struct Nature {
    /// Class `stonith`.
    pub(super) fence_device: bool,
    /// Agent `ocf:pacemaker:remote`.
    pub(super) remote_connection: bool,
    /// The topmost collective below a bundle is a promotable clone.
    pub(super) top_is_promotable: bool,
    /// Milliseconds of a remote connection's `reconnect_interval`.
    pub(super) reconnect_interval_ms: Option<i64>,
}

/// Reads meta attributes of one resource and says what is wrong with them.
pub(super) struct MetaReader<'a> {
    pub(super) id: &'a str,
    pub(super) definition: &'a Definition,
    pub(super) text: &'a Attributes,
    pub(super) options: &'a Options,
    pub(super) messages: &'a mut Vec<Diagnostic>,
}

impl MetaReader<'_> {
    pub(super) fn read(&mut self, nature: Nature) -> Meta {
        let in_maintenance = self.options.maintenance_mode || self.is_true("maintenance");
        // A guest's connection moves with its launcher; a remote host's may move by itself.
        let movable = nature.remote_connection && self.get("container").is_none();
        let failure_timeout_ms = i64::from(value::interval_ms(self.get("failure-timeout")));
        Meta {
            priority: self.score("priority", Score::ZERO).value(),
            stickiness: self.score("resource-stickiness", Score::ZERO).value(),
            migration_threshold: self.migration_threshold(),
            failure_timeout_ms: nature.reconnect_interval_ms.unwrap_or(failure_timeout_ms),
            reconnect_interval_ms: nature.reconnect_interval_ms.unwrap_or(0),
            target_role: self.target_role(nature.top_is_promotable),
            managed: !in_maintenance && self.managed(),
            maintenance: in_maintenance,
            critical: self.get("critical").is_none() || self.is_true("critical"),
            notify: self.is_true("notify"),
            allow_migrate: self.is_true("allow-migrate")
                || (movable && self.get("allow-migrate").is_none()),
            multiple_active: self.multiple_active(),
            requires: self.requires(nature),
            remote_nesting_allowed: false,
            internal: self.is_true("internal_rsc"),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.text.get(name).map(String::as_str)
    }

    fn is_true(&self, name: &str) -> bool {
        value::is_true(self.get(name))
    }

    fn warn(&mut self, message: String) {
        self.messages
            .push(Diagnostic::warning(self.definition.element, message));
    }

    fn error(&mut self, message: String) {
        self.messages
            .push(Diagnostic::error(self.definition.element, message));
    }

    /// A score; `default` also stands for the word `default`, which earlier versions allowed.
    fn score(&mut self, name: &str, default: Score) -> Score {
        let Some(text) = self.get(name) else {
            return default;
        };
        if text.eq_ignore_ascii_case("default") {
            return default;
        }
        let score = Score::parse_with(text, &self.options.health);
        if score.is_none() {
            let id = self.id;
            self.warn(format!("{name} of {id} is {default}: {text:?} is no score"));
        }
        score.unwrap_or(default)
    }

    fn migration_threshold(&mut self) -> i32 {
        let threshold = self.score("migration-threshold", Score::INFINITY);
        if threshold.is_negative() {
            let id = self.id;
            self.warn(format!(
                "migration-threshold of {id} is INFINITY: it cannot be negative"
            ));
            return Score::INFINITY.value();
        }
        threshold.value()
    }

    fn managed(&self) -> bool {
        match self.get("is-managed") {
            None => true,
            Some(text) if text.eq_ignore_ascii_case("default") => true,
            Some(text) => value::is_true(Some(text)),
        }
    }

    /// Roles that ask for nothing special count as unset.
    fn target_role(&mut self, top_is_promotable: bool) -> Option<Role> {
        let text = self.get("target-role")?;
        if text.eq_ignore_ascii_case("default") {
            return None;
        }
        let id = self.id;
        match Role::parse(text) {
            None | Some(Role::Unknown) => {
                self.error(format!(
                    "target-role of {id} is ignored: {text:?} is no role"
                ));
                None
            }
            Some(Role::Started) => None,
            Some(Role::Stopped) => Some(Role::Stopped),
            Some(Role::Unpromoted) if top_is_promotable => Some(Role::Unpromoted),
            Some(Role::Promoted) if top_is_promotable => None,
            Some(Role::Unpromoted | Role::Promoted) => {
                self.error(format!(
                    "target-role of {id} is ignored: {text:?} makes sense only for promotable clones"
                ));
                None
            }
        }
    }

    fn multiple_active(&mut self) -> MultipleActive {
        let Some(text) = self.get("multiple-active") else {
            return MultipleActive::StopStart;
        };
        const WORDS: [(&str, MultipleActive); 4] = [
            ("stop_start", MultipleActive::StopStart),
            ("stop_only", MultipleActive::StopOnly),
            ("block", MultipleActive::Block),
            ("stop_unexpected", MultipleActive::StopUnexpected),
        ];
        if let Some(entry) = WORDS
            .iter()
            .find(|entry| entry.0.eq_ignore_ascii_case(text))
        {
            return entry.1;
        }
        let message = format!(
            "multiple-active of {} is stop_start: {text:?} is unknown",
            self.id
        );
        self.warn(message);
        MultipleActive::StopStart
    }

    fn requires(&mut self, nature: Nature) -> Requires {
        const WORDS: [(&str, Requires); 4] = [
            ("nothing", Requires::Nothing),
            ("quorum", Requires::Quorum),
            ("fencing", Requires::Fencing),
            ("unfencing", Requires::Unfencing),
        ];
        let default = self.default_requires(nature);
        let id = self.id;
        let Some(text) = self.get("requires") else {
            return default;
        };
        let word = WORDS
            .iter()
            .find(|entry| entry.0.eq_ignore_ascii_case(text));
        match word.map(|entry| entry.1) {
            None => {
                self.error(format!(
                    "requires of {id} is the default: {text:?} is unknown"
                ));
                default
            }
            Some(Requires::Unfencing) if nature.fence_device => {
                self.warn(format!(
                    "requires of {id} is quorum: a fence device cannot require unfencing"
                ));
                Requires::Quorum
            }
            Some(Requires::Unfencing) if !self.options.fencing_enabled => {
                self.warn(format!("requires of {id} is quorum: fencing is disabled"));
                Requires::Quorum
            }
            Some(requires) => {
                if requires == Requires::Fencing && !self.options.fencing_enabled {
                    self.warn(format!("{id} requires fencing but fencing is disabled"));
                }
                requires
            }
        }
    }

    /// What is required if nothing is said.
    fn default_requires(&self, nature: Nature) -> Requires {
        use super::NoQuorumPolicy;

        let options = self.options;
        if nature.fence_device || nature.remote_connection {
            Requires::Quorum
        } else if options.unfencing {
            // Without fencing there is nothing to undo.
            if options.fencing_enabled {
                Requires::Unfencing
            } else {
                Requires::Quorum
            }
        } else if options.fencing_enabled {
            Requires::Fencing
        } else if options.no_quorum_policy == NoQuorumPolicy::Ignore {
            Requires::Nothing
        } else {
            Requires::Quorum
        }
    }
}
