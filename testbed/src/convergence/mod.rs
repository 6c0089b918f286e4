//! Is a plan safe, and is nothing left to do once it is carried out?
//!
//! The engine plans, `audit` checks the plan, the plan is carried out on the document, and the
//! engine plans again. Where something is left to do, the peer is asked (if there is one) whether
//! it would do the same: not every configuration converges, and what Pacemaker repeats for ever
//! is repeated here.

mod peer;

use std::collections::BTreeSet;
use std::io;

use lockstep_engine::Cluster;
use lockstep_engine::audit::{Finding, audit};
use lockstep_engine::graph::{Graph, GraphActionKind};
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::schema;
use lockstep_engine::simulate::{self, Settings};
use lockstep_engine::time::{Date, Timestamp};

pub use peer::Peer;

/// Tasks about records that carrying out a plan on a document does not keep.
const BOOKKEEPING: [&str; 5] = [
    "cancel",
    "clear_failcount",
    "delete",
    "do_shutdown",
    "lrm_delete",
];

/// What became of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The plan is safe, and nothing is left to do afterwards.
    Settles,
    /// The plan is safe; something is left to do.
    Remains(BTreeSet<String>, Opinion),
    /// Orderings that contradict each other: the plan can never complete, and says so.
    Loops,
    /// It is no configuration.
    Refused(String),
    /// The plan, or the one after it, breaks a promise.
    Unsafe(Vec<String>),
}

/// What the peer would do where something is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// There is no peer to ask.
    NotAsked,
    /// The same.
    Agrees,
    /// It crashes, or refuses.
    Fails,
    /// Something else.
    Differs,
}

impl Verdict {
    /// Whether this is as it should be, as far as is known.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !matches!(
            self,
            Verdict::Unsafe(_) | Verdict::Remains(_, Opinion::Differs)
        )
    }
}

/// Plans, audits, carries out, plans again, audits again.
///
/// # Errors
/// If the peer cannot be run.
pub fn examine(text: &str, date: &str, peer: Option<&Peer>) -> io::Result<Verdict> {
    let mut trial = match Trial::new(text, date) {
        Ok(trial) => trial,
        Err(reason) => return Ok(Verdict::Refused(reason)),
    };
    if let Err(verdict) = trial.audited_plan() {
        return Ok(verdict);
    }
    if let Err(reason) = trial.carry_out() {
        return Ok(Verdict::Refused(reason));
    }
    let second = match trial.audited_plan() {
        Ok(graph) => graph,
        Err(verdict) => return Ok(verdict),
    };
    let remaining = work(&second);
    if remaining.is_empty() {
        return Ok(Verdict::Settles);
    }
    let opinion = match peer {
        None => Opinion::NotAsked,
        Some(peer) => match peer.remaining(text, date)? {
            None => Opinion::Fails,
            Some(peers) if peers == keys(&second) => Opinion::Agrees,
            Some(_) => Opinion::Differs,
        },
    };
    Ok(Verdict::Remains(remaining, opinion))
}

/// A cluster whose plans are carried out one after the other.
struct Trial {
    cib: Document,
    date: String,
    now: Timestamp,
}

impl Trial {
    fn new(text: &str, date: &str) -> Result<Self, String> {
        let mut cib =
            Document::parse(text.as_bytes(), &Limits::default()).map_err(|e| e.to_string())?;
        schema::upgrade(&mut cib).map_err(|e| e.to_string())?;
        let parsed = Date::parse(date, Timestamp::utc(0)).map_err(|e| e.to_string())?;
        Ok(Trial {
            cib,
            date: date.to_owned(),
            now: parsed.timestamp(),
        })
    }

    fn audited_plan(&self) -> Result<Graph, Verdict> {
        let refused = |error: &dyn std::error::Error| Verdict::Refused(error.to_string());
        let cluster = Cluster::read(&self.cib, self.now).map_err(|error| refused(&error))?;
        let plan = cluster.plan(&self.cib, self.now);
        let graph = plan.map_err(|error| refused(&error))?.graph;
        let findings = audit(&self.cib, &cluster, &graph);
        let loops = |finding: &Finding| {
            matches!(
                finding,
                Finding::Loop { .. } | Finding::WaitsForNothing { .. }
            )
        };
        let mut synapses = graph.synapses.iter();
        let completes = synapses.all(|synapse| synapse.missing_inputs.is_empty());
        if findings.is_empty() && completes {
            return Ok(graph);
        }
        if findings.iter().all(loops) {
            return Err(Verdict::Loops);
        }
        Err(Verdict::Unsafe(
            findings.iter().map(ToString::to_string).collect(),
        ))
    }

    fn carry_out(&mut self) -> Result<(), String> {
        let settings = Settings {
            schedule: true,
            execute: true,
            date: Some(self.date.clone()),
            // Results are newer than anything in the CIB, as those of the peer are.
            wall_clock: self.now.seconds + 86_400,
            ..Settings::default()
        };
        let done = simulate::run(&mut self.cib, self.now, &settings);
        done.map(drop).map_err(|error| error.to_string())
    }
}

/// What a graph really does, by action and node.
fn work(graph: &Graph) -> BTreeSet<String> {
    let actions = graph.synapses.iter().map(|synapse| &synapse.action);
    let real = actions.filter(|action| {
        action.kind != GraphActionKind::Pseudo && !BOOKKEEPING.contains(&action.task.as_str())
    });
    real.map(|action| match &action.node {
        Some(node) => format!("{} on {}", action.key, node.name),
        None => action.key.clone(),
    })
    .collect()
}

/// The keys of what a graph really does.
fn keys(graph: &Graph) -> BTreeSet<String> {
    let done = work(graph).into_iter();
    done.map(|text| match text.split_once(" on ") {
        Some((key, _)) => key.to_owned(),
        None => text,
    })
    .collect()
}
