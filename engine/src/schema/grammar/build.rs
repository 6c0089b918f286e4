//! Which patterns do the expressions of the grammar stand for, in one version?
//!
//! The content of an element is built when the element is first met: rules contain rules.

use std::sync::LazyLock;

use super::notation::{self, Expression, Notation, Values, WORDS};
use super::pattern::{ANY, Body, Content, EMPTY, Grammar, NEVER, Pattern, PatternId, Symbol};
use super::types::Type;
use crate::schema::version::Version;

static NOTATION: LazyLock<Notation> = LazyLock::new(|| {
    // A fault is a mistake in our own file; a test reads it.
    notation::read(include_str!("cib.grammar")).unwrap_or_else(|fault| panic!("grammar: {fault}"))
});

impl Grammar {
    /// What a whole document may be.
    pub(in crate::schema) fn start(&mut self) -> PatternId {
        self.build(&NOTATION.definitions[0].expression, &[])
            .unwrap_or(NEVER)
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
                self.build(&NOTATION.definitions[*callee].expression, &callee_arguments)
            }
            Expression::Versions(versions, inner) => {
                let applies = self.is_written(versions);
                applies.then(|| self.build(inner, arguments)).flatten()
            }
            Expression::Group(items) => {
                let built = self.build_all(items, arguments)?;
                Some(
                    built
                        .into_iter()
                        .rev()
                        .fold(EMPTY, |rest, item| self.group(item, rest)),
                )
            }
            Expression::Interleave(items) => {
                let built = self.build_all(items, arguments)?;
                Some(
                    built
                        .into_iter()
                        .rev()
                        .fold(EMPTY, |rest, item| self.interleave(item, rest)),
                )
            }
            Expression::Choice(items) => {
                let built = self.build_all(items, arguments)?;
                built
                    .into_iter()
                    .rev()
                    .reduce(|rest, item| self.choice(item, rest))
            }
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
                let body = self.body_number(*body, arguments);
                Some(self.number(Pattern::Element(symbol, body)))
            }
        }
    }

    /// The patterns of the items that are written; none if there are items, but none is.
    fn build_all(
        &mut self,
        items: &'static [Expression],
        arguments: &[Option<PatternId>],
    ) -> Option<Vec<PatternId>> {
        let mut built = Vec::with_capacity(items.len());
        built.extend(items.iter().filter_map(|item| self.build(item, arguments)));
        (items.is_empty() || !built.is_empty()).then_some(built)
    }

    pub(super) fn content(&mut self, body: Body) -> PatternId {
        let content = &self.bodies[body as usize];
        if let Some((versions, pattern)) = &content.pattern
            && versions.contains(&self.version)
        {
            self.same_through = self.same_through.min(*versions.end());
            return *pattern;
        }
        let (number, arguments) = (content.body, content.arguments.clone());
        let others = std::mem::replace(&mut self.same_through, Version::LATEST);
        let pattern = self
            .build(&NOTATION.bodies[number], &arguments)
            .unwrap_or(EMPTY);
        let versions = self.version..=self.same_through;
        self.bodies[body as usize].pattern = Some((versions, pattern));
        self.same_through = self.same_through.min(others);
        pattern
    }

    fn body_number(&mut self, body: usize, arguments: &[Option<PatternId>]) -> Body {
        let next = self.bodies.len() as Body;
        let key = (body, arguments.to_vec());
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

    fn intern(&mut self, name: &'static str) -> Symbol {
        let next = Symbol(self.symbols.len() as u16);
        *self.symbols.entry(name).or_insert_with(|| {
            self.types_of.push(Vec::new());
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
        let of_name = &mut self.types_of[usize::from(symbol.0)];
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
            Values::Defined(definition) => match &NOTATION.definitions[*definition].expression {
                Expression::Attribute(WORDS, values) => self.values_type(values),
                _ => Type::OneOf(Vec::new()),
            },
        }
    }
}
