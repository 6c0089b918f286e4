//! What defines a resource: an element, an element with its template, or the engine itself?
//!
//! A definition holds everything that does not depend on the instance: all instances of a clone
//! are made from one.

use std::sync::Arc;

use super::blocks::Evaluation;
use super::template::Templates;
use super::{Agent, Attribute, Attributes, Level, Operation, operation};
use crate::Diagnostic;
use crate::nvset::{DEFAULT, NvSets};
use crate::parse::{Document, ElementId, IdIndex, Scope, names};

/// What does not depend on the instance.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) kind: Kind,
    /// The configured id.
    pub(super) id: String,
    pub(super) element: Option<ElementId>,
    /// Class, provider and type; empty for collectives.
    pub(super) agent: Agent,
    /// Meta attributes but for what parents add at the very end.
    pub(super) meta: Attributes,
    /// Where its own meta attributes are, then its ancestors'.
    pub(super) meta_levels: Vec<Level>,
    /// Where its own instance attributes are, then its ancestors'.
    pub(super) parameter_levels: Vec<Level>,
    pub(super) operations: Arc<[Operation]>,
    pub(super) utilization: Vec<(String, i64)>,
    /// Members of a group; the resource inside a clone.
    pub(super) parts: Vec<Definition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Primitive,
    Group,
    Clone,
    Bundle,
}

impl Kind {
    fn from_name(name: &str) -> Option<Kind> {
        match name.to_ascii_lowercase().as_str() {
            "primitive" => Some(Kind::Primitive),
            "group" => Some(Kind::Group),
            "clone" => Some(Kind::Clone),
            "bundle" => Some(Kind::Bundle),
            _ => None,
        }
    }
}

/// What the engine says about a resource that it makes itself.
pub(super) struct Implicit<'a> {
    pub(super) id: String,
    /// Type in class `ocf`, with its provider.
    pub(super) agent: (&'a str, &'a str),
    pub(super) meta: Vec<Attribute>,
    pub(super) parameters: Vec<Attribute>,
    pub(super) operations: Arc<[Operation]>,
}

/// Reads definitions.
pub(super) struct Reader<'r, 'd> {
    pub(super) document: &'d Document,
    pub(super) ids: &'r IdIndex,
    pub(super) evaluation: &'r mut Evaluation<'d>,
    pub(super) templates: &'r Templates,
    pub(super) resource_defaults: &'r NvSets,
}

/// Levels of a definition that its parts inherit.
#[derive(Clone, Copy)]
pub(super) struct Inherited<'a> {
    pub(super) meta: &'a [Level],
    pub(super) parameters: &'a [Level],
}

impl Inherited<'_> {
    pub(super) const NOTHING: Inherited<'static> = Inherited {
        meta: &[],
        parameters: &[],
    };
}

impl Definition {
    pub(super) fn inherited(&self) -> Inherited<'_> {
        Inherited {
            meta: &self.meta_levels,
            parameters: &self.parameter_levels,
        }
    }
}

impl Reader<'_, '_> {
    /// The definition that an element gives; none, with a message, if it gives none.
    pub(super) fn element(
        &mut self,
        element: ElementId,
        inherited: Inherited<'_>,
    ) -> Option<Definition> {
        let document = self.document;
        let name = document.name(element);
        let Some(id) = document.id(element) else {
            self.error(
                element,
                format!("Ignoring <{name}> configuration without id"),
            );
            return None;
        };
        let template = self.template_of(element, id)?;
        let Some(kind) = Kind::from_name(name) else {
            self.error(
                element,
                format!("Ignoring resource '{id}' of unknown type '{name}'"),
            );
            return None;
        };
        // A template's attributes replace the element's, but for its id.
        let source = template.unwrap_or(element);
        let attribute = |name| document.attr_by(source, name);
        let agent = Agent {
            class: attribute(names::CLASS).unwrap_or_default().to_owned(),
            provider: attribute(names::PROVIDER).map(str::to_owned),
            agent: attribute(names::TYPE).unwrap_or_default().to_owned(),
        };
        let parents: Vec<ElementId> = template.into_iter().chain([element]).collect();
        let scope = Scope::within(self.ids, &parents);
        let mut sets = |name| {
            let sets = NvSets::read(document, scope, parents.iter().copied(), name, None);
            self.evaluation.report_faults(&sets);
            sets
        };
        let utilization = sets(names::UTILIZATION);
        let meta_sets = Level::Sets(sets(names::META_ATTRIBUTES).into());
        let parameter_sets = Level::Sets(sets(names::INSTANCE_ATTRIBUTES).into());
        let utilization = self.evaluation.utilization(&utilization);
        let operations = operation::read(document, self.ids, element, template);
        let mut definition = Definition {
            kind,
            id: id.to_owned(),
            element: Some(element),
            agent,
            meta: self.attributes(source, id),
            meta_levels: prepend(meta_sets, inherited.meta),
            parameter_levels: prepend(parameter_sets, inherited.parameters),
            operations,
            utilization,
            parts: Vec::new(),
        };
        self.add_meta(&mut definition);
        definition.parts = self.parts(element, kind, definition.inherited());
        Some(definition)
    }

