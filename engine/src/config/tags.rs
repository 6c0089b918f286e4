//! Which ids do tags and templates stand for?

use super::Tags;
use crate::Diagnostic;
use crate::parse::{Document, names};

impl Tags {
    /// Records a template that exists, with a user if there is one.
    pub(super) fn add_template(&mut self, template: &str, user: Option<&str>) {
        let users = self.templates.entry(template.to_owned()).or_default();
        if let Some(user) = user {
            add_once(users, user);
        }
    }

    /// Adds what the `tags` section says (if there is exactly one).
    pub(super) fn read(&mut self, document: &Document, messages: &mut Vec<Diagnostic>) {
        let Some(section) = document.only(names::TAGS) else {
            return;
        };
        for tag in document.children_by(section, names::TAG) {
            let Some(id) = document.id(tag) else {
                messages.push(Diagnostic::error(tag, "tag without id is ignored"));
                continue;
            };
            for reference in document.children_by(tag, names::OBJ_REF) {
                let Some(referenced) = document.id(reference) else {
                    messages.push(Diagnostic::error(
                        reference,
                        format!("a reference without id in tag {id} is ignored"),
                    ));
                    continue;
                };
                add_once(self.tags.entry(id.to_owned()).or_default(), referenced);
            }
        }
    }
}

fn add_once(list: &mut Vec<String>, id: &str) {
    if !list.iter().any(|known| known == id) {
        list.push(id.to_owned());
    }
}
