//! The clause of every reason: no capital, no full stop, to be put after "because" or a colon.

use super::super::{Candidate, NoFencing, NodeVerdict, Operation, Verdict, Why};
use crate::action::OnFail;
use crate::config::{NoQuorumPolicy, Role};
use crate::value::Score;

impl Why {
    /// The failed operation that this is about.
    pub(super) fn failure(&self) -> Option<&Operation> {
        match self {
            Why::Failed { operation, .. }
            | Why::OperationBans { operation }
            | Why::OperationBansEverywhere { operation }
            | Why::StopImpossible { operation } => Some(operation),
            _ => None,
        }
    }
}

/// How many nodes' verdicts a clause lists before it is no help any more.
const NODES_SHOWN: usize = 8;

impl Why {
    /// The reason as a clause.
    #[must_use]
    pub fn text(&self) -> String {
        self.score_text()
            .or_else(|| self.ban_text())
            .or_else(|| self.resource_text())
            .or_else(|| self.node_text())
            .or_else(|| self.need_text())
            .unwrap_or_else(|| self.obstacle_text())
    }

    /// What adds to a score or takes from it.
    fn score_text(&self) -> Option<String> {
        Some(match self {
            Why::NodeScore { score } => format!("the node as such {}", signed(*score)),
            Why::Location {
                id,
                rule: Some(rule),
                score,
            } => format!("location {id} (rule {rule}) {}", says(*score)),
            Why::Location {
                id,
                rule: None,
                score,
            } => format!("location {id} {}", says(*score)),
            Why::Health { strategy, score } => {
                format!("its health ({strategy}) {}", says(*score))
            }
            Why::Stickiness { score } => format!("stickiness {}", signed(*score)),
            Why::Promotion { score } => format!("promotion score {}", signed(*score)),
            Why::ActiveUnmanaged => "it is active there and not managed".to_owned(),
            Why::NoPreference => "no preference".to_owned(),
            Why::Wish {
                id,
                of,
                effect,
                because,
            } => {
                let id = match id {
                    Some(id) => format!("colocation {id}: "),
                    None => String::new(),
                };
                match effect {
                    Some(score) if score.is_minus_infinite() => {
                        let because: Vec<String> = because.iter().map(Why::text).collect();
                        let because = match because[..] {
                            [] => String::new(),
                            _ => format!(" ({})", because.join("; ")),
                        };
                        format!("{id}{of}, which has to be with it, cannot be there{because}")
                    }
                    Some(score) => format!("{id}{of} wants to be there {}", signed(*score)),
                    None => format!("{id}{of} wants to be there"),
                }
            }
            Why::Colocation { .. } => self.colocation_text(),
            Why::Together {
                with,
                how,
                on,
                effect,
                ..
            } => {
                let place = place(on);
                match effect {
                    Some(score) if score.is_minus_infinite() => {
                        format!("it has to be with {with}, which {place} ({how})")
                    }
                    Some(score) => format!("with {with} {} ({how})", signed(*score)),
                    None => format!("with {with} ({how})"),
                }
            }
            _ => return None,
        })
    }

    fn colocation_text(&self) -> String {
        let Why::Colocation {
            id,
            with,
            role: of_role,
            score,
            on,
            effect,
            attribute,
        } = self
        else {
            return String::new();
        };
        let with = match of_role {
            Some(of_role) if *of_role > Role::Started => {
                format!("{with} ({})", role_name(*of_role))
            }
            _ => with.clone(),
        };
        let place = place(on);
        let by = match attribute {
            Some(attribute) => format!(", by node attribute {attribute}"),
            None => String::new(),
        };
        match effect {
            Some(effect) if effect.is_minus_infinite() && score.is_negative() => {
                format!("colocation {id} ({score}) keeps it away from {with}, which {place}{by}")
            }
            Some(effect) if effect.is_minus_infinite() => {
                format!("colocation {id} ({score}) needs it with {with}, which {place}{by}")
            }
            Some(effect) => {
                format!("colocation {id} with {with} {}{by}", signed(*effect))
            }
            None => format!("colocation {id} with {with}{by}"),
        }
    }

