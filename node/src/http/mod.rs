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
//! | `POST /v1/config?expected=ADMIN.EPOCH` | [`types::ConfigAnswer`]; the body is a CIB |

pub mod client;
mod server;
pub mod types;

pub use server::serve;
