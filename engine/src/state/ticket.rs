//! Which tickets does the cluster have?

use super::Ticket;
use super::history::integer;
use crate::parse::{Document, ElementId, names};
use crate::value;

/// Reads the ticket states below `section` into `tickets`, which stay sorted by name. A ticket that
/// is there already gets the attributes in addition.
pub(super) fn read(document: &Document, section: ElementId, tickets: &mut Vec<Ticket>) {
    for element in document.children_by(section, names::TICKET_STATE) {
        let Some(id) = document.id(element).filter(|id| !id.is_empty()) else {
            continue;
        };
        let position = tickets.binary_search_by(|ticket| ticket.id.as_str().cmp(id));
        let position = position.unwrap_or_else(|position| {
            tickets.insert(position, Ticket::new(id));
            position
        });
        let ticket = &mut tickets[position];
        let attributes = document.attrs(element).filter(|(name, _)| *name != "id");
        ticket
            .attributes
            .extend(attributes.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let attribute = |name: &str| ticket.attributes.get(name).map(String::as_str);
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
            attributes: std::collections::BTreeMap::new(),
        }
    }
}
