//! Which patterns and attributes do the expressions of the grammar stand for, in each version?
//!
//! What an element may hold is brought into one form: alternatives, each with attributes and a
//! pattern of children. So attributes, which have no order, need no patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::arena::{ANY, Arena, BodyId, EMPTY, Pattern, PatternId, Symbol};
use super::notation::{Expression, Fault, Notation, Values, WORDS};
use super::version::Version;

/// The grammar as the engine uses it.
pub(crate) struct Compiled {
    /// By symbol, in order of the alphabet.
    pub(crate) names: Vec<String>,
    /// Types of attribute values, as expressions of Rust.
    pub(crate) types: Vec<String>,
    pub(crate) arena: Arena,
    /// What a whole document may be.
    pub(crate) start: PatternId,
    pub(crate) contents: Vec<Content>,
    /// By body: the contents that it has, each with the versions.
    pub(crate) bodies: Vec<Vec<(RangeInclusive<Version>, usize)>>,
}

/// What an element may hold in some version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Content {
    /// Attributes in the order in which they are written, each with a type.
    pub(crate) attributes: Vec<(Symbol, usize)>,
    pub(crate) alternatives: Vec<Alternative>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alternative {
    /// By name and type: whether it must be there.
    pub(crate) attributes: BTreeMap<(Symbol, usize), bool>,
    pub(crate) children: PatternId,
}

impl Content {
    /// No attributes, and these children.
    fn children(children: PatternId) -> Self {
        let attributes = BTreeMap::new();
        Content {
            attributes: Vec::new(),
            alternatives: vec![Alternative {
                attributes,
                children,
            }],
        }
    }

    fn add_attributes(&mut self, attributes: &[(Symbol, usize)]) {
        for attribute in attributes {
            if !self.attributes.contains(attribute) {
                self.attributes.push(*attribute);
            }
        }
    }
}

/// An element's content, as it is written.
struct Body<'n> {
    written: &'n Expression<'n>,
    arguments: Vec<Option<Content>>,
    found: Vec<(RangeInclusive<Version>, usize)>,
}

struct Compiler<'n> {
    notation: &'n Notation<'n>,
    version: Version,
    names: Vec<&'n str>,
    types: Vec<String>,
    arena: Arena,
    bodies: Vec<Body<'n>>,
    /// By the place of the text, and by arguments.
    body_numbers: BTreeMap<(usize, Vec<Option<Content>>), BodyId>,
    contents: Vec<Content>,
    content_numbers: BTreeMap<Content, usize>,
}

/// Compiles a grammar.
///
/// # Errors
/// The grammar says what the tables cannot hold.
pub(crate) fn compile(notation: &Notation<'_>) -> Result<Compiled, Fault> {
    let mut names = BTreeSet::new();
    let mut open: Vec<_> = notation.definitions.iter().map(|d| &d.expression).collect();
    while let Some(expression) = open.pop() {
        if let Expression::Element(name, _) | Expression::Attribute(name, _) = expression {
            names.insert(*name);
        }
        open.extend(expression.inner());
    }
    let mut compiler = Compiler {
        notation,
        version: Version::FIRST,
        names: names.into_iter().collect(),
        types: Vec::new(),
        arena: Arena::new(&[Pattern::Never, Pattern::Empty, Pattern::Any]),
        bodies: Vec::new(),
        body_numbers: BTreeMap::new(),
        contents: Vec::new(),
        content_numbers: BTreeMap::new(),
    };
    let mut starts = BTreeSet::new();
    for version in Version::all() {
        compiler.version = version;
        starts.insert(compiler.start()?);
    }
    let [start] = starts.into_iter().collect::<Vec<_>>()[..] else {
        return Err("a document is something else in another version".to_owned());
    };
    Ok(Compiled {
        names: compiler.names.iter().map(|&name| name.to_owned()).collect(),
        types: compiler.types,
        arena: compiler.arena,
        start,
        contents: compiler.contents,
        bodies: compiler.bodies.into_iter().map(|b| b.found).collect(),
    })
}

