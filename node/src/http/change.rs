//! Requests that change something: each becomes one command, and is answered once that is applied
//! here. What cannot be understood is refused before anything is proposed.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::server::{problem, stopping};
use super::types::{
    AppliedAnswer, AttributeRequest, CleanupRequest, ConfigAnswer, ConfirmFencedRequest, EventText,
    LifetimeText, TicketChangeText, TicketRequest,
};
use crate::clock;
use crate::cluster::Refusal;
use crate::cluster::command::{Cleanup, CleanupOperation, Command, Epoch, Lifetime, TicketChange};
use crate::daemon::{CoreHandle, SubmitError};
use crate::policy::{self, NotAdmitted};

/// Names of nodes, attributes and the like are not longer, in bytes.
const MAX_NAME: usize = 1024;
/// Values are not longer, in bytes.
const MAX_VALUE: usize = 64 << 10;

#[derive(Deserialize)]
pub(super) struct Expectation {
    expected: Option<String>,
}

/// `POST /v1/config?expected=ADMIN.EPOCH`
pub(super) async fn config(
    State(core): State<CoreHandle>,
    Query(expectation): Query<Expectation>,
    body: Bytes,
) -> Response {
    let expected = match expectation.expected.as_deref().map(parse_epoch) {
        None => None,
        Some(Some(epoch)) => Some(epoch),
        Some(None) => {
            let text = "`expected` is not ADMIN.EPOCH, as in 0.12";
            return problem(StatusCode::BAD_REQUEST, text, None);
        }
    };
    let Some(now) = core.ask(|view| view.now().at).await else {
        return stopping();
    };
    // Looked at before it is proposed: what the engine refuses changes nothing.
    let checked =
        tokio::task::spawn_blocking(move || policy::admit(&body, clock::local(now))).await;
    let mut admitted = match checked {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(refused)) => return not_admitted(&refused),
        Err(_) => {
            let text = "the engine failed on this CIB: please report it";
            return problem(StatusCode::UNPROCESSABLE_ENTITY, text, None);
        }
    };
    // The cluster's own observations stay; those of the given CIB need not be replicated.
    let root = admitted.cib.root();
    while let Some(status) = admitted.cib.child(root, "status") {
        admitted.cib.remove(status);
    }
    let command = Command::ReplaceConfig {
        expected,
        cib: admitted.cib.to_xml().into_bytes(),
    };
    match core.submit(command).await {
        Ok(index) => match core.ask(|view| view.cluster().epoch().to_string()).await {
            Some(epoch) => Json(ConfigAnswer {
                epoch,
                index,
                notes: admitted.notes.into_iter().map(Into::into).collect(),
            })
            .into_response(),
            None => stopping(),
        },
        Err(error) => not_applied(&error),
    }
}

/// `POST /v1/attribute`
pub(super) async fn attribute(State(core): State<CoreHandle>, body: Bytes) -> Response {
    let request = match read::<AttributeRequest>(&body) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let names = [request.node.as_str(), request.name.as_str()];
    if let Err(refused) = check(&names, request.value.as_deref()) {
        return *refused;
    }
    let command = Command::SetAttribute {
        node: request.node,
        name: request.name,
        value: request.value,
        lifetime: match request.lifetime {
            LifetimeText::Forever => Lifetime::Permanent,
            LifetimeText::Reboot => Lifetime::Transient,
        },
    };
    apply(&core, command).await
}

/// `POST /v1/cleanup`
pub(super) async fn cleanup(State(core): State<CoreHandle>, body: Bytes) -> Response {
    let request = match read::<CleanupRequest>(&body) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let CleanupRequest {
        resource,
        node,
        task,
        interval_ms,
        everything,
    } = request;
    let names = [&resource, &node, &task].map(|name| name.as_deref().unwrap_or("-"));
    if let Err(refused) = check(&names, None) {
        return *refused;
    }
    let operation = task.map(|task| CleanupOperation { task, interval_ms });
    let what = Cleanup {
        resource,
        node,
        operation,
        everything,
    };
    apply(&core, Command::Cleanup { what }).await
}

