//! Constraints: one file a kind.
//!
//! They are read after the status, because they may name resources as history does, and because a
//! lost ticket acts on what is active. Node health comes first, then the configured constraints
//! in document order, then the colocations that groups, bundles and launchers imply.

mod colocation;
mod health;
mod implied;
mod location;
mod lookup;
mod order;
mod pattern;
mod set;
#[cfg(test)]
mod tests;
mod ticket;
mod types;

use crate::Diagnostic;
use crate::config::{Config, Evaluation, Role};
use crate::parse::{Document, ElementId, Name, names};
use crate::state::State;
use crate::time::Timestamp;
use crate::value::Score;

pub use types::*;

use lookup::Lookup;

/// Reads one constraint, given its id.
type Read = fn(&mut Reader<'_>, ElementId, &str);

/// How each kind of constraint is read.
const KINDS: [(Name, Read); 4] = [
    (names::RSC_LOCATION, location::read),
    (names::RSC_COLOCATION, colocation::read),
    (names::RSC_ORDER, order::read),
    (names::RSC_TICKET, ticket::read),
];

/// Reads all constraints. What is wrong with one is said in [`Constraints::diagnostics`], and it is
/// ignored, as a whole or as far as it is wrong.
#[must_use]
pub fn unpack(document: &Document, config: &Config, state: &State, now: Timestamp) -> Constraints {
    let mut reader = Reader {
        document,
        config,
        state,
        lookup: Lookup::new(config, state),
        evaluation: Evaluation::new(document, now),
        made: Constraints::default(),
    };
    health::apply(&mut reader);
    if let Some(section) = section(document) {
        for element in document.children(section) {
            reader.constraint(element);
        }
    }
    implied::add(&mut reader);
    reader.made.recheck_by = reader.evaluation.recheck_by.0;
    reader.made.diagnostics = reader.evaluation.messages;
    reader.made
}

fn section(document: &Document) -> Option<ElementId> {
    let configuration = document.child_by(document.root(), names::CONFIGURATION)?;
    document.child_by(configuration, names::CONSTRAINTS)
}

/// What reading a constraint needs, and what has been made so far.
struct Reader<'a> {
    document: &'a Document,
    config: &'a Config,
    state: &'a State,
    lookup: Lookup<'a>,
    evaluation: Evaluation<'a>,
    made: Constraints,
}

/// A constraint is ignored; why has been said.
struct Ignored;

impl<'a> Reader<'a> {
    fn constraint(&mut self, element: ElementId) {
        let document = self.document;
        let name = document.name_of(element);
        let kind = KINDS.iter().find(|kind| kind.0 == name);
        match (document.id(element), kind) {
            (None, _) => {
                let name = document.name(element);
                self.error(element, format!("Ignoring <{name}> constraint without id"));
            }
            (_, None) => {
                let name = document.name(element);
                self.error(element, format!("Unsupported constraint type: {name}"));
            }
            (Some(id), Some((_, read))) => read(self, element, id),
        }
    }

    /// An attribute of an element.
    fn text(&self, element: ElementId, name: Name) -> Option<&'a str> {
        self.document.attr_by(element, name)
    }

    /// A boolean attribute, if it is there and valid.
    fn boolean(&self, element: ElementId, name: Name) -> Option<bool> {
        self.text(element, name).and_then(crate::value::boolean)
    }

    fn score(&self, text: &str) -> Option<Score> {
        Score::parse_with(text, &self.config.options.health)
    }

    fn error(&mut self, element: ElementId, message: impl Into<String>) {
        self.evaluation
            .messages
            .push(Diagnostic::error(element, message));
    }

    fn warning(&mut self, element: ElementId, message: impl Into<String>) {
        self.evaluation
            .messages
            .push(Diagnostic::warning(element, message));
    }

    /// Notes that an attribute is wrong.
    fn error_at(&mut self, element: ElementId, name: Name, message: impl Into<String>) {
        self.evaluation
            .messages
            .push(Diagnostic::error(element, message).at(name));
    }

    /// A role that restricts a constraint; `Started` restricts nothing.
    fn role(
        &mut self,
        element: ElementId,
        id: &str,
        text: Option<&str>,
    ) -> Result<Option<Role>, Ignored> {
        let Some(text) = text else { return Ok(None) };
        match self.evaluation.role(text, element, names::ROLE) {
            Some(Role::Started) => Ok(None),
            Some(role) => Ok(Some(role)),
            None => {
                self.error(
                    element,
                    format!("Ignoring constraint {id}: Invalid role '{text}'"),
                );
                Err(Ignored)
            }
        }
    }
}
