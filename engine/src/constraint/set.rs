//! Which sets of resources does a constraint have?
//!
//! A set may be written out, may refer to a set elsewhere, may name templates and tags, and a
//! constraint between a template or tag and something else stands for one between sets.

use std::collections::BTreeSet;

use super::Reader;
use super::lookup::Referent;
use crate::Diagnostic;
use crate::id::ResourceId;
use crate::parse::{ElementId, Name, names};

/// A set of resources as a constraint sees it.
#[derive(Clone, Debug)]
pub(super) struct Set<'a> {
    /// Its id; of a set that stands for a template or tag, that one's.
    pub(super) id: Option<&'a str>,
    /// The element; none if it stands for a template, tag or single resource.
    pub(super) element: Option<ElementId>,
    /// `sequential`, if that is said.
    pub(super) sequential: Option<bool>,
    /// `role`.
    pub(super) role: Option<&'a str>,
    /// `action`.
    pub(super) action: Option<&'a str>,
    /// Members by name, templates and tags replaced by what they stand for.
    pub(super) members: Vec<&'a str>,
}

/// A name in a constraint that may stand for several resources.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// The attribute that holds the name.
    pub(super) name: Name,
    /// The attribute that holds the role or the action.
    pub(super) detail: Name,
}

/// The shape of a constraint.
pub(super) enum Shape<'a> {
    /// Names its resources itself.
    Simple,
    /// Consists of sets.
    Sets(Vec<Set<'a>>),
}

/// Tags within tags deeper than this stand for nothing: they may refer to each other in a circle.
const MAX_DEPTH: usize = 16;

/// Tags do not stand for more resources than this, however often they name each other.
const MAX_MEMBERS: usize = 100_000;

