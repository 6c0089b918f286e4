//! What do all controllers agree on?
//!
//! The replicated state machine: [`Cluster::apply`] takes one committed [`Command`] after the other
//! and ends in the same state on every controller, because it is a function of the state and the
//! entry alone. What the leader only knows for itself (connections, what is under way) is in
//! [`crate::controller`].
//!
//! | file | question |
//! |---|---|
//! | `command.rs` | what can change the state |
//! | `membership.rs` | what a change of configuration or nodes means |
//! | `results.rs` | what a result means |
//! | `migrations.rs` | where a resource may be that was sent elsewhere |
//! | `upkeep.rs`, `ticket.rs` | what an operator's request about resources, nodes and tickets means |
//! | `action.rs` | what the graph says about one action |
//! | `status.rs`, `failures.rs`, `recurring.rs` | how the CIB's status tells what happened |
//! | `fencings.rs` | which nodes were fenced, and how that went |
//! | `transition.rs` | how far a graph is carried out |
//! | `agreement.rs` | whether all controllers computed the same |
//! | `history.rs` | what the engine saw, and when |
//! | `policy.rs` | what the state asks of the engine |
//! | `versions.rs` | what all controllers understand |
//! | `snapshot.rs` | the whole state as bytes |
//! | `event.rs` | what happened, for people and programs |

pub mod action;
pub mod agreement;
pub mod command;
pub mod event;
pub mod failures;
pub mod fencings;
pub mod history;
mod membership;
mod migrations;
pub mod policy;
pub mod recurring;
mod results;
pub mod snapshot;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod ticket;
pub mod transition;
mod upkeep;
pub mod versions;
pub mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bincode::{Decode, Encode};
use lockstep_engine::graph::GraphActionKind;
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::Timestamp;

use action::{carry_out_here, is_own};
use agreement::Agreement;
use command::{Command, ControllerId, Entry, Epoch};
use event::{Event, What};
use fencings::Fencings;
use history::{Endings, History, SavedPlan};
use policy::{Digest, Policy};
use transition::Transition;
use versions::{Earlier, Versions};

/// A CIB with more stale memory than this is packed when the next plan is made. In bytes.
const PACK_FROM: usize = 4 << 20;

/// What is known about a node's executor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NodeRecord {
    /// Its id in the CIB.
    pub id: String,
    /// Its executor's journal.
    pub journal: u64,
    /// Its executor's process.
    pub incarnation: u64,
    /// The last report that was applied.
    pub applied: u64,
    /// Whether it takes part.
    pub online: bool,
}

/// Who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Leadership {
    /// Which controller.
    pub controller: ControllerId,
    /// In which term.
    pub term: u64,
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum Refusal {
    /// The configuration changed meanwhile.
    #[error("the configuration is at {present} by now, not at {expected}: read it and try again")]
    OtherEpoch {
        /// What the change was made from.
        expected: Epoch,
        /// What is in force.
        present: Epoch,
    },
    /// It is not a CIB.
    #[error("{0}")]
    NotACib(String),
    /// Something was faster; nothing is left to do.
    #[error("superseded")]
    Superseded,
    /// There is no such node.
    #[error("there is no node '{0}'")]
    UnknownNode(String),
    /// There is no such resource.
    #[error("there is no resource '{0}'")]
    UnknownResource(String),
    /// There is no such ticket.
    #[error("there is no ticket '{0}'")]
    UnknownTicket(String),
    /// It would be a lie.
    #[error("node '{0}' is online: it cannot be confirmed to be down")]
    IsOnline(String),
    /// A ticket cannot have an attribute of that name.
    #[error(
        "'{0}' cannot be the name of a ticket's attribute: use letters, digits, '-', '_' and '.'"
    )]
    NotAnAttribute(String),
}

/// What came of a command.
#[derive(Debug)]
pub struct Applied {
    /// Whether it was accepted.
    pub outcome: Result<(), Refusal>,
    /// What happened.
    pub events: Vec<Event>,
}

/// The replicated state.
pub struct Cluster {
    name: String,
    uuid: String,
    voters: usize,
    policy: Arc<dyn Policy>,
    cib: Document,
    /// Whether somebody ever gave a configuration.
    configured: bool,
    clock: i64,
    index: u64,
    leadership: Option<Leadership>,
    nodes: BTreeMap<String, NodeRecord>,
    transition: Option<Transition>,
    previous: Option<Transition>,
    planned: u64,
    /// Why a new plan is wanted, if so.
    wanted: Option<String>,
    /// Fencing of a node that failed in a row.
    fencing_failures: BTreeMap<String, u32>,
    fencings: Fencings,
    agreement: Agreement,
    history: History,
    endings: Endings,
    versions: Versions,
    /// At which level earlier plans were decided.
    earlier: Earlier,
    /// By node, the last plan before its executor's present process: what was ordered by then says
    /// nothing about what is since.
    lives: BTreeMap<String, u64>,
    /// Whether restoring a snapshot gave another graph than the one that it was made with.
    diverged_from_snapshot: bool,
}

