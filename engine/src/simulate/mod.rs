//! simulate: what would happen? `crm_simulate`'s behaviour as a function.
//!
//! [`run`] shows a cluster, changes it as asked ([`Injections`]), plans, and carries the plan out
//! on the document, as if every action gave the expected result. What it returns is what the
//! command prints and writes; it touches nothing outside.

mod execute;
mod history;
mod inject;
mod listing;
mod status;
pub(crate) mod summary;

pub use history::{
    OperationResult, RecordError, record_fencing, record_operation, record_operation_as,
    set_node_state,
};
pub use inject::{InjectError, Injections};
pub use status::{Asked, Fenced, Sections, status_text, status_xml};

use crate::constraint::Constraints;
use crate::graph::Graph;
use crate::parse::Document;
use crate::time::{Date, Timestamp};
use crate::{Cluster, Decided, PlanError, action, encode};
use execute::{Execution, Outcome};
use listing::Listing;

/// What is asked for.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent switches of a command"
)]
pub struct Settings {
    /// Plan.
    pub schedule: bool,
    /// Carry the plan out.
    pub execute: bool,
    /// Answer programs, in XML: the command, as it was typed.
    pub request: Option<String>,
    /// Say nothing but scores.
    pub quiet: bool,
    /// Show scores.
    pub scores: bool,
    /// Show utilization.
    pub utilization: bool,
    /// Show node attributes.
    pub attributes: bool,
    /// Show fail counts and failed operations.
    pub failures_shown: bool,
    /// Draw all actions, with numbers.
    pub all_actions: bool,
    /// Number the actions that are drawn.
    pub verbose: bool,
    /// The date that was asked for, as it was written.
    pub date: Option<String>,
    /// Changes to make first.
    pub injections: Injections,
    /// Results to pretend: `RSC_TASK_MS@NODE=RC`.
    pub failures: Vec<String>,
    /// When results are said to have come, epoch.
    pub wall_clock: i64,
    /// Return the document as it is before planning.
    pub keep_input: bool,
    /// Return the graph as XML.
    pub graph: bool,
    /// Return the graph as dot.
    pub dot: bool,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// What is printed.
    pub output: String,
    /// Lines for standard error.
    pub errors: Vec<String>,
    /// The graph as XML, if it was asked for and a plan was made.
    pub graph: Option<String>,
    /// The graph as dot, if it was asked for and a plan was made.
    pub dot: Option<String>,
    /// The document before planning, if it was asked for.
    pub input: Option<Document>,
    /// Some actions wait for something that never comes.
    pub incomplete: bool,
    /// The cluster, and what was decided for it, if that was asked for; with the graph, if that was
    /// needed.
    pub decided: Option<(Cluster, Decided, Option<Graph>)>,
}

/// Why nothing came out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SimulateError {
    /// The plan could not be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An injection could not be made.
    #[error(transparent)]
    Inject(#[from] InjectError),
}