    /// What forbids a node.
    fn ban_text(&self) -> Option<String> {
        Some(match self {
            Why::Ticket {
                constraint,
                ticket,
                standby: true,
            } => format!("ticket {ticket} is in standby (ticket constraint {constraint})"),
            Why::Ticket {
                constraint, ticket, ..
            } => format!("ticket {ticket} is not granted (ticket constraint {constraint})"),
            Why::Failures { count, threshold } => {
                let (count, threshold) = (Score::from(*count), Score::from(*threshold));
                format!(
                    "it failed there too often (fail count {count}, migration-threshold \
                     {threshold}; a cleanup allows it again)"
                )
            }
            Why::ExclusiveDiscovery => {
                "resource-discovery=exclusive leaves only other nodes".to_owned()
            }
            Why::ShutdownLock { node, since } => format!(
                "it waits for {node}, which was shut down with it at {since} (shutdown-lock)"
            ),
            Why::NodeKind { what } => format!("{what} does not run on remote or guest nodes"),
            Why::OnlyIn { launcher } => format!("it runs only inside of {launcher}"),
            Why::Capacity {
                attribute,
                needed,
                left,
            } => format!("there is not enough {attribute} left ({left} of the {needed} needed)"),
            Why::InstancesMax { of, max } => {
                format!("{of} has all its {max} instances elsewhere")
            }
            Why::InstancesPerNode { of, max, here } if here.is_empty() => {
                format!("a node may have no more than {max} of {of}")
            }
            Why::InstancesPerNode { of, max, here } => format!(
                "{} is there, and a node may have no more than {max} of {of}",
                here.join(", ")
            ),
            Why::Surplus => "it is an instance more than configured".to_owned(),
            Why::CollectiveForbidden { of } => format!("{of} as such is not wanted there"),
            Why::OwnReplica { node: Some(node) } => {
                format!("it is the part of its bundle that belongs on {node}")
            }
            Why::OwnReplica { node: None } => {
                "parts of a bundle belong on the bundle's own nodes".to_owned()
            }
            Why::NotOptedIn => "symmetric-cluster=false, and no location names the node".to_owned(),
            Why::NoCandidate => "it is no candidate".to_owned(),
            Why::BundleNode => {
                "in a bundle's container, only the bundle's own resource runs".to_owned()
            }
            Why::NoPeer {
                of,
                order: Some(order),
            } => format!("no instance of {of} is there to run with (order {order}, interleaved)"),
            Why::NoPeer { of, order: None } => {
                format!("no instance of {of} is there to run with (interleaved)")
            }
            _ => return None,
        })
    }