impl<'n> Compiler<'n> {
    /// What a document may be in this version. Everything that can be in it is compiled.
    fn start(&mut self) -> Result<PatternId, Fault> {
        let first = self.notation.definitions.first();
        let first = first.ok_or("nothing is defined")?;
        let content = self.build(&first.expression, &[])?;
        let start = match content.as_ref().map(|content| &content.alternatives[..]) {
            Some([only]) if only.attributes.is_empty() => only.children,
            _ => return Err(format!("{} is not an element", first.name)),
        };
        let mut seen = BTreeSet::new();
        let mut open = self.elements_of(start)?;
        while let Some(body) = open.pop() {
            if seen.insert(body) {
                let content = self.content(body)?;
                let alternatives = self.contents[content].alternatives.clone();
                let whole = alternatives.iter().map(|alternative| alternative.children);
                let whole = whole.reduce(|a, b| self.arena.choice(a, b));
                open.extend(self.elements_of(whole.unwrap_or(EMPTY))?);
            }
        }
        Ok(start)
    }

    /// Bodies of the elements that a pattern has. An element knows its children by name alone, so
    /// that each can be looked at by itself.
    fn elements_of(&self, pattern: PatternId) -> Result<Vec<BodyId>, Fault> {
        let mut by_name = BTreeMap::new();
        let mut open = vec![pattern];
        while let Some(pattern) = open.pop() {
            match self.arena.pattern(pattern) {
                Pattern::Choice(a, b) | Pattern::Group(a, b) | Pattern::Interleave(a, b) => {
                    open.extend([a, b]);
                }
                Pattern::Repeated(a) => open.push(a),
                Pattern::Element(name, body) => {
                    let before = by_name.insert(name, body);
                    if before.is_some_and(|before| before != body) {
                        let name = self.names[usize::from(name.0)];
                        return Err(format!("one element has two kinds of {name}"));
                    }
                }
                Pattern::Never | Pattern::Empty | Pattern::Any => {}
            }
        }
        Ok(by_name.into_values().collect())
    }

    /// What a body holds in this version.
    fn content(&mut self, number: BodyId) -> Result<usize, Fault> {
        let body = &self.bodies[usize::from(number.0)];
        let (written, arguments) = (body.written, body.arguments.clone());
        let content = self.build(written, &arguments)?;
        let content = content.unwrap_or_else(|| Content::children(EMPTY));
        let next = self.contents.len();
        let entry = self.content_numbers.entry(content);
        let content = *entry.or_insert_with_key(|content| {
            self.contents.push(content.clone());
            next
        });
        let found = &mut self.bodies[usize::from(number.0)].found;
        match found.last_mut() {
            Some((versions, known))
                if *known == content && versions.end().next() == Some(self.version) =>
            {
                *versions = *versions.start()..=self.version;
            }
            _ => found.push((self.version..=self.version, content)),
        }
        Ok(content)
    }

    /// What an expression stands for; none if it is as if it were not written.
    fn build(
        &mut self,
        expression: &'n Expression<'n>,
        arguments: &[Option<Content>],
    ) -> Result<Option<Content>, Fault> {
        Ok(match expression {
            Expression::Any => Some(Content::children(ANY)),
            Expression::Parameter(index) => arguments[*index].clone(),
            Expression::Call(callee, callee_arguments) => {
                let callee_arguments = self.build_each(callee_arguments, arguments)?;
                self.build(
                    &self.notation.definitions[*callee].expression,
                    &callee_arguments,
                )?
            }
            Expression::Versions(versions, inner) => match versions.contains(&self.version) {
                true => self.build(inner, arguments)?,
                false => None,
            },
            Expression::Group(items) => self.build_all(items, arguments, |arena, a, b| {
                both(a, b, |a, b| arena.group(a, b))
            })?,
            Expression::Interleave(items) => self.build_all(items, arguments, |arena, a, b| {
                both(a, b, |a, b| arena.interleave(a, b))
            })?,
            Expression::Choice(items) => self.build_all(items, arguments, choice)?,
            Expression::Optional(inner) => {
                let inner = self.build(inner, arguments)?;
                inner.map(|inner| self.optional(inner))
            }
            Expression::Repeated(inner) => match self.build(inner, arguments)? {
                Some(Content {
                    attributes,
                    alternatives,
                }) => match &alternatives[..] {
                    [only] if attributes.is_empty() => {
                        let repeated = Pattern::Repeated(only.children);
                        Some(Content::children(self.arena.number(repeated)))
                    }
                    _ => return Err("an attribute cannot be there twice".to_owned()),
                },
                None => None,
            },
            Expression::Attribute(name, values) => {
                let attribute = (self.symbol(name), self.type_number(values));
                Some(Content {
                    attributes: vec![attribute],
                    alternatives: vec![Alternative {
                        attributes: [(attribute, true)].into(),
                        children: EMPTY,
                    }],
                })
            }
            Expression::Element(name, body) => {
                let next = BodyId(self.bodies.len() as u16);
                // What it is called with may differ from version to version: then so does it.
                let key = (body.place, arguments.to_vec());
                let entry = self.body_numbers.entry(key);
                let number = *entry.or_insert_with_key(|(_, arguments)| {
                    self.bodies.push(Body {
                        written: &body.content,
                        arguments: arguments.clone(),
                        found: Vec::new(),
                    });
                    next
                });
                let element = Pattern::Element(self.symbol(name), number);
                Some(Content::children(self.arena.number(element)))
            }
        })
    }

