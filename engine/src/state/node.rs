//! Is a cluster node in the cluster, and if not, is that all right?
//!
//! Remote and guest nodes are up when their connections are: see `remote`.

use super::builder::Builder;
use super::history::integer;
use crate::config::{self, NoQuorumPolicy, NodeSets, Overwrite};
use crate::id::NodeId;
use crate::parse::{ElementId, names};
use crate::value::{self, Score};
use crate::{Diagnostic, Severity};

/// Whether a node belongs to the cluster at the membership layer (`in_ccm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    /// Nothing (valid) is recorded.
    Unknown,
    Left,
    Member {
        /// Seconds since the epoch.
        since: i64,
    },
}

/// How far a node has come in joining the controllers (`join`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    Member,
    Pending,
    Down,
    Banned,
    Other,
}

/// What judging a node depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
struct Facts {
    membership: Membership,
    /// Its controller is connected (`crmd`).
    controller: bool,
    join: Join,
    /// Nobody expects it to be up (`expected` is down, or not recorded).
    expected_down: bool,
    /// It is shutting down by request.
    shutdown: bool,
    /// Someone has asked to fence it.
    terminate: bool,
    /// Its controller should have connected by now.
    overdue: bool,
}

impl Facts {
    fn is_member(&self) -> bool {
        matches!(self.membership, Membership::Member { .. })
    }
}

