//! Which tickets are there, and which resources are kept off which nodes? As programs read it.

use std::collections::BTreeMap;

use super::View;
use super::xml::{Writer, yes_no};
use crate::Cluster;
use crate::config::Role;
use crate::constraint::{self, Constraints};
use crate::parse::{Document, ElementId};
use crate::state::Ticket;
use crate::time::{Timestamp, Zone};

/// Reads the constraints, and shows in the state what lost tickets do to it.
pub(super) fn apply(cib: &Document, cluster: &mut Cluster, now: Timestamp) -> Constraints {
    let constraints = constraint::unpack(cib, &cluster.config, &cluster.state, now);
    for lost in &constraints.fence {
        cluster.state.node[lost.node].unclean = true;
    }
    for &frozen in &constraints.frozen {
        let observed = &mut cluster.state.resource[frozen];
        (observed.managed, observed.blocked) = (false, true);
    }
    constraints
}

impl View<'_> {
    /// All tickets, also those that only constraints know.
    pub(super) fn tickets_xml(
        &self,
        out: &mut Writer<'_>,
        root: ElementId,
        constraints: &Constraints,
        zone: &Zone,
    ) {
        let named = constraints.tickets.iter();
        let named = named.map(|constraint| (constraint.ticket_id.as_str(), None));
        let known = self.state.tickets.iter();
        let known = known.map(|ticket| (ticket.id.as_str(), Some(ticket)));
        let tickets: BTreeMap<&str, Option<&Ticket>> = named.chain(known).collect();
        if tickets.is_empty() {
            return;
        }
        let section = out.add(root, "tickets", &[]);
        for (id, ticket) in tickets {
            let is = |what: fn(&Ticket) -> bool| ticket.is_some_and(what);
            let status = match is(|ticket| ticket.granted) {
                true => "granted",
                false => "revoked",
            };
            let standby = yes_no(is(|ticket| ticket.standby));
            let attributes = [("id", id), ("status", status), ("standby", standby)];
            let e = out.add(section, "ticket", &attributes);
            let Some(ticket) = ticket else {
                continue;
            };
            if ticket.last_granted > -1 {
                out.set(e, "last-granted", &zone.ctime(ticket.last_granted));
            }
            let told = ["last-granted", "expires"];
            for (name, value) in &ticket.attributes {
                if !told.contains(&&**name) {
                    out.set(e, name, value);
                }
            }
        }
    }

    /// Locations with a negative score, the latest first, and their nodes likewise. What the nodes'
    /// health keeps away is nobody's constraint.
    pub(super) fn bans_xml(&self, out: &mut Writer<'_>, root: ElementId, of: &Constraints) {
        let mut section = None;
        let health = self.config.options.health_strategy.name();
        let locations = of.locations.iter().rev();
        for location in locations.filter(|location| location.id != health) {
            let promoted_only = yes_no(location.role == Some(Role::Promoted));
            let resource = &self.state.resources[location.resource].id;
            for (node, score) in location.nodes.iter().rev() {
                if score.value() >= 0 {
                    continue;
                }
                let section = *section.get_or_insert_with(|| out.add(root, "bans", &[]));
                let attributes = [
                    ("id", location.id.as_str()),
                    ("resource", resource),
                    ("node", self.name(*node)),
                    ("weight", &score.value().to_string()),
                    ("promoted-only", promoted_only),
                    ("master_only", promoted_only),
                ];
                out.add(section, "ban", &attributes);
            }
        }
    }
}