/// Simulates; `cib` becomes what the cluster's state would be afterwards.
///
/// # Errors
/// If the CIB cannot be planned for, or an injection names an unknown node.
pub fn run(
    cib: &mut Document,
    now: Timestamp,
    settings: &Settings,
) -> Result<Simulation, SimulateError> {
    let mut listing = match &settings.request {
        Some(request) => Listing::for_programs(request),
        None => Listing::default(),
    };
    // Programs find out themselves what they want to know.
    let settings = &Settings {
        quiet: settings.quiet && settings.request.is_none(),
        ..settings.clone()
    };
    let mut result = Simulation::default();
    let sections = Sections {
        attributes: settings.attributes,
        failures: settings.failures_shown,
        pending: true,
    };

    announce_date(&mut listing, cib, settings);
    let mut cluster = Cluster::read(cib, now)?;
    // Whether there is anything above that is to be set apart from what comes.
    let mut shown = !settings.quiet;
    if !settings.quiet {
        announce_changed_devices(&mut listing, cib, &cluster, now, true);
        announce_obstacles(&mut listing, &cluster);
        status::write(
            &mut listing,
            cib,
            &cluster,
            now,
            sections,
            "Current cluster status",
            "cluster_status",
        );
    }
    if settings.injections.any() {
        let mut silent = Listing::default();
        listing.spacer_after(shown);
        inject::Injector {
            state: &cluster.state,
            start_failure_is_fatal: cluster.config.options.start_failure_is_fatal,
            wall_clock: settings.wall_clock,
            listing: if settings.quiet {
                &mut silent
            } else {
                &mut listing
            },
            errors: &mut result.errors,
            cib,
        }
        .run(&settings.injections)?;
        // The peer leaves room even if it has told nothing.
        shown = true;
        announce_date(&mut listing, cib, settings);
        cluster = Cluster::read(cib, now)?;
        if !settings.quiet {
            announce_changed_devices(&mut listing, cib, &cluster, now, true);
        }
    }
    result.input = settings.keep_input.then(|| cib.clone());
    if !settings.schedule && !settings.execute {
        result.output = listing.finish(0, &result.errors);
        return Ok(result);
    }

    let decided = cluster.decide(cib, now);
    write_decided(&mut listing, cib, &cluster, &decided, now, settings, shown);
    shown |= settings.scores || settings.utilization;
    // To spell out every action takes a tenth of the time.
    let wanted = settings.graph || settings.execute;
    let graph = wanted.then(|| decided.describe(cib, &cluster, now).0);
    result.graph = graph
        .as_ref()
        .filter(|_| settings.graph)
        .map(encode::graph_xml);
    result.dot = settings.dot.then(|| {
        let world = cluster.world(cib, &decided.constraints, now);
        let (all, ids) = (settings.all_actions, settings.verbose);
        encode::dot(world, &decided.transition, all, ids)
    });

    if let Some(graph) = graph.as_ref().filter(|_| settings.execute) {
        listing.spacer_after(shown);
        execute_graph(&mut listing, &mut result, cib, &cluster, graph, settings);
        if !settings.quiet {
            announce_date(&mut listing, cib, settings);
            let revised = Cluster::read(cib, now)?;
            announce_changed_devices(&mut listing, cib, &revised, now, false);
            listing.spacer();
            let sections = Sections {
                pending: false,
                ..sections
            };
            status::write(
                &mut listing,
                cib,
                &revised,
                now,
                sections,
                "Revised Cluster Status",
                "revised_cluster_status",
            );
        }
    }
    result.output = listing.finish(i32::from(result.incomplete), &result.errors);
    result.decided = Some((cluster, decided, graph));
    Ok(result)
}

/// The answer, as XML, to a program that asked for something of which there is only to say how it
/// ended: an exit code, and what was complained of.
#[must_use]
pub fn answer_to_program(request: &str, code: i32, errors: &[String]) -> String {
    Listing::for_programs(request).finish(code, errors)
}

fn announce_date(listing: &mut Listing, cib: &Document, settings: &Settings) {
    if settings.quiet {
        return;
    }
    if let Some(date) = &settings.date {
        listing.line(format_args!("Setting effective cluster time: {date}"));
        return;
    }
    let execution_date = cib
        .attr(cib.root(), "execution-date")
        .and_then(crate::value::integer);
    if let Some(seconds) = execution_date {
        let date = Date::new(Timestamp::utc(seconds));
        let (year, month, day) = date.year_month_day();
        let (hour, minute, second) = date.hour_minute_second();
        listing.line(format_args!(
            "Using the original execution date of: \
             {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z"
        ));
    }
}

