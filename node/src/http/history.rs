//! What was planned, and from what? The saved inputs, as any controller has them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::server::{problem, stopping, xml};
use super::types::{ProgressText, SavedPlanText, hex};
use crate::cluster::Cluster;
use crate::cluster::history::SavedPlan;
use crate::cluster::transition::Progress;
use crate::daemon::CoreHandle;

/// `GET /v1/history`
pub(super) async fn list(State(core): State<CoreHandle>) -> Response {
    let all = core.ask(|view| {
        let cluster = view.cluster();
        let plans = cluster.history().iter();
        plans
            .map(|plan| described(cluster, plan))
            .collect::<Vec<_>>()
    });
    match all.await {
        Some(all) => Json(all).into_response(),
        None => stopping(),
    }
}

/// `GET /v1/history/N`
pub(super) async fn one(State(core): State<CoreHandle>, Path(transition): Path<u64>) -> Response {
    let found = core.ask(move |view| {
        let cluster = view.cluster();
        let plan = cluster.history().find(transition);
        plan.map(|plan| described(cluster, plan))
    });
    match found.await {
        Some(Some(plan)) => Json(plan).into_response(),
        Some(None) => missing(transition),
        None => stopping(),
    }
}

/// `GET /v1/history/N/cib`
pub(super) async fn cib(State(core): State<CoreHandle>, Path(transition): Path<u64>) -> Response {
    let found = core.ask(move |view| {
        let plan = view.cluster().history().find(transition);
        plan.map(|plan| plan.cib.to_string())
    });
    match found.await {
        Some(Some(cib)) => xml(cib),
        Some(None) => missing(transition),
        None => stopping(),
    }
}

fn missing(transition: u64) -> Response {
    problem(
        StatusCode::NOT_FOUND,
        format!("plan {transition} is not among the saved ones"),
        Some("`lockstep history list` shows them"),
    )
}

fn described(cluster: &Cluster, plan: &SavedPlan) -> SavedPlanText {
    let in_force = cluster
        .transition()
        .filter(|transition| transition.number == plan.transition);
    let ending = cluster.endings().find(plan.transition);
    let (aborted, progress) = match (in_force, ending) {
        (Some(transition), _) => (&transition.aborted, transition.all_progress()),
        (None, Some(ending)) => (&ending.aborted, ending.progress.as_slice()),
        (None, None) => (&None, [].as_slice()),
    };
    let state = match (aborted, in_force, plan.digest) {
        (_, _, None) => "refused",
        (Some(_), ..) => "abandoned",
        (None, Some(transition), _) if !transition.is_over() => "running",
        _ => "complete",
    };
    SavedPlanText {
        transition: plan.transition,
        index: plan.index,
        now: plan.now,
        utc_offset: plan.utc_offset,
        reason: plan.reason.clone(),
        digest: plan.digest.as_ref().map(hex),
        bytes: plan.cib.len(),
        state: state.to_owned(),
        abandoned: aborted.clone(),
        progress: progress.iter().map(|at| told(*at)).collect(),
    }
}

fn told(progress: Progress) -> ProgressText {
    match progress {
        Progress::Waiting => ProgressText::Waiting,
        Progress::Done => ProgressText::Done,
        Progress::Failed => ProgressText::Failed,
    }
}