/// `POST /v1/ticket`
pub(super) async fn ticket(State(core): State<CoreHandle>, body: Bytes) -> Response {
    let TicketRequest { ticket, change } = match read::<TicketRequest>(&body) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let (name, value) = match &change {
        TicketChangeText::Attribute { name, value } => (name.as_str(), value.as_deref()),
        _ => ("-", None),
    };
    if let Err(refused) = check(&[&ticket, name], value) {
        return *refused;
    }
    let change = match change {
        TicketChangeText::Grant => TicketChange::Grant,
        TicketChangeText::Revoke => TicketChange::Revoke,
        TicketChangeText::Standby => TicketChange::Standby(true),
        TicketChangeText::Activate => TicketChange::Standby(false),
        TicketChangeText::Attribute { name, value } => TicketChange::Attribute { name, value },
        TicketChangeText::Remove => TicketChange::Remove,
    };
    apply(&core, Command::Ticket { ticket, change }).await
}

/// `POST /v1/confirm-fenced`
pub(super) async fn confirm_fenced(State(core): State<CoreHandle>, body: Bytes) -> Response {
    match read::<ConfirmFencedRequest>(&body) {
        Ok(ConfirmFencedRequest { node }) => apply(&core, Command::ConfirmFenced { node }).await,
        Err(refused) => *refused,
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Box<Response>> {
    serde_json::from_slice(body).map_err(|error| {
        let text = format!("the request is not understood: {error}");
        Box::new(problem(StatusCode::BAD_REQUEST, text, None))
    })
}

/// Whether names and a value can stand in the CIB.
fn check(names: &[&str], value: Option<&str>) -> Result<(), Box<Response>> {
    let refused = |text: String| Box::new(problem(StatusCode::BAD_REQUEST, text, None));
    for name in names {
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            return Err(refused(format!("{name:?} is no name")));
        }
    }
    // What XML cannot say would make the whole state unreadable.
    let is_sayable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    match value {
        Some(value) if value.len() > MAX_VALUE || !value.chars().all(is_sayable) => Err(refused(
            format!("the value is longer than {MAX_VALUE} bytes, or no text"),
        )),
        _ => Ok(()),
    }
}

async fn apply(core: &CoreHandle, command: Command) -> Response {
    match core.submit(command).await {
        Ok(index) => {
            let events = core.events_at(index).iter().map(EventText::from).collect();
            Json(AppliedAnswer { index, events }).into_response()
        }
        Err(error) => not_applied(&error),
    }
}

fn not_admitted(refused: &NotAdmitted) -> Response {
    let code = match refused.malformed {
        true => StatusCode::BAD_REQUEST,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    problem(code, refused.to_string(), refused.hint.as_deref())
}

fn not_applied(error: &SubmitError) -> Response {
    let code = match error {
        SubmitError::Refused(Refusal::OtherEpoch { .. }) => StatusCode::CONFLICT,
        SubmitError::Refused(
            Refusal::UnknownNode(_) | Refusal::UnknownResource(_) | Refusal::UnknownTicket(_),
        ) => StatusCode::NOT_FOUND,
        SubmitError::Refused(Refusal::IsOnline(_)) => StatusCode::FORBIDDEN,
        SubmitError::Refused(_) | SubmitError::TooEarly(_) => StatusCode::UNPROCESSABLE_ENTITY,
        SubmitError::Slow => StatusCode::GATEWAY_TIMEOUT,
        SubmitError::NotProposed(_) | SubmitError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    problem(code, error.to_string(), None)
}

fn parse_epoch(text: &str) -> Option<Epoch> {
    let (admin, epoch) = text.split_once('.')?;
    Some(Epoch {
        admin: admin.parse().ok()?,
        epoch: epoch.parse().ok()?,
    })
}
