//! How does the replicated state run the engine?
//!
//! The one place where controllers meet the engine's passes: [`Engine`] is the [`Policy`] of real
//! controllers, and [`admit`] the look that it takes at a configuration before anybody proposes it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep_engine::graph::GraphAction;
use lockstep_engine::parse::{Document, Limits, Position};
use lockstep_engine::schema;
use lockstep_engine::simulate::{OperationResult, record_fencing, record_operation};
use lockstep_engine::time::Timestamp;
use lockstep_engine::{Input, Severity, encode, plan};

use crate::cluster::policy::{ActionResult, Planned, Policy};

/// Who writes results into the status, for `crm-debug-origin`.
const ORIGIN: &str = "lockstep";

/// The engine itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine;

impl Policy for Engine {
    // All levels decide alike so far. Whoever changes what the engine decides about some CIB raises the level
    // and keeps what lower ones decide: see `cluster::versions`.
    fn plan(
        &self,
        cib: &Document,
        transition: u64,
        now: Timestamp,
        _level: u16,
    ) -> Result<Planned, String> {
        // A bug that some CIB brings out must not take down every controller, again at each start:
        // the state goes on without a plan and says so. All controllers see the same.
        let planned = catch_unwind(AssertUnwindSafe(|| plan(&Input { cib, now })));
        let mut graph = match planned {
            Ok(Ok(plan)) => plan.graph,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the engine failed on this CIB: please report it".into()),
        };
        graph.attributes.transition_id = transition;
        let digest = encode::digest(&graph).0;
        Ok(Planned { graph, digest })
    }

    fn record(&self, cib: &mut Document, action: &GraphAction, result: &ActionResult) {
        let result = OperationResult {
            rc: result.rc,
            op_status: result.op_status,
            expected_rc: result.expected_rc,
            exit_reason: result.exit_reason.clone(),
            call_id: None,
            transition: result.transition_key.clone(),
            last_rc_change: result.last_rc_change,
            exec_time_ms: result.exec_ms,
            queue_time_ms: result.queue_ms,
            origin: ORIGIN.to_owned(),
            restart_for: result.restart_for.clone(),
        };
        // The only error is an action without a resource or node; such an action has no history.
        let _ = record_operation(cib, action, &result);
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str) {
        record_fencing(cib, node, operation, ORIGIN);
    }
}

/// A configuration that the engine can plan for.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The CIB in the newest schema.
    pub cib: Document,
    /// What should be known about it.
    pub notes: Vec<Note>,
}

/// Something that should be known about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How serious it is.
    pub severity: Severity,
    /// Where, if that is one place of the given text.
    pub place: Option<Position>,
    /// What.
    pub text: String,
}

/// Why a configuration is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAdmitted {
    /// Whether it is not even XML.
    pub malformed: bool,
    /// Where, if that is one place of the given text.
    pub place: Option<Position>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl std::fmt::Display for NotAdmitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(Position { line, column }) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        write!(f, "{}", self.text)
    }
}

/// Looks at a configuration as every controller will: is it XML, is it valid in the schema that it
/// names, can the newest schema say the same, and does the engine plan for it? What is not admitted
/// must not get into the log.
///
/// # Errors
/// If one of the answers is no; with its place.
pub fn admit(bytes: &[u8], now: Timestamp) -> Result<Admitted, NotAdmitted> {
    let mut cib = Document::parse(bytes, &Limits::default()).map_err(|error| NotAdmitted {
        malformed: true,
        place: Some(error.position),
        text: error.message(),
        hint: Some(error.hint().to_owned()),
    })?;
    let root = cib.root();
    // What people write by hand has not been counted yet.
    for counter in ["admin_epoch", "epoch", "num_updates"] {
        if cib.name(root) == "cib" && cib.attr(root, counter).is_none() {
            cib.set_attr(root, counter, "0");
        }
    }
    let refused = |place, text: String, hint| NotAdmitted {
        malformed: false,
        place,
        text,
        hint,
    };
    let upgraded = schema::upgrade(&mut cib).map_err(|error| {
        let text = match error.violation() {
            Some(violation) => format!("{error}: {violation}"),
            None => error.to_string(),
        };
        refused(error.position(), text, Some(error.hint()))
    })?;
    if cib.child(root, "configuration").is_none() {
        let text = "a <cib> without <configuration> is no CIB".to_owned();
        return Err(refused(cib.position(root), text, None));
    }
    let broken = || {
        let text = "the engine failed on this CIB: please report it".to_owned();
        refused(None, text, None)
    };
    let planned = catch_unwind(AssertUnwindSafe(|| plan(&Input { cib: &cib, now })));
    let plan = planned
        .map_err(|_| broken())?
        .map_err(|error| refused(None, error.to_string(), None))?;
    let upgraded = upgraded.notes.into_iter().map(|text| Note {
        severity: Severity::Notice,
        place: None,
        text,
    });
    let found = plan.diagnostics.into_iter().map(|diagnostic| Note {
        severity: diagnostic.severity,
        place: diagnostic.element.and_then(|e| cib.position(e)),
        text: diagnostic.message,
    });
    let notes = upgraded.chain(found).collect();
    Ok(Admitted { cib, notes })
}
