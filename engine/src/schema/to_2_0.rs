//! 1.3 → 2.0: access control lists name users and permissions differently.

use super::upgrade::TooBig;
use crate::parse::{Document, ElementId, Name, names};

const PERMISSIONS: [Name; 3] = [names::READ, names::WRITE, names::DENY];

/// Rewrites a document that follows the rules of 1.3.
pub(super) fn rewrite(document: &mut Document, notes: &mut Vec<String>) -> Result<(), TooBig> {
    let all: Vec<ElementId> = document.subtree(document.root()).collect();
    for &e in all
        .iter()
        .filter(|&&e| document.is(e, names::ACL_USER))
        .collect::<Vec<_>>()
    {
        rewrite_user(document, e);
    }
    for e in all {
        if document.is(e, names::ROLE_REF) {
            document.rename(e, "role");
        } else if PERMISSIONS.contains(&document.name_of(e)) {
            rewrite_permission(document, e, notes);
        }
    }
    Ok(())
}

/// A user with permissions of its own gets a role that has them.
fn rewrite_user(document: &mut Document, user: ElementId) {
    document.rename(user, "acl_target");
    let children: Vec<ElementId> = document.children(user).collect();
    let has_permissions = children
        .iter()
        .any(|&c| PERMISSIONS.contains(&document.name_of(c)));
    if !has_permissions {
        return;
    }
    let id = format!("auto-{}", document.id(user).unwrap_or_default());
    let Some(parent) = document.parent(user) else {
        return;
    };
    let role = match document.next_sibling(user) {
        Some(next) => document.insert_before(next, "acl_role"),
        None => document.append(parent, "acl_role"),
    };
    document.set_attr_by(role, names::ID, &id);
    for child in children {
        document.move_to(child, role);
    }
    let reference = document.append(user, "role");
    document.set_attr_by(reference, names::ID, &id);
}

fn rewrite_permission(document: &mut Document, e: ElementId, notes: &mut Vec<String>) {
    let kind = document.name(e).to_owned();
    let old: Vec<(String, String)> = document
        .attrs(e)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let get = |wanted: &str| {
        old.iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    for (name, _) in &old {
        if let Some(name) = document.find_name(name) {
            document.remove_attr(e, name);
        }
    }
    document.rename(e, "acl_permission");
    if let Some(id) = get("id") {
        document.set_attr_by(e, names::ID, id);
    }
    document.set_attr(e, "kind", &kind);
    let attribute = get("attribute");
    if let Some(reference) = get("ref") {
        document.set_attr(e, "reference", reference);
        if attribute.is_some() {
            notes.push(format!(
                "Ignoring the attribute of access permission {}, which has a reference",
                get("id").unwrap_or_default()
            ));
        }
    } else if let Some(tag) = get("tag") {
        document.set_attr(e, "object-type", tag);
        if let Some(attribute) = attribute {
            document.set_attr(e, "attribute", attribute);
        }
    } else if let Some(xpath) = get("xpath") {
        let suffix = attribute
            .map(|attribute| format!("[@{attribute}]"))
            .unwrap_or_default();
        document.set_attr(e, "xpath", &format!("{xpath}{suffix}"));
    }
}