impl Cluster {
    /// An empty cluster of that name, with so many voting controllers.
    pub fn new(name: &str, voters: usize, policy: Arc<dyn Policy>) -> Self {
        let cib = Document::parse(status::EMPTY_CIB.as_bytes(), &Limits::default());
        Self {
            name: name.to_owned(),
            uuid: uuid_of(name),
            voters,
            policy,
            cib: cib.unwrap_or_else(|error| unreachable!("a constant: {error}")),
            configured: false,
            clock: 0,
            index: 0,
            leadership: None,
            nodes: BTreeMap::new(),
            transition: None,
            previous: None,
            planned: 0,
            wanted: None,
            fencing_failures: BTreeMap::new(),
            fencings: Fencings::default(),
            agreement: Agreement::default(),
            history: History::default(),
            endings: Endings::default(),
            versions: Versions::default(),
            earlier: Earlier::default(),
            lives: BTreeMap::new(),
            diverged_from_snapshot: false,
        }
    }

    /// The same, of a group whose first members understood commands up to that version.
    #[must_use]
    pub fn founded_at(mut self, level: u16) -> Self {
        self.versions = Versions::founded_at(level);
        self
    }

    /// From the entry at `index` on these controllers vote. That is no command, and a part of the state
    /// nevertheless: states at one index are equal, whichever kind of entry is there.
    pub fn set_voters(&mut self, index: u64, voters: BTreeSet<ControllerId>) -> Option<Event> {
        self.index = index;
        self.voters = voters.len();
        let what = self.rise(|versions| versions.set_voters(voters))?;
        let at = self.clock;
        Some(Event { index, at, what })
    }

    /// Takes in what may raise the level, and notes up to where the former one went.
    fn rise(&mut self, change: impl FnOnce(&mut Versions) -> Option<u16>) -> Option<What> {
        let former = self.versions.level();
        let level = change(&mut self.versions)?;
        self.earlier.leaves(former, self.planned);
        // What is decided otherwise from now on is not left until something happens.
        self.wanted
            .get_or_insert_with(|| "all controllers are upgraded".into());
        Some(What::Level { level })
    }

    /// Configuration and status.
    pub fn cib(&self) -> &Document {
        &self.cib
    }

    /// Whether somebody ever gave a configuration; before that there is nothing to plan.
    pub fn is_configured(&self) -> bool {
        self.configured
    }

    /// The log index of what changed the state last: a command, or who votes.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Who leads, as far as the log says.
    pub fn leadership(&self) -> Option<Leadership> {
        self.leadership
    }

    /// All nodes that ever had an executor here.
    pub fn nodes(&self) -> &BTreeMap<String, NodeRecord> {
        &self.nodes
    }

    /// The latest transition.
    pub fn transition(&self) -> Option<&Transition> {
        self.transition.as_ref()
    }

    /// How many plans were made: the number of the latest.
    pub fn planned(&self) -> u64 {
        self.planned
    }

    /// Why a new plan is wanted, if so.
    pub fn wanted(&self) -> Option<&str> {
        self.wanted.as_deref()
    }

    /// How often fencing of some node failed in a row.
    pub fn fencing_failures(&self) -> u32 {
        self.fencing_failures.values().copied().max().unwrap_or(0)
    }

    /// Which nodes were fenced, and how that went.
    pub fn fencings(&self) -> &Fencings {
        &self.fencings
    }

    /// Digests of graphs.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Saved inputs.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How the transitions of the saved inputs ended; the latest one has not.
    pub fn endings(&self) -> &Endings {
        &self.endings
    }

    /// What all controllers understand.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Whether this controller cannot rebuild the graph of the snapshot that it started from.
    pub fn diverged_from_snapshot(&self) -> bool {
        self.diverged_from_snapshot
    }

    /// The configuration's place in the sequence.
    pub fn epoch(&self) -> Epoch {
        Epoch {
            admin: status::number(&self.cib, "admin_epoch"),
            epoch: status::number(&self.cib, "epoch"),
        }
    }

    /// Third part of a `transition-key` and the like: names the cluster, 36 characters.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Applies the next entry of the log.
    pub fn apply(&mut self, index: u64, entry: Entry) -> Applied {
        self.index = index;
        // Time does not run backwards, whatever the clocks of two leaders say.
        self.clock = self.clock.max(entry.at);
        let mut happened = Vec::new();
        let outcome = self.carry_out(entry.command, &mut happened);
        let event = |what| Event {
            index,
            at: self.clock,
            what,
        };
        Applied {
            outcome,
            events: happened.into_iter().map(event).collect(),
        }
    }