/// What is to be made of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// All right as it is, up or down.
    Fine,
    /// On its way up: nothing runs there yet.
    Pending,
    /// Needs fencing.
    Fence(&'static str),
    /// Needs fencing, with the delay that protects the more important half of the cluster.
    FenceLost(&'static str),
}

type Condition = fn(&Facts) -> bool;

/// Facts → judgement where fencing is enabled. The first row whose condition holds counts; the last
/// one always does.
const ROWS: &[(Condition, Judgement)] = {
    use Judgement::{Fence, FenceLost, Fine, Pending};
    &[
        // A node that is shutting down may leave the membership before its controller is gone.
        (|node| node.shutdown, Fine),
        (
            |node| node.membership == Membership::Unknown,
            Fence("peer has not been seen by the cluster"),
        ),
        (
            |node| node.join == Join::Banned,
            Fence("peer failed Pacemaker membership criteria"),
        ),
        (
            |node| {
                node.terminate && !node.is_member() && !node.controller && node.join == Join::Down
            },
            Fine,
        ),
        (|node| node.terminate, Fence("fencing was requested")),
        (
            |node| node.expected_down && node.overdue,
            Fence("peer pending timed out on joining the process group"),
        ),
        (
            |node| node.expected_down && (node.is_member() || node.controller),
            Pending,
        ),
        (|node| node.expected_down, Fine),
        (
            |node| !node.is_member(),
            FenceLost("peer is no longer part of the cluster"),
        ),
        (
            |node| !node.controller,
            Fence("peer process is no longer available"),
        ),
        (|node| node.join == Join::Member, Fine),
        (
            |node| matches!(node.join, Join::Pending | Join::Down),
            Pending,
        ),
        (|_| true, Fence("peer was in an unknown state")),
    ]
};

/// Judges a node where fencing is enabled, and says whether it is up (it may be, unclean or not).
fn judge_with_fencing(facts: &Facts) -> (Judgement, bool) {
    let row = ROWS.iter().find(|(holds, _)| holds(facts));
    let judgement = row.map_or(Judgement::Fine, |row| row.1);
    let online = if facts.shutdown {
        facts.controller
    } else {
        facts.is_member()
    };
    (judgement, online)
}

/// Judges a node where fencing is disabled.
fn judge_without_fencing(facts: &Facts, expected_up: bool) -> (Judgement, bool) {
    let online = facts.is_member() && facts.controller && facts.join == Join::Member;
    if facts.is_member() && !facts.controller && expected_up {
        (Judgement::Fence("peer is unexpectedly down"), online)
    } else {
        (Judgement::Fine, online)
    }
}

impl Builder<'_> {
    /// Reads a `node_state`, but for its history.
    pub(super) fn read_node_state(&mut self, element: ElementId) {
        let document = self.document;
        let Some(id) = document.id(element) else {
            self.malformed(element, "Ignoring invalid node_state entry without id");
            return;
        };
        let name = document.attr_by(element, names::UNAME);
        let Some(node) = self.node_names.find(id, name) else {
            let message = "state of a node that is not configured is ignored";
            self.say(Severity::Notice, Some(element), message);
            return;
        };
        self.state.node[node].element.get_or_insert(element);
        if self.is_remote_or_guest(node) {
            let fenced = document.attr_by(element, names::NODE_FENCED);
            self.state.node[node].remote_fenced = value::min_integer(fenced, 0) != 0;
            return;
        }
        self.read_transient_attributes(node, element);
        let state = &mut self.state.node[node];
        state.standby |= is_set(&self.state.nodes[node], "standby");
        state.maintenance |= is_set(&self.state.nodes[node], "maintenance");
        self.report_discovery(node);
        let state = &mut self.state.node[node];
        // It was seen in this life of the cluster, so until shown otherwise it is clean.
        (state.unclean, state.seen) = (false, true);
        self.read_membership(node, element);
        let fences = self.config.options.no_quorum_policy == NoQuorumPolicy::Fence;
        if fences && !self.config.options.quorate && self.state.node[node].online {
            self.fence(node, "cluster does not have quorum", false);
        }
    }

    /// Reads the attributes that last as long as a node is up.
    pub(super) fn read_transient_attributes(&mut self, node: NodeId, state: ElementId) {
        let options = &self.config.options;
        let is_dc = self.is_dc(node);
        let element = self.document.child_by(state, names::TRANSIENT_ATTRIBUTES);
        let read = |element| NodeSets::read(self.document, &self.config.ids, element);
        let sets = element.map(read).unwrap_or_default();
        let entry = &mut self.state.nodes[node];
        let evaluation = &mut self.evaluation;
        config::add_attributes(entry, &sets, is_dc, Overwrite::Yes, options, evaluation);
    }

    /// Cluster nodes are always probed.
    fn report_discovery(&mut self, node: NodeId) {
        let entry = &self.state.nodes[node];
        if is_disabled(entry) {
            let message = format!(
                "Ignoring {DISCOVERY} attribute for {} because disabling resource discovery is \
                 not allowed for cluster nodes",
                entry.name
            );
            let message = Diagnostic::warning(entry.element, message);
            self.evaluation.messages.push(message);
        }
    }

    pub(super) fn report_discovery_of_remote(&mut self, node: NodeId, ignored: bool) {
        let entry = &self.state.nodes[node];
        let message = format!(
            "Support for the {DISCOVERY} node attribute is deprecated and will be removed (and \
             behave as 'true') in a future release."
        );
        let message = Diagnostic::warning(entry.element, message).once(DISCOVERY);
        self.evaluation.messages.push(message);
        if ignored {
            let message = format!(
                "Ignoring {DISCOVERY} attribute on Pacemaker Remote node {} because fencing is \
                 disabled",
                entry.name
            );
            let message = Diagnostic::warning(entry.element, message);
            self.evaluation.messages.push(message);
        }
    }

    fn is_dc(&mut self, node: NodeId) -> bool {
        let dc = self.config.options.dc_uuid.as_deref();
        let matches = dc.is_some_and(|dc| dc.eq_ignore_ascii_case(&self.state.nodes[node].id));
        if self.state.dc.is_none() && matches {
            self.state.dc = Some(node);
        }
        self.state.dc == Some(node)
    }

    fn read_membership(&mut self, node: NodeId, element: ElementId) {
        let attribute = |name| self.document.attr_by(element, name);
        let expected = attribute(names::EXPECTED);
        let entry = &self.state.nodes[node];
        let shutdown = is_shutting_down(entry);
        let expected_up =
            !shutdown && expected.is_some_and(|expected| expected.eq_ignore_ascii_case("member"));
        let membership = membership(attribute(names::IN_CCM), self.now);
        let controller = is_connected(attribute(names::CRMD));
        let mut facts = Facts {
            membership,
            controller,
            join: join(attribute(names::JOIN)),
            expected_down: expected.is_none_or(|expected| expected == "down"),
            shutdown,
            terminate: is_termination_requested(entry),
            overdue: false,
        };
        let (judgement, online) = if self.config.options.fencing_enabled {
            facts.overdue = self.is_overdue(&facts);
            judge_with_fencing(&facts)
        } else {
            judge_without_fencing(&facts, expected_up)
        };
        let state = &mut self.state.node[node];
        state.shutdown = shutdown;
        state.expected_up |= expected_up;
        match judgement {
            Judgement::Fine => {}
            Judgement::Pending => (state.standby, state.pending) = (true, true),
            Judgement::Fence(reason) => self.fence(node, reason, false),
            Judgement::FenceLost(reason) => self.fence(node, reason, true),
        }
        self.state.node[node].online |= online;
        if !online || shutdown {
            self.state.nodes[node].base_score = Score::MINUS_INFINITY;
        }
    }

    /// Whether a node's controller should have connected by now. Before that, notes when.
    fn is_overdue(&mut self, facts: &Facts) -> bool {
        let timeout_ms = self.config.options.node_pending_timeout_ms;
        let Membership::Member { since } = facts.membership else {
            return false;
        };
        let earlier_row = facts.shutdown || facts.join == Join::Banned || facts.terminate;
        if timeout_ms <= 0 || facts.controller || earlier_row || !facts.expected_down {
            return false;
        }
        let timeout = value::ms_to_s(u32::try_from(timeout_ms).unwrap_or(u32::MAX));
        let deadline = since.saturating_add(i64::from(timeout));
        self.recheck_at(deadline);
        self.now >= deadline
    }
}