    fn build_each(
        &mut self,
        items: &'n [Expression<'n>],
        arguments: &[Option<Content>],
    ) -> Result<Vec<Option<Content>>, Fault> {
        items
            .iter()
            .map(|item| self.build(item, arguments))
            .collect()
    }

    /// The items that are written, put together; none if there are items, but none is written.
    fn build_all(
        &mut self,
        items: &'n [Expression<'n>],
        arguments: &[Option<Content>],
        together: impl Fn(&mut Arena, Content, Content) -> Content,
    ) -> Result<Option<Content>, Fault> {
        if items.is_empty() {
            return Ok(Some(Content::children(EMPTY)));
        }
        let built = self.build_each(items, arguments)?;
        let written = built.into_iter().flatten().rev();
        Ok(written.reduce(|rest, item| together(&mut self.arena, item, rest)))
    }

    fn optional(&mut self, mut content: Content) -> Content {
        if let [only] = &mut content.alternatives[..]
            && only.children == EMPTY
            && let [(_, required)] = &mut only.attributes.iter_mut().collect::<Vec<_>>()[..]
        {
            **required = false;
            return content;
        }
        choice(&mut self.arena, content, Content::children(EMPTY))
    }

    fn symbol(&self, name: &str) -> Symbol {
        let place = self.names.binary_search(&name);
        Symbol(place.expect("all names were collected") as u16)
    }

    fn type_number(&mut self, values: &Values<'n>) -> usize {
        let wanted = self.type_of(values);
        let known = self.types.iter().position(|known| *known == wanted);
        known.unwrap_or_else(|| {
            self.types.push(wanted);
            self.types.len() - 1
        })
    }

    /// The type, as an expression of Rust.
    fn type_of(&self, values: &Values<'n>) -> String {
        match values {
            Values::Type(variant) => format!("Type::{variant}"),
            Values::Words { exclude, words } => {
                let current = words.iter().filter(|w| w.versions.contains(&self.version));
                let words: Vec<&str> = current.map(|word| word.text).collect();
                let variant = if *exclude { "NoneOf" } else { "OneOf" };
                format!("Type::{variant}(&{words:?})")
            }
            Values::Defined(definition) => {
                match &self.notation.definitions[*definition].expression {
                    Expression::Attribute(WORDS, values) => self.type_of(values),
                    _ => "Type::OneOf(&[])".to_owned(),
                }
            }
        }
    }
}

/// Each alternative of the one with each of the other.
fn both(
    a: Content,
    b: Content,
    mut children: impl FnMut(PatternId, PatternId) -> PatternId,
) -> Content {
    let mut all = Content::default();
    all.add_attributes(&a.attributes);
    all.add_attributes(&b.attributes);
    for of_a in &a.alternatives {
        for of_b in &b.alternatives {
            let mut attributes = of_a.attributes.clone();
            attributes.extend(&of_b.attributes);
            all.alternatives.push(Alternative {
                attributes,
                children: children(of_a.children, of_b.children),
            });
        }
    }
    all
}

/// The alternatives of both; those with the same attributes become one.
fn choice(arena: &mut Arena, a: Content, b: Content) -> Content {
    let mut all = a;
    all.add_attributes(&b.attributes);
    for of_b in b.alternatives {
        let mut known = all.alternatives.iter_mut();
        match known.find(|known| known.attributes == of_b.attributes) {
            Some(known) => known.children = arena.choice(known.children, of_b.children),
            None => all.alternatives.push(of_b),
        }
    }
    all
}
