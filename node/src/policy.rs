//! How does the replicated state run the engine?
//!
//! The one place where this crate meets the engine's passes: [`Engine`] is the
//! [`Policy`] of real controllers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep_engine::graph::GraphAction;
use lockstep_engine::parse::Document;
use lockstep_engine::simulate::{OperationResult, record_fencing, record_operation};
use lockstep_engine::time::Timestamp;
use lockstep_engine::{Input, encode, plan};

use crate::cluster::policy::{ActionResult, Planned, Policy};

/// Who writes results into the status, for `crm-debug-origin`.
const ORIGIN: &str = "lockstep";

/// The engine itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine;

impl Policy for Engine {
    fn plan(&self, cib: &Document, transition: u64, now: Timestamp) -> Result<Planned, String> {
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
        };
        // The only error is an action without a resource or node; such an action has no history.
        let _ = record_operation(cib, action, &result);
    }

    fn record_fencing(&self, cib: &mut Document, node: &str, operation: &str) {
        record_fencing(cib, node, operation, ORIGIN);
    }
}
