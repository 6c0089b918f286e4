//! What does a change of a ticket mean for the status?
//!
//! Tickets live in `status/tickets`, one `ticket_state` each, with the attributes that
//! Pacemaker's `crm_ticket` writes.

use lockstep_engine::parse::{Document, ElementId};

use super::command::TicketChange;
use super::status;

fn find(cib: &Document, ticket: &str) -> Option<ElementId> {
    let tickets = cib.child(cib.child(cib.root(), "status")?, "tickets")?;
    cib.children_named(tickets, "ticket_state")
        .find(|e| cib.id(*e) == Some(ticket))
}

fn find_or_new(cib: &mut Document, ticket: &str) -> ElementId {
    if let Some(found) = find(cib, ticket) {
        return found;
    }
    let root = cib.root();
    let status = status::child_or_new(cib, root, "status");
    let tickets = status::child_or_new(cib, status, "tickets");
    let new = cib.append(tickets, "ticket_state");
    cib.set_attr(new, "id", ticket);
    new
}

/// Whether there is such a ticket: in the status, or because a constraint depends on it.
pub(super) fn is_known(cib: &Document, ticket: &str) -> bool {
    let configuration = cib.child(cib.root(), "configuration");
    let constraints = configuration.and_then(|e| cib.child(e, "constraints"));
    let mut depend = constraints
        .into_iter()
        .flat_map(|e| cib.children_named(e, "rsc_ticket"));
    find(cib, ticket).is_some() || depend.any(|e| cib.attr(e, "ticket") == Some(ticket))
}

/// Makes a change at a time; returns whether it was one.
pub(super) fn change(cib: &mut Document, ticket: &str, change: &TicketChange, at: i64) -> bool {
    let (name, value) = match change {
        TicketChange::Grant => ("granted", Some("true")),
        TicketChange::Revoke => ("granted", Some("false")),
        TicketChange::Standby(true) => ("standby", Some("true")),
        TicketChange::Standby(false) => ("standby", Some("false")),
        TicketChange::Attribute { name, value } => (name.as_str(), value.as_deref()),
        TicketChange::Remove => {
            let found = find(cib, ticket);
            if let Some(found) = found {
                cib.remove(found);
            }
            return found.is_some();
        }
    };
    let present = find(cib, ticket).and_then(|state| cib.attr(state, name));
    if present == value {
        return false;
    }
    let state = find_or_new(cib, ticket);
    match value {
        Some(value) => cib.set_attr(state, name, value),
        None => {
            if let Some(name) = cib.find_name(name) {
                cib.remove_attr(state, name);
            }
        }
    }
    if (name, value) == ("granted", Some("true")) {
        cib.set_attr(state, "last-granted", &at.to_string());
    }
    true
}

/// A change in words, as what happened to the ticket.
pub(super) fn told(change: &TicketChange) -> String {
    match change {
        TicketChange::Grant => "is granted".into(),
        TicketChange::Revoke => "is revoked".into(),
        TicketChange::Standby(true) => "is standby".into(),
        TicketChange::Standby(false) => "is active".into(),
        TicketChange::Attribute {
            name,
            value: Some(value),
        } => format!("has {name}={value}"),
        TicketChange::Attribute { name, value: None } => format!("has no {name} any more"),
        TicketChange::Remove => "is removed".into(),
    }
}
