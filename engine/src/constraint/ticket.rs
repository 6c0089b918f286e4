//! `rsc_ticket`: which resources depend on a ticket that only one of several sites has.

use super::set::{Set, Shape, Side};
use super::{Ignored, LossPolicy, LostNode, Reader, TicketConstraint};
use crate::config::Role;
use crate::id::ResourceId;
use crate::parse::{ElementId, names};

/// A ticket as far as constraints depend on it. One that the status does not know is not granted.
#[derive(Clone, Copy)]
struct Ticket<'t> {
    id: &'t str,
    granted: bool,
    standby: bool,
}

pub(super) fn read(reader: &mut Reader<'_>, element: ElementId, id: &str) {
    let Some(name) = reader.text(element, names::TICKET) else {
        reader.error(
            element,
            format!("Ignoring constraint '{id}' without ticket"),
        );
        return;
    };
    let tickets = &reader.state.tickets;
    let known = tickets.binary_search_by(|ticket| ticket.id.as_str().cmp(name));
    let known = known.ok().map(|position| &tickets[position]);
    let ticket = Ticket {
        id: name,
        granted: known.is_some_and(|ticket| ticket.granted),
        standby: known.is_some_and(|ticket| ticket.standby),
    };
    let sides = [Side {
        name: names::RSC,
        detail: names::RSC_ROLE,
    }];
    match reader.shape(element, id, &sides) {
        None => {}
        Some(Shape::Simple) => {
            let Some(name) = reader.text(element, names::RSC) else {
                reader.error(
                    element,
                    format!("Ignoring constraint '{id}' without resource"),
                );
                return;
            };
            // That the resource exists has been seen when the shape was determined.
            if let Some(resource) = reader.lookup.resource(name) {
                let role = reader.text(element, names::RSC_ROLE);
                reader.depend(element, id, resource, ticket, role);
            }
        }
        Some(Shape::Sets(sets)) => {
            for set in &sets {
                if reader.set_depends(element, set, ticket).is_err() {
                    return;
                }
            }
        }
    }
}

impl Reader<'_> {
    fn set_depends(
        &mut self,
        element: ElementId,
        set: &Set<'_>,
        ticket: Ticket<'_>,
    ) -> Result<(), Ignored> {
        let Some(id) = set.id else {
            self.error(element, "Ignoring <resource_set> without id");
            return Err(Ignored);
        };
        for name in &set.members {
            let resource = self.member(element, set, name).ok_or(Ignored)?;
            self.depend(element, id, resource, ticket, set.role);
        }
        Ok(())
    }

    fn depend(
        &mut self,
        element: ElementId,
        id: &str,
        resource: ResourceId,
        ticket: Ticket<'_>,
        role: Option<&str>,
    ) {
        let Ok(role) = self.role(element, id, role) else {
            return;
        };
        let loss_policy = self.loss_policy(element, ticket, role);
        // There cannot be as many constraints as would not fit: each is an element.
        let index = self.made.tickets.len() as u32;
        self.made.tickets.push(TicketConstraint {
            id: id.to_owned(),
            resource,
            satisfied: ticket.granted && !ticket.standby,
            ticket_id: ticket.id.to_owned(),
            role,
            loss_policy,
        });
        if !ticket.granted || ticket.standby {
            self.lose(resource, ticket, role, loss_policy, index);
        }
    }

    fn loss_policy(
        &mut self,
        element: ElementId,
        ticket: Ticket<'_>,
        role: Option<Role>,
    ) -> LossPolicy {
        let text = self.text(element, names::LOSS_POLICY).unwrap_or_default();
        match text.to_ascii_lowercase().as_str() {
            "fence" if self.config.options.fencing_enabled => LossPolicy::Fence,
            "fence" => {
                let id = ticket.id;
                let message = format!(
                    "Resetting 'loss-policy' for ticket '{id}' to 'stop' because fencing is not \
                     configured"
                );
                self.error_at(element, names::LOSS_POLICY, message);
                LossPolicy::Stop
            }
            "freeze" => LossPolicy::Freeze,
            "demote" => LossPolicy::Demote,
            "stop" => LossPolicy::Stop,
            _ if role == Some(Role::Promoted) => LossPolicy::Demote,
            _ => LossPolicy::Stop,
        }
    }

    /// What a ticket that is missing or in standby means for a resource and all in it.
    fn lose(
        &mut self,
        resource: ResourceId,
        ticket: Ticket<'_>,
        role: Option<Role>,
        policy: LossPolicy,
        index: u32,
    ) {
        let state = self.state;
        let children = &state.resources[resource].children;
        if !children.is_empty() {
            for &child in children {
                self.lose(child, ticket, role, policy, index);
            }
            return;
        }
        let observed = &state.resource[resource];
        let active = !observed.active_on.is_empty();
        let role_matches = role.is_none_or(|role| role == observed.role);
        // Without the ticket nothing is promoted, which is seen to when roles are chosen.
        let only_promoted = role == Some(Role::Promoted);
        let banned = match policy {
            LossPolicy::Stop => true,
            LossPolicy::Fence if !ticket.granted && active => role_matches,
            LossPolicy::Freeze if !ticket.granted && active => false,
            _ => !only_promoted,
        };
        if banned {
            self.made.banned.push((resource, index));
        }
        if ticket.granted || !active || !role_matches {
            return;
        }
        match policy {
            LossPolicy::Fence => {
                let (reason, after) = ("deadman ticket was lost", self.made.requests.len());
                let lost = |&node| LostNode {
                    node,
                    reason,
                    after,
                };
                self.made.fence.extend(observed.active_on.iter().map(lost));
            }
            LossPolicy::Freeze => self.made.frozen.push(resource),
            LossPolicy::Stop | LossPolicy::Demote => {}
        }
    }
}
