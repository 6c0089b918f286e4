//! Where does a resource's option go, and where is it found?

use lockstep_engine::parse::{Document, ElementId};

use super::child_or_new;

#[cfg(test)]
mod tests;

/// The `nvpair`s of a resource's own options with that name, those of what is in it not counted.
fn pairs(cib: &Document, resource: ElementId, name: &str) -> Vec<ElementId> {
    let sets = cib.children_named(resource, "meta_attributes");
    let pairs = sets.flat_map(|set| cib.children_named(set, "nvpair"));
    pairs
        .filter(|pair| cib.attr(*pair, "name") == Some(name))
        .collect()
}

/// The value of a resource's own option, as it is written first.
pub fn get<'c>(cib: &'c Document, resource: ElementId, name: &str) -> Option<&'c str> {
    pairs(cib, resource, name)
        .into_iter()
        .find_map(|pair| cib.attr(pair, "value"))
}

/// Sets a resource's own option, where it is set already or else in its first set without a rule.
pub fn set(cib: &mut Document, resource: ElementId, name: &str, value: &str) {
    let found = pairs(cib, resource, name);
    if !found.is_empty() {
        for pair in found {
            cib.set_attr(pair, "value", value);
        }
        return;
    }
    let id = cib.id(resource).unwrap_or_default().to_owned();
    let plain = cib
        .children_named(resource, "meta_attributes")
        .find(|set| cib.child(*set, "rule").is_none() && cib.attr(*set, "id-ref").is_none());
    let set = plain.unwrap_or_else(|| {
        let set = first_of_its_kind(cib, resource);
        cib.set_attr(set, "id", &format!("{id}-meta_attributes"));
        set
    });
    let set_id = cib.id(set).unwrap_or_default().to_owned();
    let pair = cib.append(set, "nvpair");
    cib.set_attr(pair, "id", &format!("{set_id}-{name}"));
    cib.set_attr(pair, "name", name);
    cib.set_attr(pair, "value", value);
}

/// A new set of options. The schema lets them stand between other elements of a primitive, but in a
/// collective they must come before what is in it.
fn first_of_its_kind(cib: &mut Document, resource: ElementId) -> ElementId {
    let first_inside = cib.children(resource).find(|e| super::is_resource(cib, *e));
    match first_inside {
        Some(inside) if cib.name(resource) != "bundle" => {
            cib.insert_before(inside, "meta_attributes")
        }
        _ => child_or_new(cib, resource, "meta_attributes"),
    }
}

/// Removes a resource's own option; returns whether it was there. Sets that are left empty go too.
pub fn remove(cib: &mut Document, resource: ElementId, name: &str) -> bool {
    let found = pairs(cib, resource, name);
    for pair in &found {
        let set = cib.parent(*pair);
        cib.remove(*pair);
        if let Some(set) = set.filter(|set| cib.first_child(*set).is_none()) {
            cib.remove(set);
        }
    }
    !found.is_empty()
}