    /// The definition of a primitive that the engine makes.
    pub(super) fn implicit(
        &mut self,
        implicit: Implicit<'_>,
        inherited: Inherited<'_>,
    ) -> Definition {
        let (provider, agent) = implicit.agent;
        let attribute = |name: &str, value: &str| -> Attribute { (name.into(), value.into()) };
        let meta = Attributes::from([
            attribute("id", &implicit.id),
            attribute("class", "ocf"),
            attribute("provider", provider),
            attribute("type", agent),
        ]);
        let mut definition = Definition {
            kind: Kind::Primitive,
            id: implicit.id,
            element: None,
            agent: Agent {
                class: "ocf".to_owned(),
                provider: Some(provider.to_owned()),
                agent: agent.to_owned(),
            },
            meta,
            meta_levels: prepend(Level::Fixed(implicit.meta.into()), inherited.meta),
            parameter_levels: prepend(
                Level::Fixed(implicit.parameters.into()),
                inherited.parameters,
            ),
            operations: implicit.operations,
            utilization: Vec::new(),
            parts: Vec::new(),
        };
        self.add_meta(&mut definition);
        definition
    }

    /// The definition that a history entry gives for a primitive that is no longer configured.
    pub(super) fn history(
        &mut self,
        element: ElementId,
        id: &str,
        inherited: Inherited<'_>,
    ) -> Definition {
        let text = |name| self.document.attr_by(element, name).map(str::to_owned);
        let nothing = || Level::Fixed(Arc::new([]));
        let mut definition = Definition {
            kind: Kind::Primitive,
            id: id.to_owned(),
            element: None,
            agent: Agent {
                class: text(names::CLASS).unwrap_or_default(),
                provider: text(names::PROVIDER),
                agent: text(names::TYPE).unwrap_or_default(),
            },
            meta: self.attributes(element, id),
            meta_levels: prepend(nothing(), inherited.meta),
            parameter_levels: prepend(nothing(), inherited.parameters),
            operations: Arc::new([]),
            utilization: Vec::new(),
            parts: Vec::new(),
        };
        self.add_meta(&mut definition);
        definition
    }

    /// An element's attributes, with another id.
    fn attributes(&self, element: ElementId, id: &str) -> Attributes {
        let attributes = self.document.attrs(element);
        let mut attributes: Attributes = attributes
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        attributes.insert("id".into(), id.into());
        attributes
    }

    /// The definition of the clone that a bundle implies around its primitive.
    pub(super) fn implicit_clone(
        &mut self,
        id: String,
        meta: Vec<Attribute>,
        primitive: ElementId,
        inherited: Inherited<'_>,
    ) -> Option<Definition> {
        let no_parameters = Level::Fixed(Arc::new([]));
        let mut definition = Definition {
            kind: Kind::Clone,
            meta: Attributes::from([("id".into(), id.as_str().into())]),
            id,
            element: None,
            agent: Agent::default(),
            meta_levels: prepend(Level::Fixed(meta.into()), inherited.meta),
            parameter_levels: prepend(no_parameters, inherited.parameters),
            operations: Arc::new([]),
            utilization: Vec::new(),
            parts: Vec::new(),
        };
        self.add_meta(&mut definition);
        definition
            .parts
            .push(self.element(primitive, definition.inherited())?);
        Some(definition)
    }

    /// The template that an element uses. None if it cannot be used.
    fn template_of(&mut self, element: ElementId, id: &str) -> Option<Option<ElementId>> {
        let Some(name) = self.document.attr(element, "template") else {
            return Some(None);
        };
        if name == id {
            self.error(
                element,
                format!("The resource object '{id}' should not reference itself"),
            );
            return None;
        }
        let found = self.templates.find(name);
        if found.is_none() {
            self.error(element, format!("No template named '{name}'"));
        }
        found.map(Some)
    }

    /// Members of a group, the resource inside a clone; those of bundles depend on its settings.
    fn parts(
        &mut self,
        element: ElementId,
        kind: Kind,
        inherited: Inherited<'_>,
    ) -> Vec<Definition> {
        let document = self.document;
        match kind {
            Kind::Primitive | Kind::Bundle => Vec::new(),
            Kind::Group => document
                .children_by(element, names::PRIMITIVE)
                .filter_map(|member| self.element(member, inherited))
                .collect(),
            Kind::Clone => document
                .children(element)
                .find(|&child| {
                    document.is(child, names::PRIMITIVE) || document.is(child, names::GROUP)
                })
                .and_then(|child| self.element(child, inherited))
                .into_iter()
                .collect(),
        }
    }

    /// Adds to the element's attributes: its own sets, its ancestors' (nearest first), and the
    /// defaults. What ancestors give is gathered apart, because `#default` in it does not
    /// take away what is there.
    fn add_meta(&mut self, definition: &mut Definition) {
        let facts = self.evaluation.meta_facts(Some(&definition.agent), None);
        definition.meta.retain(|_, value| !is_default(value));
        let mut levels = definition.meta_levels.iter();
        if let Some(own) = levels.next() {
            self.evaluation.add_level(own, &facts, &mut definition.meta);
        }
        let mut inherited = Attributes::new();
        for level in levels {
            self.evaluation.add_level(level, &facts, &mut inherited);
        }
        fill(&mut definition.meta, &inherited);
        self.evaluation
            .add(self.resource_defaults, &facts, &mut definition.meta);
    }

    fn error(&mut self, element: ElementId, message: String) {
        self.evaluation
            .messages
            .push(Diagnostic::error(element, message));
    }
}

fn prepend(first: Level, rest: &[Level]) -> Vec<Level> {
    [first].into_iter().chain(rest.iter().cloned()).collect()
}

/// Adds what is missing.
pub(super) fn fill(attributes: &mut Attributes, more: &Attributes) {
    for (name, value) in more {
        if !attributes.contains_key(name) && !is_default(value) {
            attributes.insert(name.clone(), value.clone());
        }
    }
}

fn is_default(value: &str) -> bool {
    value.eq_ignore_ascii_case(DEFAULT)
}
