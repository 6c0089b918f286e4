//! What do nvpair sets give here and now?
//!
//! Of several sets that set one name, the one with the highest score counts, and of equal scores
//! the later one; within a set the first. A set with a rule counts only while the rule applies.

use super::{Agent, Attributes, Blocks, Level};
use crate::parse::{Document, ElementId, IdIndex, Name, names};
use crate::time::{Earliest, Timestamp};
use crate::value::{self, HealthScores, Score};

/// What rules may look at besides the date.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The agent of the resource whose meta attributes are read.
    pub agent: Option<&'a Agent>,
    /// Name and interval in milliseconds of the operation whose meta attributes are read.
    pub operation: Option<(&'a str, u32)>,
    /// Attributes of the node for which instance attributes are read.
    pub node: Option<&'a Attributes>,
}

/// Reads nvpair sets of one document at one time.
#[derive(Clone, Debug)]
pub struct Evaluation<'d> {
    document: &'d Document,
    ids: &'d IdIndex,
    now: Timestamp,
    /// What the words for node health mean as scores.
    pub health: HealthScores,
    /// Earliest time after `now` at which something read so far changes.
    pub recheck_by: Earliest,
}

impl<'d> Evaluation<'d> {
    /// An evaluation that has read nothing yet.
    #[must_use]
    pub fn new(document: &'d Document, ids: &'d IdIndex, now: Timestamp, health: HealthScores) -> Self {
        Self { document, ids, now, health, recheck_by: Earliest::default() }
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

    /// The element that stands for `element`, which may be a reference.
    #[must_use]
    pub fn resolve(&self, element: ElementId) -> Option<ElementId> {
        self.ids.resolve(self.document, element)
    }

    /// A score; `default` if it is not valid.
    #[must_use]
    pub fn score(&self, text: &str, default: Score) -> Score {
        Score::parse_with(text, &self.health).unwrap_or(default)
    }

    /// Adds what the property sets below `section` say.
    pub(super) fn cluster_properties(&mut self, section: ElementId, into: &mut Attributes) {
        let level = Level::Elements { template: None, element: section };
        self.collect(&level, names::CLUSTER_PROPERTY_SET, &Subject::default(), into);
    }

    /// Adds instance attributes below `element` that no rule makes depend on a node.
    pub fn instance_attributes(&mut self, element: ElementId, into: &mut Attributes) {
        let level = Level::Elements { template: None, element };
        self.collect(&level, names::INSTANCE_ATTRIBUTES, &Subject::default(), into);
    }

    /// Adds meta attributes: of one level of precedence, without overriding what is there.
    pub fn meta_attributes(&mut self, level: &Level, subject: &Subject<'_>, into: &mut Attributes) {
        self.collect(level, names::META_ATTRIBUTES, subject, into);
    }

    /// Instance attributes of a resource or an operation for a node (or for none).
    pub fn parameters(&mut self, blocks: &Blocks, node: Option<&Attributes>) -> Attributes {
        let mut parameters = Attributes::new();
        let subject = Subject { node, ..Subject::default() };
        for level in &blocks.levels {
            self.collect(level, names::INSTANCE_ATTRIBUTES, &subject, &mut parameters);
        }
        parameters
    }

    /// Utilization of a node or a resource, by name.
    pub fn utilization(&mut self, level: &Level) -> Vec<(String, i64)> {
        let mut texts = Attributes::new();
        self.collect(level, names::UTILIZATION, &Subject::default(), &mut texts);
        let value = |text: &str| i64::from(value::min_integer(Some(text), i32::MIN));
        texts.into_iter().map(|(name, text)| (name, value(&text))).collect()
    }

    /// Adds what one level of precedence gives, without overriding what is there.
    fn collect(&mut self, level: &Level, set: Name, subject: &Subject<'_>, into: &mut Attributes) {
        let (template, element) = match level {
            Level::Values(values) => {
                for (name, value) in values.iter() {
                    into.entry(name.clone()).or_insert_with(|| value.clone());
                }
                return;
            }
            Level::Elements { template, element } => (*template, *element),
        };
        let mut sets: Vec<ElementId> = template
            .into_iter()
            .chain([element])
            .flat_map(|parent| self.document.children_by(parent, set))
            .filter_map(|set| self.resolve(set))
            .collect();
        if sets.len() > 1 {
            sets.reverse();
            sets.sort_by_key(|&set| std::cmp::Reverse(self.precedence(set)));
        }
        for set in sets {
            if self.applies(set, subject) {
                self.add_pairs(set, into);
            }
        }
    }

    /// The bootstrap options come before all scores.
    fn precedence(&self, set: ElementId) -> (bool, Score) {
        let bootstrap = self.document.is(set, names::CLUSTER_PROPERTY_SET)
            && self.document.id(set) == Some("cib-bootstrap-options");
        let score = self.document.attr_by(set, names::SCORE);
        (bootstrap, score.map_or(Score::ZERO, |text| self.score(text, Score::ZERO)))
    }

    /// Only the first rule of a set counts.
    fn applies(&mut self, set: ElementId, _subject: &Subject<'_>) -> bool {
        let _ = self.now;
        self.document.child_by(set, names::RULE).is_none()
    }

    fn add_pairs(&self, set: ElementId, into: &mut Attributes) {
        for pair in self.document.children_by(set, names::NVPAIR) {
            let Some(pair) = self.resolve(pair) else { continue };
            let text = |name| self.document.attr_by(pair, name);
            let (Some(name), Some(value)) = (text(names::NAME), text(names::VALUE)) else {
                continue;
            };
            if value.eq_ignore_ascii_case("#default") {
                into.remove(name);
            } else if !into.contains_key(name) {
                into.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