/// The node attribute that says whether resources are looked for on a node.
const DISCOVERY: &str = "resource-discovery-enabled";

fn is_disabled(node: &config::Node) -> bool {
    let said = node.attributes.get(DISCOVERY);
    said.is_some_and(|text| !value::is_true(Some(text)))
}

/// Whether a node has an attribute that is true.
pub(super) fn is_set(node: &config::Node, name: &str) -> bool {
    value::is_true(node.attributes.get(name).map(AsRef::as_ref))
}

/// Whether a node was asked to shut down.
pub(super) fn is_shutting_down(node: &config::Node) -> bool {
    node.attributes
        .get("shutdown")
        .is_some_and(|value| &**value != "0")
}

/// Whether someone has asked to fence a node: a boolean, or the time of the request.
fn is_termination_requested(node: &config::Node) -> bool {
    let Some(text) = node.attributes.get("terminate") else {
        return false;
    };
    value::boolean(text).unwrap_or_else(|| integer(text).is_some_and(|time| time > 0))
}

/// `in_ccm`: since when, or (as older controllers recorded it) whether.
fn membership(text: Option<&str>, now: i64) -> Membership {
    let Some(text) = text else {
        return Membership::Unknown;
    };
    match (value::boolean(text), integer(text)) {
        (Some(false), _) | (None, Some(0)) => Membership::Left,
        // A time would be recorded now, so the node has just been seen.
        (Some(true), _) if now > 0 => Membership::Member { since: now },
        (Some(true), _) => Membership::Left,
        (None, Some(since)) if since > 0 => Membership::Member { since },
        (None, _) => Membership::Unknown,
    }
}

/// `crmd`: since when the controller is connected, or (as older controllers recorded it) whether.
fn is_connected(text: Option<&str>) -> bool {
    let Some(text) = text else { return false };
    text.eq_ignore_ascii_case("online")
        || (!text.eq_ignore_ascii_case("offline") && integer(text).is_some_and(|time| time > 0))
}

fn join(text: Option<&str>) -> Join {
    match text {
        Some("member") => Join::Member,
        Some("pending") => Join::Pending,
        Some("down") => Join::Down,
        Some("banned") => Join::Banned,
        _ => Join::Other,
    }
}

#[cfg(test)]
mod tests;
