//! The deterministic policy engine of Lockstep: a CIB and a time in, an ordered graph of actions
//! out. See `ARCHITECTURE.md` for the passes.

pub mod action;
pub mod assign;
pub mod audit;
pub mod config;
pub mod constraint;
mod diagnostic;
pub mod encode;
pub mod explain;
pub mod graph;
mod hashed;
pub mod id;
mod merge_sort;
pub mod nvset;
pub mod parse;
pub mod patch;
pub mod relate;
pub mod rule;
pub mod schema;
pub mod score;
pub mod settle;
pub mod simulate;
mod stack;
pub mod state;
pub mod time;
pub mod value;
pub mod verify;

use std::collections::BTreeSet;

use assign::Placement;
use config::Config;
use constraint::Constraints;
pub use diagnostic::{Diagnostic, Severity, Subject};
use graph::{Graph, Transition};
use parse::Document;
use score::Ledger;
use state::State;
use time::Timestamp;

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Configuration and observed state.
    pub cib: &'a Document,
    /// The time for which the plan is made.
    pub now: Timestamp,
}

/// A plan and how it came about.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is to be done, and in which order.
    pub graph: Graph,
    /// Messages about the input, in the order found.
    pub diagnostics: Vec<Diagnostic>,
    /// What the configuration constrains.
    pub constraints: Constraints,
    /// Where everything shall run, and why.
    pub placement: Placement,
    /// Every action that was considered, with its verdict and what decided it.
    pub transition: Transition,
}

/// What was decided: a plan, but for its graph.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What the configuration constrains.
    pub constraints: Constraints,
    /// Where everything shall run, and why.
    pub placement: Placement,
    /// Every action that was considered, with its verdict and what decided it.
    pub transition: Transition,
}

impl Decided {
    /// The graph, and what is wrong with parameters in it. The rest is what it was decided for.
    #[must_use]
    pub fn describe(
        &self,
        cib: &Document,
        cluster: &Cluster,
        now: Timestamp,
    ) -> (Graph, Vec<Diagnostic>) {
        let world = cluster.world(cib, &self.constraints, now);
        graph::describe(world, &self.placement, &self.transition)
    }
}

/// Why no plan was made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    /// The configuration cannot be understood.
    #[error(transparent)]
    Config(#[from] config::ResolveError),
}

/// Makes the plan for an input.
///
/// # Errors
/// If the configuration cannot be understood as one.
pub fn plan(input: &Input<'_>) -> Result<Plan, PlanError> {
    Cluster::read(input.cib, input.now)?.plan(input.cib, input.now)
}

/// A cluster as a CIB shows it: configuration and observed state.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// What is configured.
    pub config: Config,
    /// What is observed.
    pub state: State,
}

impl Cluster {
    /// Reads a cluster from a CIB.
    ///
    /// # Errors
    /// If the configuration cannot be understood as one.
    pub fn read(cib: &Document, now: Timestamp) -> Result<Cluster, PlanError> {
        let mut config = config::resolve(cib, now)?;
        let state = state::unpack(cib, &mut config, now);
        Ok(Cluster { config, state })
    }

    /// Plans for this cluster: every pass, one after the other.
    ///
    /// # Errors
    /// None yet: passes after reading always have a result.
    pub fn plan(&self, cib: &Document, now: Timestamp) -> Result<Plan, PlanError> {
        self.plan_into(cib, now, Ledger::default())
    }

    /// As [`Cluster::plan`], with all score changes in the ledger, for [`explain`].
    ///
    /// # Errors
    /// None yet: passes after reading always have a result.
    pub fn plan_with_ledger(&self, cib: &Document, now: Timestamp) -> Result<Plan, PlanError> {
        self.plan_into(cib, now, Ledger::recording())
    }

    fn plan_into(&self, cib: &Document, now: Timestamp, ledger: Ledger) -> Result<Plan, PlanError> {
        let decided = self.decide_into(cib, now, ledger);
        let (graph, described) = decided.describe(cib, self, now);
        let Decided {
            constraints,
            placement,
            transition,
        } = decided;
        let diagnostics = [
            &self.config.diagnostics,
            &self.state.diagnostics,
            &constraints.diagnostics,
            &placement.diagnostics,
            &transition.draft.diagnostics,
            &described,
        ];
        let diagnostics = diagnostics.into_iter().flatten().cloned().collect();
        Ok(Plan {
            graph,
            diagnostics,
            constraints,
            placement,
            transition,
        })
    }

    /// Every pass but the last: whoever shows only what was decided needs no graph.
    #[must_use]
    pub fn decide(&self, cib: &Document, now: Timestamp) -> Decided {
        self.decide_into(cib, now, Ledger::default())
    }

    fn decide_into(&self, cib: &Document, now: Timestamp, ledger: Ledger) -> Decided {
        let constraints = constraint::unpack(cib, &self.config, &self.state, now);
        let world = self.world(cib, &constraints, now);
        let placement = assign::assign_into(world, ledger);
        let draft = action::act(world, &placement);
        let settled = settle::settle(world, &placement, draft);
        let transition = graph::build(world, &placement, settled);
        Decided {
            constraints,
            placement,
            transition,
        }
    }

    /// What passes after unpack may read.
    #[must_use]
    pub fn world<'a>(
        &'a self,
        document: &'a Document,
        constraints: &'a Constraints,
        now: Timestamp,
    ) -> World<'a> {
        World {
            document,
            config: &self.config,
            state: &self.state,
            constraints,
            now,
        }
    }

    /// Every name by which a resource is known: ids and names in history.
    #[must_use]
    pub fn resource_names(&self) -> BTreeSet<&str> {
        let ids = self
            .state
            .resources
            .iter()
            .map(|resource| resource.id.as_str());
        let history = self
            .state
            .resource
            .iter()
            .filter_map(|state| state.history_id.as_deref());
        ids.chain(history).collect()
    }
}

/// What every pass after unpack may read.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The document.
    pub document: &'a Document,
    /// What it configures.
    pub config: &'a Config,
    /// What it observes.
    pub state: &'a State,
    /// What it constrains.
    pub constraints: &'a Constraints,
    /// The time for which the plan is made.
    pub now: Timestamp,
}