    /// What is the matter with a resource.
    fn resource_text(&self) -> Option<String> {
        Some(match self {
            Why::Failed { operation, on_fail } => match on_fail {
                Some(on_fail) => format!("{}, so {}", operation.text(), reaction(*on_fail)),
                None => operation.text(),
            },
            Why::FailedSomehow {
                on_fail: Some(on_fail),
            } => format!("it failed, so {}", reaction(*on_fail)),
            Why::FailedSomehow { on_fail: None } => "it failed there".to_owned(),
            Why::FailureIgnored { operation } => {
                format!("{}, which is ignored (on-fail=ignore)", operation.text())
            }
            Why::StopImpossible { operation } => format!(
                "{}, and its node cannot be fenced: it is blocked until it is cleaned up",
                operation.text()
            ),
            Why::OperationBans { operation } => format!(
                "{}, so it may not run there until it is cleaned up",
                operation.text()
            ),
            Why::OperationBansEverywhere { operation } => format!(
                "{}, so it may not run anywhere until it is cleaned up",
                operation.text()
            ),
            Why::LostInMigration { operation } => format!(
                "it left {} with {} and is not known to have arrived",
                operation.node, operation.key
            ),
            Why::ConnectionLost { operation } => {
                format!("{}: the connection is lost", operation.text())
            }
            Why::MultiplyActive { on, policy } => format!(
                "it is active on {} at the same time (multiple-active={policy})",
                on.join(" and ")
            ),
            Why::TargetRole { role: aim, of } => match of {
                Some(of) => format!("target-role={} (as for {of})", role_name(*aim)),
                None => format!("target-role={}", role_name(*aim)),
            },
            Why::Unmanaged => "it is not managed (is-managed=false)".to_owned(),
            Why::MaintenanceResource => "it is in maintenance (maintenance=true)".to_owned(),
            Why::MaintenanceCluster => {
                "the cluster is in maintenance (maintenance-mode=true)".to_owned()
            }
            Why::MaintenanceNode { node } => format!("it runs on {node}, which is in maintenance"),
            Why::Blocked => "it is blocked until somebody cleans up".to_owned(),
            Why::Frozen { ticket } => {
                format!("ticket {ticket} was lost, and loss-policy=freeze leaves it as it is")
            }
            Why::NoFenceDevice => {
                "fencing is enabled, but there is no fence device, so nothing is \
                                   managed"
                    .to_owned()
            }
            Why::StopAll => "stop-all-resources=true".to_owned(),
            Why::Removed { kept: false } => {
                "it was removed from the configuration, so it may run nowhere".to_owned()
            }
            Why::Removed { kept: true } => "it was removed from the configuration, and \
                                            stop-removed-resources=false leaves it as it is"
                .to_owned(),
            Why::Pending { operation, node } => {
                format!("its {operation} on {node} is still under way")
            }
            _ => return None,
        })
    }

    /// What is the matter with a node.
    fn node_text(&self) -> Option<String> {
        Some(match self {
            Why::Offline => "it is not in the cluster".to_owned(),
            Why::NeverSeen => "it has not been seen by the cluster yet".to_owned(),
            Why::Unclean { reason } => format!("it needs fencing ({reason})"),
            Why::Standby => "it is in standby".to_owned(),
            Why::StandbyAfter {
                operation: Some(operation),
            } => format!("it is in standby, because {}", operation.text()),
            Why::StandbyAfter { operation: None } => {
                "it is in standby after a failure (on-fail=standby)".to_owned()
            }
            Why::Maintenance => "it is in maintenance".to_owned(),
            Why::JoinPending => "it has not finished joining the cluster".to_owned(),
            Why::ShuttingDown => "it is shutting down".to_owned(),
            Why::Unconnected { connection } => {
                format!("its connection ({connection}) is not up")
            }
            Why::LauncherDown { launcher } => {
                format!("the guest ({launcher}) or its connection is not up")
            }
            Why::HealthAttributes { values } => {
                let values: Vec<String> = values
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("its health attributes are {}", values.join(", "))
            }
            Why::CannotFence { why } => {
                let why = match why {
                    NoFencing::Disabled => "fencing is disabled",
                    NoFencing::NoDevice => "there is no fence device",
                    NoFencing::NoQuorum => {
                        "there is no quorum, so another partition may be in charge"
                    }
                    NoFencing::NothingManaged => "nothing is managed",
                };
                format!("it cannot be fenced: {why}")
            }
            Why::Usable => "it is online, and nothing keeps resources away as such".to_owned(),
            Why::NodeLeaves { node } => format!("{node} is shutting down"),
            Why::ShutdownAsked { node } => format!("{node} was asked to shut down"),
            _ => return None,
        })
    }

