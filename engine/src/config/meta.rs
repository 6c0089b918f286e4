//! What do a resource's meta attributes mean, typed?

use super::blocks::Evaluation;
use super::definition::Definition;
use super::{Attributes, Meta, MultipleActive, NoQuorumPolicy, Options, Requires, Role, written};
use crate::Diagnostic;
use crate::parse::{ElementId, names};
use crate::value::{self, BAD_INPUT, Score};

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

const REQUIRES: &str = "requires";

/// The words that say what a resource requires.
const REQUIREMENTS: [(&str, Requires); 4] = [
    ("nothing", Requires::Nothing),
    ("quorum", Requires::Quorum),
    ("fencing", Requires::Fencing),
    ("unfencing", Requires::Unfencing),
];

/// Reads meta attributes of one resource and says what is wrong with them.
pub(super) struct MetaReader<'a, 'd> {
    pub(super) id: &'a str,
    pub(super) definition: &'a Definition,
    pub(super) text: &'a Attributes,
    pub(super) options: &'a Options,
    pub(super) evaluation: &'a mut Evaluation<'d>,
}

impl MetaReader<'_, '_> {
    pub(super) fn read(&mut self, nature: Nature) -> Meta {
        let in_maintenance = self.options.maintenance_mode || self.is_true("maintenance");
        // A guest's connection moves with its launcher; a remote host's may move by itself.
        let movable = nature.remote_connection && self.get("container").is_none();
        let failure_timeout_ms = i64::from(value::interval_ms(self.get("failure-timeout")));
        // In the order in which the peer complains about them.
        let priority = self.score_or_zero("priority").value();
        let managed = self.managed() && !in_maintenance;
        let multiple_active = self.multiple_active();
        let stickiness = self.stickiness().value();
        let migration_threshold = self.migration_threshold();
        let requires = self.requires(nature);
        let target_role = self.target_role(nature.top_is_promotable);
        Meta {
            priority,
            stickiness,
            migration_threshold,
            failure_timeout_ms: nature.reconnect_interval_ms.unwrap_or(failure_timeout_ms),
            reconnect_interval_ms: nature.reconnect_interval_ms.unwrap_or(0),
            target_role,
            managed,
            maintenance: in_maintenance,
            critical: self.get("critical").is_none() || self.is_true("critical"),
            notify: self.is_true("notify"),
            allow_migrate: self.is_true("allow-migrate")
                || (movable && self.get("allow-migrate").is_none()),
            multiple_active,
            requires,
            remote_nesting_allowed: false,
            internal: self.is_true("internal_rsc"),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.text.get(name).map(AsRef::as_ref)
    }

    fn is_true(&self, name: &str) -> bool {
        value::is_true(self.get(name))
    }

    fn warn(&mut self, name: &str, message: String) {
        let at = self.written(name);
        let message = Diagnostic::warning(at, message).at(names::VALUE);
        self.evaluation.messages.push(message);
    }

    fn error(&mut self, name: &str, message: String) {
        let at = self.written(name);
        let message = Diagnostic::error(at, message).at(names::VALUE);
        self.evaluation.messages.push(message);
    }

    fn written(&self, name: &str) -> Option<ElementId> {
        let document = self.evaluation.document();
        written::meta_attribute(document, self.definition.element, name)
    }

    /// Whether an attribute has the value `default`, which earlier versions allowed: it counts as
    /// unset.
    fn says_default(&mut self, name: &str) -> bool {
        let says = self
            .get(name)
            .is_some_and(|text| text.eq_ignore_ascii_case("default"));
        if says {
            self.warn(
                name,
                format!(
                    "Support for setting {name} to the explicit value 'default' is deprecated and \
                     will be removed in a future release (just leave it unset)"
                ),
            );
        }
        says
    }

    fn score(&self, name: &str) -> Option<Result<Score, String>> {
        let text = self.get(name)?;
        Some(Score::parse_with(text, &self.options.health).ok_or_else(|| text.to_owned()))
    }

    fn score_or_zero(&mut self, name: &str) -> Score {
        match self.score(name) {
            None => Score::ZERO,
            Some(Ok(score)) => score,
            Some(Err(text)) => {
                let id = self.id;
                self.warn(
                    name,
                    format!(
                        "Using default (0) for resource {id} {name} because '{text}' is not a \
                         valid value: {BAD_INPUT}"
                    ),
                );
                Score::ZERO
            }
        }
    }

    fn stickiness(&mut self) -> Score {
        const NAME: &str = "resource-stickiness";
        if self.says_default(NAME) {
            return Score::ZERO;
        }
        self.score_or_zero(NAME)
    }

    fn migration_threshold(&mut self) -> i32 {
        const NAME: &str = "migration-threshold";
        if self.says_default(NAME) {
            return Score::INFINITY.value();
        }
        let (text, why) = match self.score(NAME) {
            None => return Score::INFINITY.value(),
            Some(Ok(score)) if !score.is_negative() => return score.value(),
            Some(Ok(_)) => (self.get(NAME).unwrap_or_default().to_owned(), "OK"),
            Some(Err(text)) => (text, BAD_INPUT),
        };
        let id = self.id;
        self.warn(
            NAME,
            format!(
                "Using default (INFINITY) for resource {id} meta-attribute {NAME} because '{text}' \
                 is not a valid value: {why}"
            ),
        );
        Score::INFINITY.value()
    }

    fn managed(&mut self) -> bool {
        const NAME: &str = "is-managed";
        self.get(NAME).is_none() || self.says_default(NAME) || self.is_true(NAME)
    }

    /// Roles that ask for nothing special count as unset.
    fn target_role(&mut self, top_is_promotable: bool) -> Option<Role> {
        const NAME: &str = "target-role";
        let text = self.get(NAME)?.to_owned();
        if text.eq_ignore_ascii_case("Started") || self.says_default(NAME) {
            return None;
        }
        let id = self.id;
        let at = self.written(NAME);
        match self.evaluation.role(&text, at, names::VALUE) {
            None | Some(Role::Unknown) => {
                let message = format!("Ignoring '{NAME}' for {id} because '{text}' is not valid");
                self.error(NAME, message);
                None
            }
            Some(Role::Started) => None,
            Some(Role::Stopped) => Some(Role::Stopped),
            Some(Role::Unpromoted) if top_is_promotable => Some(Role::Unpromoted),
            Some(Role::Promoted) if top_is_promotable => None,
            Some(Role::Unpromoted | Role::Promoted) => {
                let message = format!(
                    "Ignoring '{NAME}' for {id} because '{text}' only makes sense for promotable \
                     clones"
                );
                self.error(NAME, message);
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
            "{text} is not a valid value for multiple-active, using default of \"stop_start\""
        );
        self.warn("multiple-active", message);
        MultipleActive::StopStart
    }

    fn requires(&mut self, nature: Nature) -> Requires {
        let default = self.default_requires(nature);
        let Some(text) = self.get(REQUIRES) else {
            return self.possible(default, nature);
        };
        let word = REQUIREMENTS
            .iter()
            .find(|entry| entry.0.eq_ignore_ascii_case(text));
        if let Some(entry) = word {
            return self.possible(entry.1, nature);
        }
        let mut words = REQUIREMENTS.iter();
        let instead = words.find(|entry| entry.1 == default);
        let message = format!(
            "Resetting '{REQUIRES}' for {} to '{}' because '{text}' is not valid",
            self.id,
            instead.map_or("", |entry| entry.0)
        );
        self.error(REQUIRES, message);
        self.possible(default, nature)
    }

    /// What is required if nothing is said.
    fn default_requires(&self, nature: Nature) -> Requires {
        let options = self.options;
        if nature.fence_device || nature.remote_connection {
            Requires::Quorum
        } else if options.unfencing {
            Requires::Unfencing
        } else if options.fencing_enabled {
            Requires::Fencing
        } else if options.no_quorum_policy == NoQuorumPolicy::Ignore {
            Requires::Nothing
        } else {
            Requires::Quorum
        }
    }

    /// What is required if the cluster can give that. Without fencing there is nothing to undo.
    fn possible(&mut self, requires: Requires, nature: Nature) -> Requires {
        let id = self.id;
        let why = match requires {
            Requires::Unfencing if nature.fence_device => {
                "fencing devices cannot require unfencing"
            }
            Requires::Unfencing if !self.options.fencing_enabled => "fencing is disabled",
            Requires::Fencing if !self.options.fencing_enabled => {
                let message = format!("{id} requires fencing but fencing is disabled");
                self.warn(REQUIRES, message);
                return requires;
            }
            _ => return requires,
        };
        let message = format!("Resetting \"{REQUIRES}\" for {id} to \"quorum\" because {why}");
        self.warn(REQUIRES, message);
        Requires::Quorum
    }
}
