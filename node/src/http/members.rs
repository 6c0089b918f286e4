//! The controllers: who they are, and how that is changed.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lockstep_consensus::runtime::{GroupStatus, PeerStatus};
use lockstep_consensus::types::{Members, NodeId};
use serde::Deserialize;

use super::server::problem;
use super::types::{MemberAnswer, MemberText, MembersAnswer, SnapshotText};
use crate::daemon::Membership;

pub(super) fn routes(membership: Membership) -> Router {
    Router::new()
        .route("/v1/members", get(list))
        .route("/v1/members/transfer", post(transfer))
        .route("/v1/members/remove", post(remove))
        .route("/v1/members/leave", post(leave))
        .with_state(membership)
}

async fn list(State(membership): State<Membership>) -> Response {
    Json(describe(&membership.status())).into_response()
}

fn describe(status: &GroupStatus) -> MembersAnswer {
    let members = &status.members;
    let member = |id: NodeId| {
        let peer = status.peers.iter().find(|peer| peer.id == id);
        MemberText {
            id,
            node: members.names.get(&id).cloned().unwrap_or_default(),
            address: members.addresses.get(&id).cloned().unwrap_or_default(),
            role: role(members, status.leader, id).to_owned(),
            connected: peer.map(|peer| peer.connected),
            refused: peer.and_then(|peer| peer.refused.clone()),
            behind: peer
                .and_then(|peer| peer.matched)
                .map(|matched| status.last_index.saturating_sub(matched)),
            snapshot: peer.and_then(snapshot),
        }
    };
    MembersAnswer {
        controller: status.node_id,
        leader: status.leader,
        term: status.term,
        changing: members.is_joint(),
        disk_full: status.disk_full,
        members: members.ids().into_iter().map(member).collect(),
    }
}

fn role(members: &Members, leader: Option<NodeId>, id: NodeId) -> &'static str {
    if leader == Some(id) {
        "leader"
    } else if members.voters.contains(&id) {
        "voter"
    } else if members.outgoing.contains(&id) {
        "leaving"
    } else {
        "learner"
    }
}

fn snapshot(peer: &PeerStatus) -> Option<SnapshotText> {
    let (sent, bytes) = match peer.snapshot_progress {
        Some(progress) => progress,
        None if peer.snapshot => (0, 0),
        None => return None,
    };
    Some(SnapshotText { sent, bytes })
}

#[derive(Deserialize)]
struct Who {
    who: String,
}

#[derive(Deserialize)]
struct To {
    to: Option<String>,
}

async fn transfer(State(membership): State<Membership>, Query(To { to }): Query<To>) -> Response {
    let to = to.map(|who| membership.find(&who)).transpose();
    let done = match to {
        Ok(to) => membership.transfer(to).await,
        Err(unknown) => Err(unknown),
    };
    answer(done)
}

async fn remove(State(membership): State<Membership>, Query(Who { who }): Query<Who>) -> Response {
    let id = match membership.find(&who) {
        Ok(id) => id,
        Err(unknown) => return refused(&unknown),
    };
    answer(membership.remove(id).await.map(|()| id))
}

async fn leave(State(membership): State<Membership>) -> Response {
    answer(membership.leave().map(|()| membership.me()))
}

fn answer(done: Result<NodeId, String>) -> Response {
    match done {
        Ok(controller) => Json(MemberAnswer { controller }).into_response(),
        Err(why) => refused(&why),
    }
}

fn refused(why: &str) -> Response {
    problem(StatusCode::CONFLICT, why, None)
}
