//! Where is a value written that somebody got wrong? Values lose their places when blocks of them
//! are merged; for a message the place is looked for again.

use crate::parse::{Document, ElementId, Name, names};

/// Where a resource's meta attribute is most likely written: the `nvpair` of that name nearest to
/// its element, else in its template, else among the defaults; if there is none, the element.
pub fn meta_attribute(
    document: &Document,
    resource: Option<ElementId>,
    name: &str,
) -> Option<ElementId> {
    let around = std::iter::successors(resource, |&e| document.parent(e));
    let template = resource
        .and_then(|element| document.attr(element, "template"))
        .and_then(|id| {
            let templates = document.descendants_by(document.root(), names::TEMPLATE);
            templates
                .into_iter()
                .find(|&template| document.id(template) == Some(id))
        });
    around
        .chain(template)
        .chain(document.only(names::RSC_DEFAULTS))
        .find_map(|holder| pair(document, holder, names::META_ATTRIBUTES, name))
        .or(resource)
}

/// The `nvpair` of a name in an element's own blocks.
pub(super) fn pair(
    document: &Document,
    holder: ElementId,
    block: Name,
    name: &str,
) -> Option<ElementId> {
    let blocks = document.children_by(holder, block);
    let mut pairs = blocks.flat_map(|block| document.children_by(block, names::NVPAIR));
    pairs.find(|&pair| document.attr_by(pair, names::NAME) == Some(name))
}
