//! Which patterns do the expressions of the grammar stand for, in one version?
//!
//! The content of an element is built when the element is first met: rules contain rules.

use std::sync::LazyLock;

use super::notation::{Body, Expression, Fault, Notation, Values, WORDS};
use super::pattern::{ANY, BodyId, Content, EMPTY, Grammar, NEVER, Pattern, PatternId, Symbol};
use super::types::Type;
use crate::schema::version::Version;

/// The grammar of all versions.
pub(super) static NOTATION: LazyLock<Notation> =
    LazyLock::new(|| Notation::new(include_str!("cib.grammar")));

/// What the grammar says. A fault is a mistake in our own file: a test reads all of it.
fn said(expression: Result<&'static Expression, Fault>) -> &'static Expression {
    expression.unwrap_or_else(|fault| panic!("grammar: {fault}"))
}

impl Grammar {
    /// What a whole document may be.
    pub(in crate::schema) fn start(&mut self) -> PatternId {
        self.build(said(NOTATION.first()), &[]).unwrap_or(NEVER)
    }

    /// The pattern of an expression; none if it is as if it were not written.
    fn build(
        &mut self,
        expression: &'static Expression,
        arguments: &[Option<PatternId>],
    ) -> Option<PatternId> {
        match expression {
            Expression::Any => Some(ANY),
            Expression::Parameter(index) => arguments[*index],
            Expression::Call(callee, callee_arguments) => {
                let callee_arguments: Vec<_> = callee_arguments
                    .iter()
                    .map(|a| self.build(a, arguments))
                    .collect();
                self.build(said(NOTATION.definition(*callee)), &callee_arguments)
            }
            Expression::Versions(versions, inner) => {
                let applies = self.is_written(versions);
                applies.then(|| self.build(inner, arguments)).flatten()
            }
            Expression::Group(items) => self.build_all(items, arguments, Self::group),
            Expression::Interleave(items) => self.build_all(items, arguments, Self::interleave),
            Expression::Choice(items) => self.build_all(items, arguments, Self::choice),
            Expression::Optional(inner) => {
                let inner = self.build(inner, arguments)?;
                Some(self.choice(inner, EMPTY))
            }
            Expression::Repeated(inner) => {
                let inner = self.build(inner, arguments)?;
                Some(self.number(Pattern::Repeated(inner)))
            }
            Expression::Attribute(name, values) => {
                let symbol = self.intern(name);
                let number = self.type_number(symbol, values);
                Some(self.number(Pattern::Attribute(symbol, number)))
            }
            Expression::Element(name, body) => {
                let symbol = self.intern(name);
                let body = self.body_number(body, arguments);
                Some(self.number(Pattern::Element(symbol, body)))
            }
        }
    }

    /// The items that are written, put together; none if there are items, but none is written.
    fn build_all(
        &mut self,
        items: &'static [Expression],
        arguments: &[Option<PatternId>],
        together: fn(&mut Self, PatternId, PatternId) -> PatternId,
    ) -> Option<PatternId> {
        let mut all = items.is_empty().then_some(EMPTY);
        for item in items.iter().rev() {
            if let Some(built) = self.build(item, arguments) {
                all = Some(all.map_or(built, |rest| together(self, built, rest)));
            }
        }
        all
    }

    pub(super) fn content(&mut self, body: BodyId) -> PatternId {
        let content = &self.bodies[body as usize];
        if let Some((versions, pattern)) = &content.pattern
            && versions.contains(&self.version)
        {
            self.same_through = self.same_through.min(*versions.end());
            return *pattern;
        }
        let (written, arguments) = (content.body, content.arguments.clone());
        let others = std::mem::replace(&mut self.same_through, Version::LATEST);
        let pattern = self
            .build(said(NOTATION.body(written)), &arguments)
            .unwrap_or(EMPTY);
        let versions = self.version..=self.same_through;
        self.bodies[body as usize].pattern = Some((versions, pattern));
        self.same_through = self.same_through.min(others);
        pattern
    }

    fn body_number(&mut self, body: &'static Body, arguments: &[Option<PatternId>]) -> BodyId {
        let next = self.bodies.len() as BodyId;
        let key = (body.place(), arguments.to_vec());
        *self
            .body_numbers
            .entry(key)
            .or_insert_with_key(|(_, arguments)| {
                self.bodies.push(Content {
                    body,
                    arguments: arguments.clone(),
                    pattern: None,
                });
                next
            })
    }

    fn type_number(&mut self, symbol: Symbol, values: &Values) -> u16 {
        let wanted = self.values_type(values);
        let number = match self.types.iter().position(|known| *known == wanted) {
            Some(number) => number,
            None => {
                self.types.push(wanted);
                self.types.len() - 1
            }
        } as u16;
        let of_name = &mut self.types_of[symbol];
        if !of_name.contains(&number) {
            of_name.push(number);
            debug_assert!(of_name.len() <= 64, "more types than a mask has bits");
        }
        number
    }

    fn values_type(&mut self, values: &Values) -> Type {
        match values {
            Values::Type(known) => known.clone(),
            Values::Words { exclude, words } => {
                let current = words.iter().filter(|word| self.is_written(&word.versions));
                let words = current.map(|word| word.text).collect();
                if *exclude {
                    Type::NoneOf(words)
                } else {
                    Type::OneOf(words)
                }
            }
            Values::Defined(definition) => match said(NOTATION.definition(*definition)) {
                Expression::Attribute(WORDS, values) => self.values_type(values),
                _ => Type::OneOf(Vec::new()),
            },
        }
    }
}
