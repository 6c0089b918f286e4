//! What is wrong with a rule, in the peer's words?

use super::{Fault, FaultReason};
use crate::Diagnostic;
use crate::parse::{Document, names};

impl Fault {
    /// The fault as a message about its element.
    #[must_use]
    pub fn diagnostic(&self, document: &Document) -> Diagnostic {
        let kind = document.name(self.element);
        let id = document.id(self.element).unwrap_or_default();
        let operation = document.attr_by(self.element, names::OPERATION);
        let operation = operation.unwrap_or_default();
        let not_passing =
            |why: String| format!("Treating {kind} {id} as not passing because {why}");
        let message = match &self.reason {
            FaultReason::NoId => format!("Treating {kind} without id as not passing"),
            FaultReason::Dangling(reference) => format!(
                "Ignoring invalid {kind} configuration: id-ref '{reference}' does not reference a \
                 valid object"
            ),
            FaultReason::UnknownCondition(name) => format!(
                "Treating rule condition {id} as not passing because {name} is not a valid \
                 condition type"
            ),
            FaultReason::Missing("attribute") => not_passing("attribute was not specified".into()),
            FaultReason::Missing("operation") => not_passing("it has no operation".into()),
            FaultReason::Missing("name") => not_passing("it has no name".into()),
            FaultReason::Missing("value") => {
                not_passing(format!("value is required when operation is {operation}"))
            }
            FaultReason::Missing("date_spec") => {
                not_passing("date_spec operations require a date_spec subelement".into())
            }
            FaultReason::Missing(end @ ("start" | "end")) => {
                not_passing(format!("gt requires {end}"))
            }
            FaultReason::Missing(other) => not_passing(format!("it has no {other}")),
            FaultReason::ValueNotAllowed => not_passing(format!(
                "value is not allowed when operation is {operation}"
            )),
            FaultReason::NoEnds => {
                not_passing("in_range requires at least one of start or end".into())
            }
            FaultReason::Invalid { attribute, value } if operation == "date_spec" => not_passing(
                format!("'{value}' is not a valid range for date_spec attribute {attribute}"),
            ),
            FaultReason::Invalid { attribute, value } => {
                not_passing(format!("'{value}' is not a valid {attribute}"))
            }
            FaultReason::NoDate(end) => not_passing(format!("{end} is invalid")),
            FaultReason::NoConditions => {
                let message = format!("Ignoring rule {id} because it contains no conditions");
                return Diagnostic::warning(self.element, message);
            }
            FaultReason::TooBig => not_passing("it is too big, or refers to itself".into()),
        };
        Diagnostic::error(self.element, message)
    }
}
