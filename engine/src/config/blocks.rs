//! What do nvpair sets give here and now?

use super::{Agent, Attributes, Blocks, Level, Resource, Role};
use crate::Diagnostic;
use crate::nvset::{DEFAULT, NvSets};
use crate::parse::{Document, ElementId, Name, names};
use crate::rule::{self, Facts};
use crate::time::{Earliest, Timestamp};
use crate::value;

/// Evaluates nvpair sets of one document at one time, and keeps in mind when to do so again, and
/// what there was to complain about.
#[derive(Clone, Debug)]
pub struct Evaluation<'d> {
    document: &'d Document,
    now: Timestamp,
    /// Earliest time after `now` at which something evaluated so far changes.
    pub recheck_by: Earliest,
    /// Messages about what was evaluated, in the order found.
    pub messages: Vec<Diagnostic>,
}

impl<'d> Evaluation<'d> {
    /// An evaluation that has seen nothing yet.
    #[must_use]
    pub fn new(document: &'d Document, now: Timestamp) -> Self {
        Self {
            document,
            now,
            recheck_by: Earliest::default(),
            messages: Vec::new(),
        }
    }

    /// The role that a text means, as it is written in an element's attribute; none if it is none.
    /// The words of earlier versions still mean what they did.
    pub fn role(
        &mut self,
        text: &str,
        element: impl Into<Option<ElementId>>,
        attribute: Name,
    ) -> Option<Role> {
        const OLD_WORDS: [(&str, &str); 2] = [("Slave", "Unpromoted"), ("Master", "Promoted")];
        let old = OLD_WORDS
            .iter()
            .find(|words| words.0.eq_ignore_ascii_case(text));
        if let Some((old, new)) = old {
            let message = format!(
                "Support for the {old} role is deprecated and will be removed in a future release. \
                 Use {new} instead."
            );
            self.messages.push(
                Diagnostic::warning(element, message)
                    .at(attribute)
                    .once(old),
            );
        }
        Role::parse(text)
    }

    /// The document that this reads.
    #[must_use]
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The time at which this evaluates.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Facts for rules that may look at nothing but the date.
    #[must_use]
    pub fn date_only(&self) -> Facts<'static> {
        Facts::at(self.now)
    }

    /// Facts for rules in meta attributes: the date, the resource's agent and the operation.
    #[must_use]
    pub fn meta_facts<'f>(
        &self,
        agent: Option<&'f Agent>,
        operation: Option<(&'f str, u32)>,
    ) -> Facts<'f> {
        Facts {
            resource: agent.map(Agent::as_fact),
            operation: operation.map(|(name, interval_ms)| rule::Operation { name, interval_ms }),
            ..Facts::at(self.now)
        }
    }

    /// Adds values whose names are not there yet. The value `#default` takes the one away that
    /// is there.
    pub fn add(&mut self, sets: &NvSets, facts: &Facts<'_>, into: &mut Attributes) {
        self.report_faults(sets);
        let mut taken_away = Vec::new();
        sets.for_each(self.document, facts, &mut self.recheck_by, |name, value| {
            if value.eq_ignore_ascii_case(DEFAULT) {
                taken_away.push(name);
                into.remove(name);
            } else if !into.contains_key(name) {
                into.insert(name.into(), value.into());
            }
        });
        for name in taken_away {
            self.report_default_word(sets, name);
        }
    }

    /// Says which blocks can never hold, or not as meant, because they are malformed.
    pub(super) fn report_faults(&mut self, sets: &NvSets) {
        if !sets.has_faults() {
            return;
        }
        for &block in sets.without_valid_score() {
            let text = |name| self.document.attr_by(block, name).unwrap_or_default();
            let message = format!(
                "Using 0 as {} score because '{}' is not a valid score: {}",
                text(names::ID),
                text(names::SCORE),
                value::BAD_INPUT
            );
            self.messages
                .push(Diagnostic::warning(block, message).at(names::SCORE));
        }
        for fault in sets.faults() {
            self.messages.push(fault.diagnostic(self.document));
        }
    }

    fn report_default_word(&mut self, sets: &NvSets, name: &str) {
        let message = format!(
            "Support for setting meta-attributes (such as {name}) to the explicit value \
             '#default' is deprecated and will be removed in a future release"
        );
        let pair = sets.pair(self.document, name, DEFAULT);
        self.messages
            .push(Diagnostic::warning(pair, message).at(names::VALUE));
    }

    /// Like [`Evaluation::add`], for a level of precedence.
    pub fn add_level(&mut self, level: &Level, facts: &Facts<'_>, into: &mut Attributes) {
        match level {
            Level::Sets(sets) => self.add(sets, facts, into),
            Level::Fixed(values) => {
                for (name, value) in values.iter() {
                    into.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
    }

    /// Instance attributes of a resource or an operation on a node with these attributes. Without
    /// a node, rules see no node attributes.
    pub fn parameters(&mut self, blocks: &Blocks, node: Option<&Attributes>) -> Attributes {
        let facts = Facts {
            node: node.map(|node| node as &dyn rule::Lookup),
            ..Facts::at(self.now)
        };
        let mut parameters = Attributes::new();
        for level in &blocks.levels {
            self.add_level(level, &facts, &mut parameters);
        }
        parameters
    }

    /// Utilization of a node or a resource, in the order in which attributes are found (listings
    /// show it).
    pub(super) fn utilization(&mut self, sets: &NvSets) -> Vec<(String, i64)> {
        let mut found: Vec<(String, i64)> = Vec::new();
        self.report_faults(sets);
        let facts = self.date_only();
        sets.for_each(self.document, &facts, &mut self.recheck_by, |name, text| {
            if text.eq_ignore_ascii_case(DEFAULT) {
                found.retain(|known| known.0 != name);
            } else if found.iter().all(|known| known.0 != name) {
                let amount = i64::from(value::min_integer(Some(text), i32::MIN));
                found.push((name.to_owned(), amount));
            }
        });
        found
    }
}

impl Agent {
    /// The agent as rules see it: what is not said is not there.
    #[must_use]
    pub fn as_fact(&self) -> rule::Agent<'_> {
        let said = |text: &'_ str| !text.is_empty();
        rule::Agent {
            class: Some(self.class.as_str()).filter(|class| said(class)),
            provider: self.provider.as_deref(),
            agent: Some(self.agent.as_str()).filter(|agent| said(agent)),
        }
    }
}

impl Resource {
    /// Instance attributes on a node with these attributes: own, then inherited ones.
    #[must_use]
    pub fn parameters_on(
        &self,
        evaluation: &mut Evaluation<'_>,
        node: Option<&Attributes>,
    ) -> Attributes {
        evaluation.parameters(&self.parameters, node)
    }
}