    /// Why an action was asked for.
    fn need_text(&self) -> Option<String> {
        Some(match self {
            Why::Moves { resource, to, from } => {
                format!("{resource} moves to {to} ({})", from.text())
            }
            Why::ShallBe {
                resource,
                role: aim,
                node: Some(node),
            } => match aim {
                Role::Promoted => format!("{resource} shall be promoted on {node}"),
                Role::Unpromoted => format!("{resource} shall be unpromoted on {node}"),
                Role::Stopped => format!("{resource} shall be stopped"),
                Role::Unknown | Role::Started => format!("{resource} shall run on {node}"),
            },
            Why::ShallBe { resource, .. } => format!("{resource} shall not run anywhere"),
            Why::NotPromoted { resource, max: 1 } => {
                format!("{resource} is not the one to be promoted")
            }
            Why::NotPromoted { resource, max } => {
                format!("{resource} is not among the {max} to be promoted")
            }
            Why::MigrationLost => "a migration that was under way cannot go on".to_owned(),
            Why::Dangling => "a migration that was interrupted left it there".to_owned(),
            Why::Restarts => "it would have to start again where it is".to_owned(),
            Why::DefinitionChanged => {
                "the parameters recorded there are not those configured now".to_owned()
            }
            Why::AgentChanged => "it is configured with another agent now".to_owned(),
            Why::HistoryVoid => {
                "the history there is not about what is configured any more".to_owned()
            }
            Why::ProbeNeeded { resource } => {
                format!("nobody knows yet whether {resource} is active there")
            }
            Why::Monitored { interval_ms } => {
                format!("it is watched every {}", seconds(*interval_ms))
            }
            Why::MonitorRemoved => "that operation is not configured any more".to_owned(),
            Why::MonitorUnwanted => {
                "that operation is for another role, or not wanted in maintenance".to_owned()
            }
            Why::FailuresVoid => {
                "its configuration is not known to be that of the failures counted there".to_owned()
            }
            Why::LockVoid => "its shutdown lock is over".to_owned(),
            Why::Said(text) => text.clone(),
            Why::ImpliedByFencing { node } => format!("{node} is fenced, and it stops with that"),
            Why::HistoryAsks => "what happened there asks for it".to_owned(),
            Why::CountsAsFailed { resource } => format!("{resource} counts as failed"),
            Why::NodeLost { node, because } => {
                let because: Vec<String> = because.iter().map(Why::text).collect();
                format!("{node} is lost ({})", because.join("; "))
            }
            Why::GuestRecovers { launcher } => {
                format!("{launcher}, which it runs in, has to be recovered")
            }
            Why::Promotions { max, of } => promotions(*max, of),
            _ => return None,
        })
    }

    /// Why an action cannot happen.
    fn obstacle_text(&self) -> String {
        match self {
            Why::NoQuorum { policy } => format!(
                "there is no quorum (no-quorum-policy={})",
                quorum_policy(*policy)
            ),
            Why::NodeCannotAct { node } => format!("{node} cannot be asked to do it"),
            Why::NoNode {
                resource,
                facts,
                nodes,
            } => no_node(resource, facts, nodes),
            Why::TooFew { needed, runnable } => {
                format!("{needed} of what comes before would have to be possible, {runnable} is")
            }
            Why::MayNotTouch { resource } => format!("{resource} may not be touched"),
            Why::HostCannotBeFenced { node } => {
                format!("what {node} runs on would have to be fenced first, which is not possible")
            }
            _ => "no more is known".to_owned(),
        }
    }
}

fn promotions(max: i32, candidates: &[Candidate]) -> String {
    let each = candidates.iter().map(|candidate| {
        let Candidate {
            resource, priority, ..
        } = candidate;
        let node = candidate.node.as_deref().unwrap_or("no node");
        let promoted = match (candidate.promoted, priority.is_negative()) {
            (true, _) => "promoted",
            (false, true) => "cannot be",
            (false, false) => "not promoted",
        };
        format!("{resource} on {node} {priority} ({promoted})")
    });
    let each: Vec<String> = each.collect();
    format!(
        "promotion priorities: {}; promoted-max={max}",
        each.join(", ")
    )
}

fn no_node(resource: &str, facts: &[Why], nodes: &[NodeVerdict]) -> String {
    if !facts.is_empty() {
        let facts: Vec<String> = facts.iter().map(Why::text).collect();
        return format!("{resource} shall not run: {}", facts.join(", "));
    }
    let refused = nodes.iter().filter(|node| node.verdict != Verdict::Chosen);
    let mut refused: Vec<String> = refused.map(NodeVerdict::text).collect();
    let more = refused.len().saturating_sub(NODES_SHOWN);
    refused.truncate(NODES_SHOWN);
    if more > 0 {
        refused.push(format!("{more} more nodes likewise"));
    }
    match refused[..] {
        [] => format!("{resource} has no node to run on"),
        _ => format!("{resource} has no node to run on ({})", refused.join("; ")),
    }
}

