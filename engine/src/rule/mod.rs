//! Does a configuration hold here and now?
//!
//! A rule is a tree of conditions on the date, on node attributes, on the resource or on the
//! operation. [`Rule::read`] makes a typed tree of its element once, with references resolved;
//! [`Rule::holds`] evaluates it against [`Facts`], any number of times. A malformed condition stays
//! in the tree as such: it never holds, but it spoils only what depends on it, as in Pacemaker.
//!
//! - `read`: elements → tree;
//! - `evaluate`: tree and facts → truth, and when that may change by itself;
//! - `compare`: how two attribute values compare.

mod compare;
mod evaluate;
mod read;
mod report;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::config::Attributes;
use crate::parse::ElementId;
use crate::time::{Timestamp, Unit};
use crate::value::Bounds;
pub use compare::{Comparison, ValueType};

/// A rule, or a part of one that has its own boolean operator.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// How the conditions combine.
    pub combine: Combine,
    /// In the order in which they are evaluated. None at all hold.
    pub conditions: Vec<Condition>,
    /// What is odd about it, or about anything in it, without changing what it means.
    remarks: Vec<Fault>,
}

/// A rule's boolean operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Combine {
    /// All conditions must hold; the first that does not ends evaluation.
    And,
    /// One condition must hold; the first that does ends evaluation.
    Or,
}

/// One condition of a rule.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// A rule within the rule.
    Rule(Rule),
    /// On a node attribute.
    Attribute(AttributeTest),
    /// On the date.
    Date(DateTest),
    /// On the resource.
    Resource(ResourceTest),
    /// On the operation.
    Operation(OperationTest),
    /// Never holds.
    Malformed(Fault),
}

/// `expression`: compares a node attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttributeTest {
    /// Name of the attribute; may contain `%0` to `%9`.
    pub attribute: String,
    /// What it is compared for.
    pub comparison: Comparison,
    /// What it is compared with; none for `defined` and `not_defined`.
    pub reference: Option<Reference>,
    /// How the values are compared, if that is said.
    pub value_type: Option<ValueType>,
}

/// What a node attribute is compared with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference {
    /// This value.
    Literal(String),
    /// The value of this resource parameter (instance attribute).
    Parameter(String),
    /// The value of this meta attribute of the resource.
    Meta(String),
}

/// `date_expression`. Dates are kept as text: what they leave open (offset, day) comes from `now`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DateTest {
    /// Not before `start` and not after `end`, each if given; at least one end is.
    Range {
        /// First instant.
        start: Option<String>,
        /// Last instant.
        end: Option<RangeEnd>,
    },
    /// After this instant.
    After(String),
    /// Before this instant.
    Before(String),
    /// The parts of the local date are each in a range.
    Spec(Vec<(DatePart, Bounds)>),
}

/// How a range of dates ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RangeEnd {
    /// At a date.
    Date(String),
    /// So long after the start: units in the order in which they are added.
    After(Vec<(Unit, i32)>),
}

/// A part of a date that `date_spec` restricts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum DatePart {
    Year,
    Month,
    DayOfMonth,
    Hour,
    Minute,
    Second,
    DayOfYear,
    WeekYear,
    Week,
    /// Monday is 1.
    DayOfWeek,
}

/// `rsc_expression`: what is given must be the same, with case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct ResourceTest {
    pub class: Option<String>,
    pub provider: Option<String>,
    pub agent: Option<String>,
}

/// `op_expression`: what is given must be the same, the name with case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperationTest {
    /// Operation name.
    pub name: String,
    /// Interval in milliseconds.
    pub interval_ms: Option<u32>,
}

/// Why a rule or condition never holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The rule or condition.
    pub element: ElementId,
    /// What is wrong with it.
    pub reason: FaultReason,
}

/// What can be wrong with a rule or condition.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message is its documentation")]
pub enum FaultReason {
    #[error("it has no id")]
    NoId,
    #[error("its id-ref '{0}' does not refer to exactly one rule")]
    Dangling(String),
    #[error("it is too big, or refers to itself")]
    TooBig,
    #[error("'{0}' is not a condition")]
    UnknownCondition(String),
    #[error("it has no '{0}'")]
    Missing(&'static str),
    #[error("'{value}' is not a valid '{attribute}'")]
    Invalid {
        attribute: &'static str,
        value: String,
    },
    #[error("its '{0}' is not a date")]
    NoDate(&'static str),
    #[error("it contains no conditions")]
    NoConditions,
    #[error("'value' is not allowed with this operation")]
    ValueNotAllowed,
    #[error("it has neither a start nor an end")]
    NoEnds,
}

/// Name → value, as rules ask for it.
pub trait Lookup {
    /// The value of a name.
    fn value(&self, name: &str) -> Option<&str>;
}

impl Lookup for Attributes {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(AsRef::as_ref)
    }
}

impl Lookup for BTreeMap<&str, &str> {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).copied()
    }
}

impl Lookup for BTreeMap<&str, Cow<'_, str>> {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(|value| &**value)
    }
}

/// What a rule is evaluated against. What is not there is not visible to the rule: attributes are
/// undefined, tests of the resource or operation do not hold.
#[derive(Clone, Copy)]
pub struct Facts<'f> {
    /// What time it is.
    pub now: Timestamp,
    /// Attributes of the node.
    pub node: Option<&'f dyn Lookup>,
    /// The resource's parameters, for `value-source="param"`.
    pub parameters: Option<&'f dyn Lookup>,
    /// The resource's meta attributes, for `value-source="meta"`.
    pub meta: Option<&'f dyn Lookup>,
    /// The resource's agent.
    pub resource: Option<Agent<'f>>,
    /// The operation.
    pub operation: Option<Operation<'f>>,
    /// What `%0` to `%9` stand for in attribute names: the parts of the resource's id that a
    /// location's pattern matched. None: they stand for themselves.
    pub submatches: Option<Submatches<'f>>,
}

impl Facts<'_> {
    /// Nothing is visible but the date.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            node: None,
            parameters: None,
            meta: None,
            resource: None,
            operation: None,
            submatches: None,
        }
    }
}

/// A resource agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Agent<'f> {
    pub class: Option<&'f str>,
    pub provider: Option<&'f str>,
    pub agent: Option<&'f str>,
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation<'f> {
    /// Its name.
    pub name: &'f str,
    /// Its interval in milliseconds.
    pub interval_ms: u32,
}

/// A text with the ranges of it that a regular expression and its groups matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Submatches<'f> {
    /// The text that was matched.
    pub text: &'f str,
    /// Byte ranges: the whole match, then each group; none where a group took no part.
    pub groups: &'f [Option<(usize, usize)>],
}
