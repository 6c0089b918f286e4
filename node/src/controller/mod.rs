//! What does a controller do, and when?
//!
//! A state machine without I/O around the replicated one: [`Controller::step`] takes one input with
//! the time, and returns effects. Every controller applies the log and reports the digests of the
//! graphs that it computed. The one that leads also
//!
//! - tells every executor that it leads, and learns what is under way there;
//! - proposes what it sees: nodes that come and go, results, actions that never end;
//! - dispatches what is ready, with its term; the graph and its progress are in the replicated
//!   state, so a new leader simply sends all that is ready and unconfirmed of the *same* graph
//!   again, and executors answer what they did already;
//! - proposes the next plan when one is wanted, and nothing of the last one is under way.
//!
//! | file | question |
//! |---|---|
//! | `leading.rs` | what a leader keeps and does |
//! | `flights.rs` | which orders may be under way, and how long they are awaited |
//! | `pauses.rs` | what if this controller itself stood still |
//! | `alone.rs` | what a controller does that sees no quorum |
//! | `duty.rs` | who carries out an action |
//! | `fencing.rs` | which device fences a node |

mod alone;
pub mod duty;
#[cfg(test)]
mod engine_tests;
pub mod fencing;
mod flights;
mod leading;
mod limits;
mod pauses;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::command::{Command, ControllerId, Entry, EntryError, RequestId, VERSION};
use crate::cluster::event::Event;
use crate::cluster::policy::Policy;
use crate::cluster::snapshot::SnapshotError;
use crate::cluster::{self, Cluster};
use crate::executor::{FromExecutor, OrderKey, ToExecutor};
use leading::Leading;

pub use crate::executor::ConnectionId;
use alone::Alone;
pub use alone::{Patience, WithoutQuorum};

/// How often a digest, or a version, that is not in the log yet is reported again, in milliseconds.
const REPORT_AGAIN_MS: u64 = 300;

/// What a controller is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the cluster.
    pub cluster: String,
    /// This controller.
    pub id: ControllerId,
    /// Differs from start to start of the process.
    pub incarnation: u64,
    /// How many controllers vote, until [`Input::Members`] says otherwise.
    pub voters: usize,
    /// An executor that is away for so long is lost, in milliseconds.
    pub node_lost_ms: u64,
    /// How long a starting cluster waits for nodes that it knows and has not seen, in milliseconds.
    pub join_wait_ms: u64,
    /// What is added to an action's own timeout before the leader gives it up, in milliseconds.
    pub patience_ms: u64,
}

/// The time, as the shell's clocks tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds by a clock that never goes back.
    pub monotonic_ms: u64,
    /// Seconds since the epoch.
    pub at: i64,
    /// Seconds by which local time is ahead of UTC.
    pub utc_offset: i32,
}

/// An executor that connected, as it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Name of its node.
    pub node: String,
    /// Its journal.
    pub journal: u64,
    /// Its process.
    pub incarnation: u64,
    /// The last report that it knows to be committed.
    pub acknowledged: u64,
}

/// What can happen to a controller.
#[derive(Debug)]
pub enum Input {
    /// This controller leads now, or does not any more.
    Role {
        /// Whether it leads.
        leads: bool,
        /// In which term.
        term: u64,
    },
    /// Whether there is a quorum, as far as can be told: a leader is known.
    Quorum {
        /// Whether.
        has: bool,
    },
    /// The next entry of the log.
    Committed {
        /// Its index.
        index: u64,
        /// The entry.
        data: Vec<u8>,
    },
    /// Other controllers vote from here on in the log.
    Members {
        /// The index of the entry that says so.
        index: u64,
        /// Which.
        voters: BTreeSet<ControllerId>,
    },
    /// Everything up to an index, as a snapshot.
    Restore {
        /// The snapshot.
        data: Vec<u8>,
    },
    /// An executor connected.
    Joined {
        /// Its connection.
        connection: ConnectionId,
        /// Who it is.
        executor: Joined,
    },
    /// An executor says something.
    Heard {
        /// Its connection.
        connection: ConnectionId,
        /// What.
        message: FromExecutor,
    },
    /// An executor's connection is gone.
    Closed(ConnectionId),
    /// A proposal did not get into the log.
    NotProposed(Command),
    /// Time passed.
    Tick,
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Have this replicated; through the leader if this controller is not.
    Propose(Entry),
    /// Send this to an executor.
    Tell {
        /// On which connection.
        connection: ConnectionId,
        /// What.
        message: ToExecutor,
    },
    /// Whether this controller may lead.
    Eligible(bool),
    /// Something happened that everybody may know.
    Event(Event),
    /// An order went out.
    Dispatched {
        /// Which.
        order: OrderKey,
        /// Its operation key.
        key: String,
        /// To which node.
        node: String,
    },
    /// What becomes of this node without a quorum.
    WithoutQuorum(WithoutQuorum),
    /// A proposal was applied.
    Answered {
        /// Which.
        request: RequestId,
        /// By which entry of the log.
        index: u64,
        /// How.
        outcome: Result<(), cluster::Refusal>,
    },
}