impl Operation {
    /// `db_monitor_10000 on n1 failed with exit code 7 (not running) at …`.
    #[must_use]
    pub fn text(&self) -> String {
        let Operation {
            key,
            node,
            code,
            status,
            said,
            when,
        } = self;
        let ended = match (status, code) {
            (Some(2), _) => "timed out".to_owned(),
            (Some(7), _) => "found no agent".to_owned(),
            (Some(8), _) => "did not reach its executor".to_owned(),
            (Some(-1), _) => "never ended".to_owned(),
            (_, Some(code)) => format!("failed with exit code {code} ({})", code_text(*code)),
            (_, None) => "failed".to_owned(),
        };
        let said = match said {
            Some(said) => format!(", {said:?}"),
            None => String::new(),
        };
        let when = match when {
            Some(when) => format!(" at {when}"),
            None => String::new(),
        };
        format!("{key} on {node} {ended}{said}{when}")
    }
}

/// What an exit code of an agent means.
fn code_text(code: i32) -> &'static str {
    match code {
        0 => "ok",
        1 => "error",
        2 => "invalid parameter",
        3 => "not implemented",
        4 => "insufficient privileges",
        5 => "not installed",
        6 => "not configured",
        7 => "not running",
        8 => "promoted",
        9 => "promoted, but failed",
        190 => "degraded",
        191 => "promoted, but degraded",
        193 => "not known yet",
        _ => "no standard code",
    }
}

/// What a failure leads to.
fn reaction(on_fail: OnFail) -> &'static str {
    match on_fail {
        OnFail::Ignore => "nothing is done about it (on-fail=ignore)",
        OnFail::Demote => "it is demoted (on-fail=demote)",
        OnFail::Restart => "it has to restart (on-fail=restart)",
        OnFail::ResetRemote => "its remote node has to be reset",
        OnFail::RestartContainer => "what it runs in has to restart (on-fail=restart-container)",
        OnFail::Ban => "it has to leave that node",
        OnFail::Block => "it is blocked until it is cleaned up (on-fail=block)",
        OnFail::Stop => "it is stopped until it is cleaned up (on-fail=stop)",
        OnFail::StandbyNode => "its node goes to standby (on-fail=standby)",
        OnFail::FenceNode => "its node has to be fenced (on-fail=fence)",
    }
}

fn quorum_policy(policy: NoQuorumPolicy) -> &'static str {
    match policy {
        NoQuorumPolicy::Stop => "stop",
        NoQuorumPolicy::Freeze => "freeze",
        NoQuorumPolicy::Ignore => "ignore",
        NoQuorumPolicy::Demote => "demote",
        NoQuorumPolicy::Fence => "fence",
    }
}

/// A role as configurations write it.
#[must_use]
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Unknown => "Unknown",
        Role::Stopped => "Stopped",
        Role::Started => "Started",
        Role::Unpromoted => "Unpromoted",
        Role::Promoted => "Promoted",
    }
}

/// `is on a`, `runs nowhere`.
fn place(on: &[String]) -> String {
    match on {
        [] => "runs nowhere".to_owned(),
        [only] => format!("is on {only}"),
        _ => format!("is on {}", on.join(", ")),
    }
}

fn says(score: Score) -> String {
    if score.is_minus_infinite() || score.is_infinite() {
        format!("says {score}")
    } else {
        signed(score)
    }
}

fn signed(score: Score) -> String {
    if score.is_negative() {
        score.to_string()
    } else {
        format!("+{score}")
    }
}

fn seconds(interval_ms: u32) -> String {
    if interval_ms.is_multiple_of(1000) {
        format!("{} s", interval_ms / 1000)
    } else {
        format!("{interval_ms} ms")
    }
}