/// Which nodes are unfenced because fence devices are not what they were, as found while reading; with
/// `advice` on how to have that accepted. The peer gives none once the plan is carried out.
fn announce_changed_devices(
    listing: &mut Listing,
    cib: &Document,
    cluster: &Cluster,
    now: Timestamp,
    advice: bool,
) {
    let nothing = Constraints::default();
    for (node, change) in action::fencing::changed_devices(cluster.world(cib, &nothing, now)) {
        let node = &cluster.state.nodes[node].name;
        let device = &cluster.state.resources[change.device].id;
        let Some(secure) = change.secure else {
            listing.line(format_args!(
                "Only 'private' parameters to {device} for unfencing {node} changed"
            ));
            continue;
        };
        if advice {
            listing.line(format_args!(
                "Parameters to {device} for unfencing {node} changed, try '{secure}'"
            ));
        }
        listing.line(format_args!(
            "notice: Unfencing node {node} because the definition of {device} changed"
        ));
    }
}

/// What keeps the cluster from acting, above the listing.
fn announce_obstacles(listing: &mut Listing, cluster: &Cluster) {
    let mut printed = false;
    if cluster.config.options.maintenance_mode {
        listing.spacer();
        listing.line("              *** Resource management is DISABLED ***");
        listing.line("  The cluster will not attempt to start, stop or recover services");
        printed = true;
    }
    let counts = status::counts(&cluster.state);
    if counts.disabled > 0 || counts.blocked > 0 {
        if printed {
            listing.spacer();
        }
        listing.line(format_args!(
            "{} of {} resource instances DISABLED and {} BLOCKED from further action due to \
             failure",
            counts.disabled, counts.instances, counts.blocked
        ));
        printed = true;
    }
    if printed {
        listing.spacer();
    }
}

fn write_decided(
    listing: &mut Listing,
    cib: &Document,
    cluster: &Cluster,
    decided: &Decided,
    now: Timestamp,
    settings: &Settings,
    shown: bool,
) {
    let world = cluster.world(cib, &decided.constraints, now);
    // Who wants nothing but scores gets lines without decoration.
    let plain = settings.quiet && settings.scores;
    let title = match (settings.scores, settings.utilization) {
        (true, true) => Some((
            "Assignment Scores and Utilization Information",
            "allocations_utilizations",
        )),
        (true, false) => Some(("Assignment Scores", "allocations")),
        (false, true) => Some(("Utilization Information", "utilizations")),
        (false, false) => None,
    };
    if let Some((title, name)) = title {
        listing.spacer_after(shown);
        if !plain {
            listing.begin_as(title, name);
        }
        let report = &decided.placement.report;
        for entry in report.entries(world, settings.scores, settings.utilization) {
            if plain {
                listing.line(entry.text());
            } else {
                listing.item_with(entry.text(), entry.name, &entry.values(), &entry.amounts());
            }
        }
        if !plain {
            listing.end();
        }
    }
    if !settings.quiet {
        listing.spacer();
        summary::write(listing, world, &decided.placement, &decided.transition);
    }
}

fn execute_graph(
    listing: &mut Listing,
    result: &mut Simulation,
    cib: &mut Document,
    cluster: &Cluster,
    graph: &Graph,
    settings: &Settings,
) {
    let known = cluster.resource_names();
    let is_known = |name: &str| known.contains(name);
    let mut execution = Execution {
        graph,
        cib,
        is_known: &is_known,
        wall_clock: settings.wall_clock,
        failures: &settings.failures,
        adds_nodes: settings.injections.adds_nodes(),
        errors: &mut result.errors,
    };
    let mut silent = Listing::default();
    let outcome = if settings.quiet {
        execution.run(&mut silent)
    } else {
        listing.begin_as("Executing Cluster Transition", "transition");
        let outcome = execution.run(listing);
        listing.end();
        outcome
    };
    if outcome == Outcome::Terminated {
        result
            .errors
            .push("Transition failed: terminated".to_owned());
        result
            .errors
            .push("An invalid transition was produced".to_owned());
        result.incomplete = true;
    }
}

#[cfg(test)]
mod tests;
