//! Which values do sets of name/value pairs give?
//!
//! Options, meta attributes, instance attributes and utilization are all configured as blocks of
//! `nvpair` elements, each with a score and perhaps a rule. [`NvSets`] is such a list of blocks in
//! order of precedence, read once; [`NvSets::values`] is what they give under some facts.

use std::collections::BTreeMap;

use crate::parse::{Document, ElementId, Name, Scope, names};
use crate::rule::{Facts, Fault, Rule};
use crate::time::Earliest;
use crate::value::Score;
#[cfg(test)]
mod tests;

/// The id of the block of cluster options that always comes first.
pub const BOOTSTRAP_OPTIONS: &str = "cib-bootstrap-options";

/// The value that takes away what was found so far.
pub const DEFAULT: &str = "#default";

/// Values by name, borrowed from the document.
pub type Values<'d> = BTreeMap<&'d str, &'d str>;

/// Blocks of name/value pairs in order of precedence.
#[derive(Clone, Debug, Default)]
pub struct NvSets {
    blocks: Vec<Block>,
    /// Blocks whose score is not valid, and counts as 0; only where it was compared with another.
    without_valid_score: Vec<ElementId>,
    /// Is any block malformed?
    faulty: bool,
}

#[derive(Clone, Debug)]
struct Block {
    /// Malformed rules never hold.
    rule: Option<Result<Rule, Fault>>,
    /// `nvpair` elements with both a name and a value, references resolved.
    pairs: Vec<ElementId>,
}

impl NvSets {
    /// Reads the child blocks of an element (or of several, as if their children were one's), by
    /// element name.
    ///
    /// Blocks with a higher score come first; of equal ones the last in the document does. The block
    /// with id `first`, if that is given, comes before all. What refers to nothing is left out.
    pub fn read<'i>(
        document: &Document,
        scope: impl Into<Scope<'i>>,
        parents: impl IntoIterator<Item = ElementId>,
        name: Name,
        first: Option<&str>,
    ) -> Self {
        let scope = scope.into();
        let parents = parents.into_iter();
        let children = parents.flat_map(|parent| document.children_by(parent, name));
        let mut elements: Vec<(bool, Score, ElementId)> = children
            .filter_map(|child| scope.resolve(document, child))
            .map(|block| {
                let is_first = first.is_some() && document.id(block) == first;
                let score = Score::parse_or(document.attr_by(block, names::SCORE), Score::ZERO);
                (is_first, score, block)
            })
            .collect();
        let without_valid_score = if elements.len() > 1 {
            let invalid = |block: &ElementId| {
                let score = document.attr_by(*block, names::SCORE);
                score.is_some_and(|score| Score::parse(score).is_none())
            };
            let blocks = elements.iter().map(|element| element.2);
            blocks.filter(invalid).collect()
        } else {
            Vec::new()
        };
        elements.reverse();
        elements.sort_by_key(|&(is_first, score, _)| std::cmp::Reverse((is_first, score)));
        let blocks = elements
            .iter()
            .map(|&(_, _, block)| Block::read(document, scope, block));
        let mut sets = Self {
            blocks: blocks.collect(),
            without_valid_score,
            faulty: false,
        };
        sets.faulty = !sets.without_valid_score.is_empty() || !sets.faults().is_empty();
        sets
    }

    /// Is there anything malformed in the blocks?
    pub fn has_faults(&self) -> bool {
        self.faulty
    }

    /// Blocks whose score counts as 0 because it is none, in document order.
    pub fn without_valid_score(&self) -> &[ElementId] {
        &self.without_valid_score
    }

    /// The first pair of a name with a value, compared without case.
    pub fn pair(&self, document: &Document, name: &str, value: &str) -> Option<ElementId> {
        let pairs = self.blocks.iter().flat_map(|block| &block.pairs);
        pairs.copied().find(|&pair| {
            let text = |name| document.attr_by(pair, name);
            text(names::NAME) == Some(name)
                && text(names::VALUE).is_some_and(|text| text.eq_ignore_ascii_case(value))
        })
    }

    /// Are there no blocks?
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Are the values the same under all facts?
    pub fn is_constant(&self) -> bool {
        self.blocks.iter().all(|block| block.rule.is_none())
    }

    /// Do the values depend on anything?
    pub fn has_rules(&self) -> bool {
        self.blocks.iter().any(|block| block.rule.is_some())
    }

    /// Can the values differ between nodes?
    pub fn depends_on_node(&self) -> bool {
        let mut rules = self
            .blocks
            .iter()
            .filter_map(|block| block.rule.as_ref()?.as_ref().ok());
        rules.any(Rule::depends_on_node)
    }

    /// What is malformed in the blocks' rules.
    pub fn faults(&self) -> Vec<&Fault> {
        let rules = self.blocks.iter().filter_map(|block| block.rule.as_ref());
        rules
            .flat_map(|rule| match rule {
                Ok(rule) => rule.faults(),
                Err(fault) => vec![fault],
            })
            .collect()
    }

    /// The values under these facts. `change` notes when they may become different by themselves.
    pub fn values<'d>(
        &self,
        document: &'d Document,
        facts: &Facts<'_>,
        change: &mut Earliest,
    ) -> Values<'d> {
        let mut values = Values::new();
        self.add_values(document, facts, &mut values, change);
        values
    }

    /// Adds the values whose names are not there yet. The value `#default` takes the one away that
    /// was found so far.
    pub fn add_values<'d>(
        &self,
        document: &'d Document,
        facts: &Facts<'_>,
        values: &mut Values<'d>,
        change: &mut Earliest,
    ) {
        self.for_each(document, facts, change, |name, value| {
            if value.eq_ignore_ascii_case(DEFAULT) {
                values.remove(name);
            } else {
                values.entry(name).or_insert(value);
            }
        });
    }

    /// Visits every name and value of the blocks that hold, in order of precedence.
    pub fn for_each<'d>(
        &self,
        document: &'d Document,
        facts: &Facts<'_>,
        change: &mut Earliest,
        mut visit: impl FnMut(&'d str, &'d str),
    ) {
        for block in &self.blocks {
            let holds = match &block.rule {
                None => true,
                Some(Ok(rule)) => rule.holds(facts, change),
                Some(Err(_)) => false,
            };
            if !holds {
                continue;
            }
            for &pair in &block.pairs {
                let text = |name| document.attr_by(pair, name);
                if let (Some(name), Some(value)) = (text(names::NAME), text(names::VALUE)) {
                    visit(name, value);
                }
            }
        }
    }
}

impl Block {
    fn read(document: &Document, scope: Scope<'_>, element: ElementId) -> Self {
        let rule = document.child_by(element, names::RULE);
        // Very old blocks have their pairs one level below.
        let first = document.first_child(element);
        let holder = first
            .filter(|&first| document.name(first) == "attributes")
            .unwrap_or(element);
        let pairs = document.children_by(holder, names::NVPAIR);
        Self {
            rule: rule.map(|rule| Rule::read(document, scope, rule)),
            pairs: pairs
                .filter_map(|pair| scope.ids.resolve(document, pair))
                .collect(),
        }
    }
}
