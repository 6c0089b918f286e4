//! Which ids do tags and templates stand for?

use std::collections::BTreeSet;

use super::Tags;
use crate::Diagnostic;
use crate::parse::{Document, names};

impl Tags {
    /// Records a template that exists, with a user if there is one.
    pub(super) fn add_template(&mut self, template: &str, user: Option<&str>) {
        let users = self.templates.entry(template.to_owned()).or_default();
        users.extend(user.map(str::to_owned));
    }

    /// Adds what the `tags` section says (if there is exactly one).
    pub(super) fn read(&mut self, document: &Document, messages: &mut Vec<Diagnostic>) {
        let Some(section) = document.only(names::TAGS) else {
            return;
        };
        let mut seen = BTreeSet::new();
        for tag in document.children_by(section, names::TAG) {
            let Some(id) = document.id(tag) else {
                messages.push(Diagnostic::error(tag, "Ignoring <tag> without id"));
                continue;
            };
            for reference in document.children_by(tag, names::OBJ_REF) {
                let Some(referenced) = document.id(reference) else {
                    messages.push(Diagnostic::error(
                        reference,
                        format!("Ignoring <obj_ref> for tag '{id}' without id"),
                    ));
                    continue;
                };
                if seen.insert((id, referenced)) {
                    let references = self.tags.entry(id.to_owned()).or_default();
                    references.push(referenced.to_owned());
                }
            }
        }
    }
}
