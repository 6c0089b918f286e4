//! How are nodes listed?

use super::View;
use crate::config::{HealthStrategy, NodeKind};
use crate::id::NodeId;
use crate::simulate::listing::Listing;
use crate::value::Score;

impl View<'_> {
    /// Lists nodes; false if there are none.
    pub(super) fn write_nodes(&self, listing: &mut Listing) -> bool {
        if self.state.nodes_by_name.is_empty() {
            return false;
        }
        listing.begin("Node List");
        let (mut online, mut offline) = (Vec::new(), Vec::new());
        let (mut remote_online, mut remote_offline) = (Vec::new(), Vec::new());
        let mut guest_online = Vec::new();
        for &node in &self.state.nodes_by_name {
            if self.needs_own_line(node) {
                self.write_node(listing, node);
                continue;
            }
            let kind = self.state.nodes[node].kind;
            let list = match (kind, self.state.node[node].online) {
                (NodeKind::Guest, true) => &mut guest_online,
                (NodeKind::Guest, false) => continue,
                (NodeKind::Remote, true) => &mut remote_online,
                (NodeKind::Remote, false) => &mut remote_offline,
                (NodeKind::Cluster, true) => &mut online,
                (NodeKind::Cluster, false) => &mut offline,
            };
            list.push(node);
        }
        for (title, nodes) in [
            ("Online", online),
            ("OFFLINE", offline),
            ("RemoteOnline", remote_online),
            ("RemoteOFFLINE", remote_offline),
            ("GuestOnline", guest_online),
        ] {
            if !nodes.is_empty() {
                listing.item(format_args!("{title}: {}", self.bracketed(&nodes)));
            }
        }
        listing.end();
        true
    }

    fn needs_own_line(&self, node: NodeId) -> bool {
        let state = &self.state.node[node];
        state.unclean
            || state.pending
            || (state.standby_on_fail && state.online)
            || state.standby
            || state.maintenance
            || self.health(node) <= 0
    }

    fn write_node(&self, listing: &mut Listing, node: NodeId) {
        let kind = match self.state.nodes[node].kind {
            NodeKind::Cluster => "Node",
            NodeKind::Remote => "RemoteNode",
            NodeKind::Guest => "GuestNode",
        };
        let health = match self.health(node) {
            ..0 => " (health is RED)",
            0 => " (health is YELLOW)",
            1.. => "",
        };
        let condition = self.condition(node);
        listing.item(format_args!(
            "{kind} {}: {condition}{health}",
            self.name(node)
        ));
    }

    fn condition(&self, node: NodeId) -> &'static str {
        let state = &self.state.node[node];
        match () {
            () if state.unclean && state.online => "UNCLEAN (online)",
            () if state.unclean && state.pending => "UNCLEAN (pending)",
            () if state.unclean => "UNCLEAN (offline)",
            () if state.pending => "pending",
            () if state.standby_on_fail && state.online => "standby (on-fail)",
            () if state.standby && !state.online => "OFFLINE (standby)",
            () if state.standby && state.running.is_empty() => "standby",
            () if state.standby => "standby (with active resources)",
            () if state.maintenance && state.online => "maintenance",
            () if state.maintenance => "OFFLINE (maintenance)",
            () if state.online => "online",
            () => "OFFLINE",
        }
    }

    /// Above 0: green. 0: yellow. Below: red. The worst of the node's health attributes.
    pub(super) fn health(&self, node: NodeId) -> i32 {
        if self.config.options.health_strategy == HealthStrategy::None {
            return 1;
        }
        let attributes = &self.state.node[node].attributes;
        let health = attributes
            .iter()
            .filter(|(name, _)| name.starts_with("#health"));
        let scores = &self.config.options.health;
        // A number is the color whose score it does not exceed.
        let of_number = |score: Score| match () {
            () if score <= scores.red => -1,
            () if score <= scores.yellow && scores.yellow != scores.green => 0,
            () => 1,
        };
        health
            .map(|(_, value)| match () {
                () if value.eq_ignore_ascii_case("red") => -1,
                () if value.eq_ignore_ascii_case("yellow") => 0,
                () => Score::parse_with(value, scores).map_or(1, of_number),
            })
            .min()
            .unwrap_or(1)
    }

    /// The attributes that are told about a node: those that say something of their own.
    pub(super) fn shown_attributes(&self, node: NodeId) -> impl Iterator<Item = (&str, &str)> {
        const HIDDEN: [&str; 6] = [
            "fail-count",
            "last-failure",
            "shutdown",
            "terminate",
            "standby",
            "#",
        ];
        let all = self.state.node[node].attributes.iter();
        all.filter(|(name, _)| !HIDDEN.iter().any(|prefix| name.starts_with(prefix)))
            .map(|(name, value)| (&**name, &**value))
    }

    pub(super) fn write_attributes(&self, listing: &mut Listing) {
        let shown: Vec<NodeId> = self
            .state
            .nodes_by_name
            .iter()
            .copied()
            .filter(|&node| self.state.node[node].online)
            .filter(|&node| self.shown_attributes(node).next().is_some())
            .collect();
        if shown.is_empty() {
            return;
        }
        listing.spacer();
        listing.begin("Node Attributes");
        for node in shown {
            listing.begin(format_args!("Node: {}", self.name(node)));
            for (name, value) in self.shown_attributes(node) {
                let remark = self.connectivity_text(node, name, value);
                listing.item(format_args!("{name:<32}\t: {value:<10}{remark}"));
            }
            listing.end();
        }
        listing.end();
    }
}