    fn carry_out(&mut self, command: Command, news: &mut Vec<What>) -> Result<(), Refusal> {
        match command {
            Command::Lead { controller, term } => {
                self.leadership = Some(Leadership { controller, term });
                let root = self.cib.root();
                self.cib.set_attr(root, "have-quorum", "1");
                self.cib.set_attr(root, "dc-uuid", &controller.to_string());
                news.push(What::Leads { controller, term });
                Ok(())
            }
            Command::ReplaceConfig { expected, cib } => self.replace_config(expected, &cib, news),
            Command::NodeUp {
                node,
                journal,
                incarnation,
                acknowledged,
            } => self.node_up(node, journal, incarnation, acknowledged, news),
            Command::NodeLost {
                node,
                incarnation,
                clean,
            } => self.node_lost(&node, incarnation, clean, news),
            Command::Report {
                node,
                journal,
                report,
            } => self.report(&node, journal, report, news),
            Command::GiveUp { key, reason } => self.give_up(key, &reason, news),
            Command::SetAttribute {
                node,
                name,
                value,
                lifetime,
            } => self.set_attribute(node, name, value, lifetime, news),
            Command::Plan {
                transition,
                utc_offset,
                feature_set: _,
            } => self.plan(transition, utc_offset, news),
            Command::Digest {
                transition,
                controller,
                incarnation,
                digest,
            } => {
                let voters = self.voters;
                let diverged =
                    self.agreement
                        .report(transition, controller, incarnation, digest, voters);
                let ours = self.transition.as_ref().filter(|t| t.number == transition);
                let equal = ours.is_none_or(|ours| ours.digest == digest);
                news.push(What::Computed {
                    transition,
                    controller,
                    equal,
                });
                let diverged = diverged.into_iter();
                news.extend(diverged.map(|controller| What::Diverged {
                    controller,
                    transition,
                }));
                Ok(())
            }
            Command::Cleanup { what } => self.cleanup(&what, news),
            Command::Ticket { ticket, change } => self.change_ticket(ticket, &change, news),
            Command::ConfirmFenced { node } => self.confirm_fenced(node, news),
            Command::Understands {
                controller,
                version,
            } => {
                news.extend(self.rise(|versions| versions.says(controller, version)));
                Ok(())
            }
        }
    }

    /// Something that the plan in force did not know happened.
    fn interrupt(&mut self, reason: &str, news: &mut Vec<What>) {
        self.wanted.get_or_insert_with(|| reason.to_owned());
        if let Some(transition) = &mut self.transition
            && !transition.is_over()
        {
            transition.abort(reason);
            let transition = transition.number;
            news.push(What::Aborted {
                transition,
                reason: reason.to_owned(),
            });
        }
    }

    fn plan(&mut self, number: u64, utc_offset: i32, news: &mut Vec<What>) -> Result<(), Refusal> {
        if number != self.planned + 1 {
            return Err(Refusal::Superseded);
        }
        self.planned = number;
        let reason = self
            .wanted
            .take()
            .unwrap_or_else(|| "its time has come".into());
        if self.cib.stale_bytes() > PACK_FROM {
            self.cib.compact();
        }
        let cib: Arc<str> = self.cib.to_xml().into();
        let now = Timestamp {
            seconds: self.clock,
            offset: utc_offset,
        };
        let level = self.versions.level();
        let planned = self.policy.plan(&self.cib, number, now, level);
        let digest = planned.as_ref().ok().map(|planned| planned.digest);
        let index = self.index;
        let saved = SavedPlan {
            transition: number,
            index,
            now: now.seconds,
            utc_offset,
            reason: reason.clone(),
            digest,
            cib,
        };
        if let Some(transition) = &self.transition {
            self.endings.note(transition, self.clock);
        }
        self.history.add(saved);
        self.endings.forget_before(self.history.oldest());
        self.previous = self.transition.take();
        match planned {
            Ok(planned) => {
                let digest = planned.digest;
                let transition = Transition::new(number, index, now, planned.graph, digest);
                let synapses = &transition.graph.synapses;
                let real = |kind| !matches!(kind, GraphActionKind::Pseudo);
                let actions = synapses.iter().filter(|s| real(s.action.kind)).count();
                news.push(What::Planned {
                    transition: number,
                    digest,
                    actions,
                    reason,
                });
                self.transition = Some(transition);
                self.advance(news);
            }
            Err(error) => news.push(What::NotPlanned {
                transition: number,
                error,
            }),
        }
        Ok(())
    }

    /// Carries out what needs nobody but this state, and notes the end.
    fn advance(&mut self, news: &mut Vec<What>) {
        let Some(transition) = &mut self.transition else {
            return;
        };
        if transition.aborted.is_some() {
            return;
        }
        while let Some(synapse) = transition.next_own() {
            let action = transition.action(synapse).clone();
            carry_out_here(&mut self.cib, &action);
            transition.confirm(synapse, true);
        }
        if transition.is_over() {
            news.push(What::Completed {
                transition: transition.number,
            });
        }
    }
}

/// A name as a UUID: what Pacemaker's keys end with is 36 characters long.
fn uuid_of(name: &str) -> String {
    let hash = blake3::hash(name.as_bytes());
    let hex: String = hash.as_bytes()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

impl Transition {
    fn next_own(&self) -> Option<u32> {
        self.ready().find(|synapse| is_own(self.action(*synapse)))
    }
}

/// What a plan's digest is made of, for tests and tools.
pub fn digest_of(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}
