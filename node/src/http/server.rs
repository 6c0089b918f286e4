//! The API's handlers: each asks the core and says it in the API's words.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lockstep_engine::encode::graph_xml;
use serde::Deserialize;
use tokio::net::TcpListener;
use tower_service::Service;

use super::types::{EventText, Events, Problem};
use super::{change, history, members};
use crate::daemon::{CoreHandle, Membership};
use crate::fabric::{Answer, Asked};

/// No CIB that is given may be longer, in bytes: it must fit one log entry.
const MAX_CIB: usize = 15 << 20;
/// No answer that is passed on to another node is longer, in bytes: it must fit one message.
const MAX_PASSED_ON: usize = 32 << 20;
/// Nobody waits longer for events.
const MAX_WAIT: Duration = Duration::from_secs(25);
/// So many events are told at once.
const MAX_EVENTS: usize = 1000;

/// Answers requests for ever.
pub async fn serve(listener: TcpListener, core: CoreHandle, membership: Membership) {
    let routes = shared(core.clone())
        .merge(operators(core))
        .merge(members::routes(membership))
        .fallback(async || problem(StatusCode::NOT_FOUND, "there is no such request", None))
        .layer(DefaultBodyLimit::max(MAX_CIB));
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(%error, "the API ended");
    }
}

/// What agents may ask as well, through their executors, on whatever node they run.
fn shared(core: CoreHandle) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/events", get(events))
        .route("/v1/cib", get(cib))
        .route("/v1/config", post(change::config))
        .route("/v1/attribute", post(change::attribute))
        .route("/v1/cleanup", post(change::cleanup))
        .with_state(core)
}

/// What only people and programs on this host may ask.
fn operators(core: CoreHandle) -> Router {
    Router::new()
        .route("/v1/digest", get(digest))
        .route("/v1/graph", get(graph))
        .route("/v1/history", get(history::list))
        .route("/v1/history/{transition}", get(history::one))
        .route("/v1/history/{transition}/cib", get(history::cib))
        .route("/v1/ticket", post(change::ticket))
        .route("/v1/confirm-fenced", post(change::confirm_fenced))
        .with_state(core)
}

/// Answers what an agent on some node asked its executor.
pub async fn answer(core: CoreHandle, asked: Asked) -> Answer {
    let method = match asked.change {
        true => Method::POST,
        false => Method::GET,
    };
    let request = Request::builder()
        .method(method)
        .uri(&asked.path)
        .body(Body::from(asked.body));
    let Ok(request) = request else {
        return Answer::problem(StatusCode::BAD_REQUEST.as_u16(), "this is no request");
    };
    let mut routes = shared(core).layer(DefaultBodyLimit::max(MAX_CIB));
    // The router is always ready, and its answers are its errors.
    let response = match routes.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let code = response.status().as_u16();
    match axum::body::to_bytes(response.into_body(), MAX_PASSED_ON).await {
        Ok(bytes) => Answer {
            code,
            body: bytes.to_vec(),
        },
        Err(_) => Answer::problem(
            StatusCode::PAYLOAD_TOO_LARGE.as_u16(),
            "the answer is too long to be passed on",
        ),
    }
}

pub(super) fn problem(code: StatusCode, text: impl Into<String>, hint: Option<&str>) -> Response {
    let problem = Problem {
        problem: text.into(),
        hint: hint.map(str::to_owned),
    };
    (code, Json(problem)).into_response()
}

pub(super) fn stopping() -> Response {
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "this controller is stopping",
        None,
    )
}

async fn status(State(core): State<CoreHandle>) -> Response {
    match core.ask(|view| view.status()).await {
        Some(status) => Json(status).into_response(),
        None => stopping(),
    }
}

async fn digest(State(core): State<CoreHandle>) -> Response {
    match core.ask(|view| view.digest()).await {
        Some(digest) => Json(digest).into_response(),
        None => stopping(),
    }
}

pub(super) fn xml(text: String) -> Response {
    ([("content-type", "application/xml")], text).into_response()
}

async fn cib(State(core): State<CoreHandle>) -> Response {
    core.ask(|view| view.cluster().cib().to_xml())
        .await
        .map_or_else(stopping, xml)
}

async fn graph(State(core): State<CoreHandle>) -> Response {
    let graph = core.ask(|view| view.cluster().transition().map(|t| graph_xml(&t.graph)));
    match graph.await {
        Some(Some(text)) => xml(text),
        Some(None) => problem(StatusCode::NOT_FOUND, "there is no plan yet", None),
        None => stopping(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Since {
    after: u64,
    wait_ms: u64,
}

async fn events(State(core): State<CoreHandle>, Query(since): Query<Since>) -> Response {
    let wait = Duration::from_millis(since.wait_ms).min(MAX_WAIT);
    let mut news = core.news();
    let there = news.wait_for(|index| *index > since.after);
    // Without news there is an empty answer.
    let _ = tokio::time::timeout(wait, there).await;
    let (events, upto) = core.events_after(since.after);
    let mut told: Vec<EventText> = events
        .iter()
        .take(MAX_EVENTS)
        .map(EventText::from)
        .collect();
    let next = match events.get(MAX_EVENTS) {
        // The rest later; events of one index stay together.
        Some(first_left) => {
            told.retain(|event| event.index < first_left.index);
            first_left.index - 1
        }
        None => upto,
    };
    Json(Events { events: told, next }).into_response()
}
