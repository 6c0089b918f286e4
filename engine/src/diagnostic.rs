//! Messages about an input that do not stop planning.

/// How serious a message is.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Notice,
    Warning,
    Error,
}

/// A message about the input, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// The element it is about.
    pub element: Option<crate::parse::ElementId>,
    /// What is to be said, one sentence.
    pub message: String,
}
