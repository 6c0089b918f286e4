//! What is there to say about an input that does not stop planning, and where in it?
//!
//! Messages have the peer's wording, so that what is known about them (and scripts that look for
//! them) stays true; each has its place in addition.

use crate::parse::{Document, ElementId, Name, Position};

/// How serious a message is.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Notice,
    Warning,
    Error,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What somebody configured: a reason to look at the configuration again.
    Configuration,
    /// What has happened, or is going to: nobody's fault.
    Events,
}

/// A message about the input, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// The element it is about; none: the document.
    pub element: Option<ElementId>,
    /// The attribute of the element that it is about, if it is one.
    pub attribute: Option<Name>,
    /// What is to be said, one sentence.
    pub message: String,
    /// What is said only once about a document, however often it holds.
    pub once: Option<&'static str>,
}

impl Diagnostic {
    /// Something is ignored or replaced because it is wrong.
    pub fn error(element: impl Into<Option<ElementId>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, element.into(), message.into())
    }

    /// Something works, but probably not as meant, or not for long.
    pub fn warning(element: impl Into<Option<ElementId>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, element.into(), message.into())
    }

    /// Something worth knowing.
    pub fn notice(element: impl Into<Option<ElementId>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Notice, element.into(), message.into()).event()
    }

    /// The same about what has happened, or is going to.
    #[must_use]
    pub fn event(mut self) -> Self {
        self.subject = Subject::Events;
        self
    }

    /// The same about an attribute of the element.
    #[must_use]
    pub fn at(mut self, attribute: Name) -> Self {
        self.attribute = Some(attribute);
        self
    }

    /// The same, but not again once something with this key was said.
    #[must_use]
    pub fn once(mut self, key: &'static str) -> Self {
        self.once = Some(key);
        self
    }

    /// Where in the source text that is. What was added to the document since stands where it was
    /// added.
    #[must_use]
    pub fn position(&self, document: &Document) -> Option<Position> {
        let element = self.element.unwrap_or(document.root());
        let attribute = self
            .attribute
            .and_then(|name| document.attr_position(element, name));
        let mut around = std::iter::successors(Some(element), |&e| document.parent(e));
        attribute.or_else(|| around.find_map(|element| document.position(element)))
    }

    fn new(severity: Severity, element: Option<ElementId>, message: String) -> Self {
        Self {
            severity,
            subject: Subject::Configuration,
            element,
            attribute: None,
            message,
            once: None,
        }
    }
}