/// Why a controller cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The log has something that it cannot apply.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A snapshot cannot be taken up.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The others say what this one does not understand.
    #[error(
        "the controllers are at version {level} of their commands, this one knows them up to {knows}: \
         upgrade it and start it again"
    )]
    TooOld {
        /// What the others understand.
        level: u16,
        /// What this controller does.
        knows: u16,
    },
}

/// An executor's connection.
#[derive(Clone, Debug)]
struct Peer {
    connection: ConnectionId,
    executor: Joined,
}

/// One controller.
pub struct Controller {
    settings: Settings,
    policy: Arc<dyn Policy>,
    cluster: Cluster,
    started_ms: Option<u64>,
    /// When it last took a step.
    stepped_ms: Option<u64>,
    term: u64,
    leading: Option<Leading>,
    /// Connected executors by node.
    peers: BTreeMap<String, Peer>,
    /// When a node's executor was last seen connected, for those that are not.
    absent_since_ms: BTreeMap<String, u64>,
    eligible: bool,
    reported_ms: Option<u64>,
    /// Up to which version it understands commands.
    knows: u16,
    said_ms: Option<u64>,
    /// This controller's own node, if it looks after one without a quorum.
    own_node: Option<String>,
    patience: Patience,
    /// While there is no quorum.
    alone: Option<Alone>,
}

impl Controller {
    /// A controller that knows nothing yet: the log will tell.
    pub fn new(settings: Settings, policy: Arc<dyn Policy>) -> Self {
        let cluster = Cluster::new(&settings.cluster, settings.voters, Arc::clone(&policy));
        Self {
            settings,
            policy,
            cluster,
            started_ms: None,
            stepped_ms: None,
            term: 0,
            leading: None,
            peers: BTreeMap::new(),
            absent_since_ms: BTreeMap::new(),
            eligible: true,
            reported_ms: None,
            knows: VERSION,
            said_ms: None,
            own_node: None,
            patience: Patience::default(),
            alone: None,
        }
    }

    /// Has it carry out `no-quorum-policy` for its own node when it sees no quorum.
    #[must_use]
    pub fn on_node(mut self, node: &str, patience: Patience) -> Self {
        self.own_node = Some(node.to_owned());
        self.patience = patience;
        self
    }

    /// Has it stand for a program that understands commands up to version `knows`, in a group that was
    /// founded by such as understood them up to `founded`.
    #[must_use]
    pub fn of_versions(mut self, founded: u16, knows: u16) -> Self {
        self.knows = knows;
        self.cluster = self.cluster.founded_at(founded);
        self
    }

    /// The replicated state.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Whether it leads, and has applied all that was committed before.
    pub fn is_in_charge(&self) -> bool {
        self.leading
            .as_ref()
            .is_some_and(|leading| leading.in_charge)
    }

    /// Orders that were sent and have no result yet.
    pub fn under_way(&self) -> impl Iterator<Item = (OrderKey, &str)> {
        let flights = self.leading.iter().flat_map(|leading| &leading.flights);
        flights.map(|(key, flight)| (*key, flight.node.as_str()))
    }

    /// Whether a node's executor is connected.
    pub fn is_connected(&self, node: &str) -> bool {
        self.peers.contains_key(node)
    }

    /// Takes one input.
    pub fn step(&mut self, now: Moment, input: Input) -> Result<Vec<Effect>, ControllerError> {
        self.started_ms.get_or_insert(now.monotonic_ms);
        self.wake(now);
        let mut out = Vec::new();
        match input {
            Input::Role { leads, term } => self.take_role(now, leads, term, &mut out),
            Input::Quorum { has } => self.quorum(now, has, &mut out),
            Input::Committed { index, data } => self.apply(now, index, &data, &mut out)?,
            Input::Members { index, voters } => {
                let event = self.cluster.set_voters(index, voters);
                out.extend(event.map(Effect::Event));
            }
            Input::Restore { data } => {
                let name = &self.settings.cluster;
                let cluster = Cluster::restore(name, &data, Arc::clone(&self.policy))?;
                self.understands(cluster.versions().level())?;
                self.cluster = cluster;
            }
            Input::Joined {
                connection,
                executor,
            } => self.joined(connection, executor, &mut out),
            Input::Closed(connection) => self.closed(now, connection),
            Input::Heard {
                connection,
                message,
            } => self.heard(now, connection, message, &mut out),
            Input::NotProposed(command) => {
                if let Some(leading) = &mut self.leading {
                    leading.not_proposed(&command, now.monotonic_ms);
                }
                // Not again before the next tick: what refused it needs time.
                return Ok(out);
            }
            Input::Tick => {}
        }
        self.check_eligible(&mut out);
        self.report_digest(now, &mut out);
        self.say_version(now, &mut out);
        self.lead(now, &mut out);
        self.act_alone(now, &mut out);
        Ok(out)
    }

    fn take_role(&mut self, now: Moment, leads: bool, term: u64, out: &mut Vec<Effect>) {
        let led = self.leading.is_some() && self.term == term;
        self.term = term;
        if !leads {
            self.leading = None;
        } else if !led {
            self.leading = Some(Leading::new(now.monotonic_ms));
            for peer in self.peers.values() {
                out.push(tell(peer.connection, ToExecutor::Lead { term }));
            }
        }
    }