impl<'a> Reader<'a> {
    /// The shape of a constraint that may have sets, or name resources in some attributes. None,
    /// with a message, if a name is unknown.
    pub(super) fn shape(
        &mut self,
        constraint: ElementId,
        id: &str,
        sides: &[Side],
    ) -> Option<Shape<'a>> {
        if self
            .document
            .child_by(constraint, names::RESOURCE_SET)
            .is_some()
        {
            return Some(Shape::Sets(self.sets(constraint)));
        }
        self.expanded(constraint, id, sides)
    }

    /// The sets of a constraint, in order. One that refers to nothing ends them, with a message.
    ///
    /// After a reference, Pacemaker goes on with what follows the set referred to.
    fn sets(&mut self, constraint: ElementId) -> Vec<Set<'a>> {
        let expand = self.can_expand(constraint);
        let mut sets: Vec<Set<'a>> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = self.document.child_by(constraint, names::RESOURCE_SET);
        while let Some(written) = next {
            let Some(element) = self.config.ids.resolve(self.document, written) else {
                self.dangling_reference(written);
                return sets;
            };
            if !seen.insert(element) {
                self.error(written, "resource sets refer to each other in a circle");
                return sets;
            }
            let own = expand && self.document.parent(element) == Some(constraint);
            sets.push(self.set(element, own));
            next = std::iter::successors(self.document.next_sibling(element), |&sibling| {
                self.document.next_sibling(sibling)
            })
            .find(|&sibling| self.document.is(sibling, names::RESOURCE_SET));
        }
        sets
    }

    /// Whether names in a constraint's own sets are all known, and those that they stand for as
    /// well. If not, templates and tags in them are not replaced (and so not known either).
    fn can_expand(&mut self, constraint: ElementId) -> bool {
        let document = self.document;
        for set in document.children_by(constraint, names::RESOURCE_SET) {
            for member in document.children_by(set, names::RESOURCE_REF) {
                let name = document.id(member).unwrap_or_default();
                if let Err(unknown) = self.spread(name, 0, &mut Vec::new()) {
                    self.unknown_name(member, names::ID, unknown);
                    let id = document.id(constraint).unwrap_or_default();
                    let message = format!(
                        "Ignoring resource sets for constraint '{id}' because '{unknown}' is not \
                         a valid resource or tag"
                    );
                    self.error_at(member, names::ID, message);
                    return false;
                }
            }
        }
        true
    }

    /// Adds the resources that a name stands for. What a tag refers to may be tags again.
    fn spread(&self, name: &'a str, depth: usize, into: &mut Vec<&'a str>) -> Result<(), &'a str> {
        match self.lookup.referent(name) {
            Some(Referent::Resource) => into.push(name),
            Some(Referent::Several(ids)) if depth < MAX_DEPTH && into.len() < MAX_MEMBERS => {
                for id in ids {
                    self.spread(id, depth + 1, into)?;
                }
            }
            _ => return Err(name),
        }
        Ok(())
    }

    fn set(&self, element: ElementId, expand: bool) -> Set<'a> {
        let mut members = Vec::new();
        for member in self.document.children_by(element, names::RESOURCE_REF) {
            let name = self.document.id(member).unwrap_or_default();
            let known = members.len();
            if !expand || self.spread(name, 0, &mut members).is_err() {
                members.truncate(known);
                members.push(name);
            }
        }
        Set {
            id: self.document.id(element),
            element: Some(element),
            sequential: self.boolean(element, names::SEQUENTIAL),
            role: self.text(element, names::ROLE),
            action: self.text(element, names::ACTION),
            members,
        }
    }

    /// The shape of a constraint without sets of its own. If one name stands for several resources
    /// it becomes a set, and so do the others.
    fn expanded(&mut self, constraint: ElementId, id: &str, sides: &[Side]) -> Option<Shape<'a>> {
        let mut found = Vec::with_capacity(sides.len());
        for side in sides {
            let Some(name) = self.text(constraint, side.name) else {
                return Some(Shape::Simple);
            };
            found.push((name, *side));
        }
        let mut referents = Vec::with_capacity(sides.len());
        for (name, side) in found {
            let Some(referent) = self.lookup.referent(name) else {
                self.unknown_name(constraint, side.name, name);
                let message = format!(
                    "Ignoring constraint '{id}' because '{name}' is not a valid resource or tag"
                );
                self.error_at(constraint, side.name, message);
                return None;
            };
            referents.push((name, side, referent));
        }
        if referents
            .iter()
            .all(|(_, _, referent)| matches!(referent, Referent::Resource))
        {
            return Some(Shape::Simple);
        }
        let sets = referents.into_iter().map(|(name, side, referent)| {
            let detail = self.text(constraint, side.detail);
            let (sequential, members) = match referent {
                Referent::Resource => (None, vec![name]),
                Referent::Several(ids) => (Some(false), ids.iter().map(String::as_str).collect()),
            };
            Set {
                id: Some(name),
                element: None,
                sequential,
                role: detail,
                action: detail,
                members,
            }
        });
        Some(Shape::Sets(sets.collect()))
    }

    /// The resource that a member of a set means. None, with a message, if there is none.
    pub(super) fn member(
        &mut self,
        constraint: ElementId,
        set: &Set<'_>,
        name: &str,
    ) -> Option<ResourceId> {
        let found = self.lookup.resource(name);
        if found.is_none() {
            let set_id = set.id.unwrap_or_default();
            let message = format!("{set_id}: No resource found for {name}");
            self.error(self.place_of_member(constraint, set, name), message);
        }
        found
    }

    /// Where a member of a set is written.
    pub(super) fn place_of_member(
        &self,
        constraint: ElementId,
        set: &Set<'_>,
        name: &str,
    ) -> ElementId {
        let element = set.element.unwrap_or(constraint);
        let mut members = self.document.children_by(element, names::RESOURCE_REF);
        let member = members.find(|&member| self.document.id(member) == Some(name));
        member.unwrap_or(element)
    }

    fn unknown_name(&mut self, element: ElementId, attribute: Name, name: &str) {
        if !self.lookup.is_collection(name) {
            let message = format!("No resource, template, or tag named '{name}'");
            self.evaluation
                .messages
                .push(Diagnostic::warning(element, message).at(attribute));
        }
    }

    /// Notes that an element refers to one that does not exist.
    pub(super) fn dangling_reference(&mut self, element: ElementId) {
        let name = self.document.name(element);
        let id = self.text(element, names::ID_REF).unwrap_or_default();
        let message = format!(
            "Ignoring invalid {name} configuration: id-ref '{id}' does not reference a valid object"
        );
        self.error_at(element, names::ID_REF, message);
    }
}
