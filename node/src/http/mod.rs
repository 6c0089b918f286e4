//! How do people and programs of this host talk to a controller?
//!
//! JSON over HTTP on loopback. Reading works on every controller; what changes something is passed
//! on to the leader, and answered when this controller has applied it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`types::Status`] |
//! | `GET /v1/events?after=INDEX&wait_ms=MS` | [`types::Events`]; waits for news at most so long |
//! | `GET /v1/digest` | [`types::StateDigest`] |
//! | `GET /v1/cib` | the CIB, as XML |
//! | `GET /v1/graph` | the latest transition graph, as Pacemaker's XML |
//! | `GET /v1/history`, `GET /v1/history/N` | [`types::SavedPlanText`], all or one |
//! | `GET /v1/history/N/cib` | what plan N was made from, as XML |
//! | `GET /v1/members` | [`types::MembersAnswer`]: the controllers |
//! | `POST /v1/members/transfer?to=WHO`, `/v1/members/remove?who=WHO` | [`types::MemberAnswer`] |
//! | `POST /v1/members/leave` | [`types::MemberAnswer`]: this node leaves, and its daemon ends |
//! | `POST /v1/config?expected=ADMIN.EPOCH` | [`types::ConfigAnswer`]; the body is a CIB |
//! | `POST /v1/attribute` with [`types::AttributeRequest`] | [`types::AppliedAnswer`] |
//! | `POST /v1/cleanup` with [`types::CleanupRequest`] | [`types::AppliedAnswer`] |
//! | `POST /v1/ticket` with [`types::TicketRequest`] | [`types::AppliedAnswer`] |
//! | `POST /v1/confirm-fenced` with [`types::ConfirmFencedRequest`] | [`types::AppliedAnswer`] |
//!
//! Agents ask the executor of their node, on whatever node they run; it passes on, over the
//! connection that it has anyway, what `server::answer` lets them ask.
//!
//! Any other answer is a [`types::Problem`] with a status code that says whose fault it is.

mod change;
pub mod client;
mod history;
mod members;
mod server;
pub mod types;

pub use server::{answer, serve};