    fn apply(
        &mut self,
        now: Moment,
        index: u64,
        data: &[u8],
        out: &mut Vec<Effect>,
    ) -> Result<(), ControllerError> {
        let entry = Entry::decode(data)?;
        self.understands(entry.command.since())?;
        let request = entry.request;
        let command = entry.command.clone();
        let planned = self.cluster.planned();
        let applied = self.cluster.apply(index, entry);
        let accepted = applied.outcome.is_ok();
        out.extend(applied.events.into_iter().map(Effect::Event));
        if let Some(request) = request {
            out.push(Effect::Answered {
                request,
                index,
                outcome: applied.outcome,
            });
        }
        if self.cluster.planned() != planned {
            self.reported_ms = None;
        }
        if let Some(leading) = &mut self.leading {
            leading.applied(&command, (self.settings.id, self.term), now.monotonic_ms);
            if let Command::Report { node, report, .. } = &command {
                if accepted {
                    leading.ended(report);
                }
                self.acknowledge(node, out);
            }
        }
        Ok(())
    }

    /// Whether it understands what a program of that version says.
    fn understands(&self, level: u16) -> Result<(), ControllerError> {
        let knows = self.knows;
        if level > knows {
            return Err(ControllerError::TooOld { level, knows });
        }
        Ok(())
    }

    fn acknowledge(&self, node: &str, out: &mut Vec<Effect>) {
        let (Some(peer), Some(record)) = (self.peers.get(node), self.cluster.nodes().get(node))
        else {
            return;
        };
        if record.journal == peer.executor.journal {
            let upto = record.applied;
            out.push(tell(peer.connection, ToExecutor::Acknowledge { upto }));
        }
    }

    fn joined(&mut self, connection: ConnectionId, executor: Joined, out: &mut Vec<Effect>) {
        let node = executor.node.clone();
        if let Some(present) = self.peers.get(&node)
            && present.executor.incarnation > executor.incarnation
        {
            // An older process of the same node: it will be gone soon.
            return;
        }
        self.absent_since_ms.remove(&node);
        if let Some(leading) = &mut self.leading {
            leading.executor_changed(&node);
            out.push(tell(connection, ToExecutor::Lead { term: self.term }));
        }
        self.peers.insert(
            node,
            Peer {
                connection,
                executor,
            },
        );
    }

    fn closed(&mut self, now: Moment, connection: ConnectionId) {
        let node = self
            .peers
            .iter()
            .find(|(_, peer)| peer.connection == connection);
        let Some(node) = node.map(|(node, _)| node.clone()) else {
            return;
        };
        self.peers.remove(&node);
        if let Some(leading) = &mut self.leading {
            leading.executor_changed(&node);
        }
        self.absent_since_ms.insert(node, now.monotonic_ms);
    }

    /// A controller that computes something else than the majority must not lead.
    fn check_eligible(&mut self, out: &mut Vec<Effect>) {
        let diverged = self.cluster.agreement().diverged().get(&self.settings.id);
        // An earlier process of this controller may have diverged; this one shows what it is worth
        // by its own report.
        let eligible = diverged.is_none() && !self.cluster.diverged_from_snapshot();
        if eligible != self.eligible {
            self.eligible = eligible;
            out.push(Effect::Eligible(eligible));
        }
    }

    /// Says what it understands until that is in the log, unless all do.
    fn say_version(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let id = self.settings.id;
        if !self.cluster.versions().awaits(id, self.knows) {
            return;
        }
        if is_report_due(&mut self.said_ms, now) {
            let command = Command::Understands {
                controller: id,
                version: self.knows,
            };
            out.push(propose(now, command));
        }
    }

    /// Reports the digest of the latest graph until it is in the log.
    fn report_digest(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let Some(transition) = self.cluster.transition() else {
            return;
        };
        let Settings {
            id, incarnation, ..
        } = self.settings;
        let number = transition.number;
        if self
            .cluster
            .agreement()
            .has_reported(number, id, incarnation)
        {
            return;
        }
        if !is_report_due(&mut self.reported_ms, now) {
            return;
        }
        let digest = transition.digest;
        let command = Command::Digest {
            transition: number,
            controller: id,
            incarnation,
            digest,
        };
        out.push(propose(now, command));
    }
}

/// Whether what is not in the log yet is to be reported now; if so, `last` is now.
fn is_report_due(last: &mut Option<u64>, now: Moment) -> bool {
    let due = last.is_none_or(|last| now.monotonic_ms.saturating_sub(last) >= REPORT_AGAIN_MS);
    if due {
        *last = Some(now.monotonic_ms);
    }
    due
}

fn tell(connection: ConnectionId, message: ToExecutor) -> Effect {
    Effect::Tell {
        connection,
        message,
    }
}

fn propose(now: Moment, command: Command) -> Effect {
    Effect::Propose(Entry {
        at: now.at,
        request: None,
        command,
    })
}
