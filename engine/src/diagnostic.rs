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

impl Diagnostic {
    /// Something is ignored or replaced because it is wrong.
    pub fn error(
        element: impl Into<Option<crate::parse::ElementId>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, element.into(), message.into())
    }

    /// Something works, but probably not as meant, or not for long.
    pub fn warning(
        element: impl Into<Option<crate::parse::ElementId>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, element.into(), message.into())
    }

    /// Something worth knowing.
    pub fn notice(
        element: impl Into<Option<crate::parse::ElementId>>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Notice, element.into(), message.into())
    }

    fn new(severity: Severity, element: Option<crate::parse::ElementId>, message: String) -> Self {
        Self {
            severity,
            element,
            message,
        }
    }
}
