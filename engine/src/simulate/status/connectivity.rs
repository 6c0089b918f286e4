//! How well should a node be connected? A ping resource writes a node attribute; its parameters say
//! how high that is if every host answers.

use super::View;
use crate::config::Evaluation;
use crate::id::NodeId;
use crate::value;

/// The attribute that a ping resource writes, if it does not say which.
const DEFAULT_NAME: &str = "pingd";

impl View<'_> {
    /// What is wrong with the connectivity that an attribute shows, to be added to its value.
    pub(super) fn connectivity_text(&self, node: NodeId, attribute: &str, text: &str) -> String {
        let Some(expected) = self.expected_connectivity(node, attribute) else {
            return String::new();
        };
        match i64::from(value::min_integer(Some(text), i32::MIN)) {
            lost if lost <= 0 => "\t: Connectivity is lost".to_owned(),
            few if few < expected => {
                format!("\t: Connectivity is degraded (Expected={expected})")
            }
            _ => String::new(),
        }
    }

    /// What an attribute's value would be if all hosts answered; none if no ping resource that is
    /// active on the node writes it.
    pub(super) fn expected_connectivity(&self, node: NodeId, attribute: &str) -> Option<i64> {
        let mut evaluation = Evaluation::new(self.document, self.now);
        let here = &self.state.node[node].attributes;
        let active = self.state.resources.enumerate();
        let active = active.filter(|(id, _)| self.state.resource[*id].active_on.contains(&node));
        for (_, resource) in active {
            let is_ping = resource
                .agent()
                .is_some_and(|agent| ["ping", "pingd"].contains(&&*agent.agent.to_lowercase()));
            if !is_ping {
                continue;
            }
            let parameters = resource.parameters_on(&mut evaluation, Some(here));
            let text = |name: &str| parameters.get(name).map(AsRef::as_ref);
            let name = text("name").unwrap_or(DEFAULT_NAME);
            if !name.eq_ignore_ascii_case(attribute) {
                continue;
            }
            let hosts = text("host_list").filter(|hosts| !hosts.is_empty());
            let hosts = hosts.map_or(0, |hosts| hosts.split(' ').count());
            let multiplier = text("multiplier").and_then(value::integer).unwrap_or(1);
            let hosts = i64::try_from(hosts).unwrap_or(i64::MAX);
            return Some(hosts.saturating_mul(multiplier));
        }
        None
    }
}
