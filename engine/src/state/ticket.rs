//! Which tickets does the cluster have?

use std::collections::BTreeMap;

use super::Ticket;
use super::history::integer;
use crate::parse::{Document, ElementId, names};
use crate::value;

/// Reads the ticket states below `section` into `tickets`, by name. A ticket that is there already
/// gets the attributes in addition.
pub(super) fn read(
    document: &Document,
    section: ElementId,
    tickets: &mut BTreeMap<String, Ticket>,
) {
    for element in document.children_by(section, names::TICKET_STATE) {
        let Some(id) = document.id(element).filter(|id| !id.is_empty()) else {
            continue;
        };
        let ticket = tickets
            .entry(id.to_owned())
            .or_insert_with(|| Ticket::new(id));
        let attributes = document.attrs(element).filter(|(name, _)| *name != "id");
        ticket
            .attributes
            .extend(attributes.map(|(name, value)| (name.into(), value.into())));
        let attribute = |name: &str| ticket.attributes.get(name).map(AsRef::as_ref);
        ticket.granted = value::is_true(attribute("granted"));
        ticket.standby = value::is_true(attribute("standby"));
        if let Some(text) = attribute("last-granted") {
            ticket.last_granted = integer(text).unwrap_or(0);
        }
    }
}

impl Ticket {
    fn new(id: &str) -> Ticket {
        Ticket {
            id: id.to_owned(),
            granted: false,
            standby: false,
            last_granted: -1,
            attributes: BTreeMap::new(),
        }
    }
}
