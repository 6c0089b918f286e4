//! What is replicated, and the clients who ask for it.

use bytes::Bytes;

use super::check::next_state;
use super::world::{Event, Outcome, World};
use crate::group::{Apply, Input};
use crate::types::{Committed, NodeId, Snapshot};

/// The application on one node: its state, and up to where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct App {
    pub(super) index: u64,
    pub(super) state: u64,
}

impl App {
    pub(super) fn encode(self) -> Bytes {
        let mut bytes = [self.index.to_le_bytes(), self.state.to_le_bytes()].concat();
        // More than one sector.
        bytes.resize(1_500, 0x77);
        bytes.into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<App> {
        let index = u64::from_le_bytes(*bytes.first_chunk()?);
        let state = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
        Some(App { index, state })
    }
}

/// What a client waits for.
pub(super) enum Request {
    Command(Vec<u8>),
    /// The index that the read must see.
    Read(u64),
}

impl World {
    pub(super) fn apply(&mut self, id: NodeId, step: Apply) -> Outcome {
        let Some(running) = self
            .nodes
            .get_mut(&id)
            .and_then(|node| node.running.as_mut())
        else {
            return Ok(());
        };
        match step {
            Apply::Restore(Snapshot { meta, data }) => {
                let app = App::decode(&data).ok_or("a snapshot cannot be read")?;
                if app.index != meta.index {
                    return Err(format!(
                        "node {id}: snapshot at {} of {}",
                        meta.index, app.index
                    ));
                }
                running.app = app;
                self.summary.restores += 1;
                self.ledger.restores(id, app.index, app.state)
            }
            Apply::Command(Committed {
                index,
                term,
                data,
                proposal,
            }) => {
                if index <= running.app.index {
                    return Err(format!("node {id} is given {index} again"));
                }
                let state = next_state(running.app.state, index, &data);
                running.app = App { index, state };
                if let Some(request) = proposal {
                    let answered = running.open.remove(&request);
                    if !matches!(answered, Some(Request::Command(own)) if own == data) {
                        return Err(format!("node {id}: {index} answers another request"));
                    }
                    self.ledger.acknowledges(index);
                    self.summary.acknowledged += 1;
                }
                self.ledger.applies(id, (index, term), &data, state)
            }
            Apply::Members(changed) => {
                self.summary.membership_changes += usize::from(changed.proposal.is_some());
                self.trace(|| format!("node {id} at {}: {:?}", changed.index, changed.members));
                Ok(())
            }
        }
    }

    pub(super) fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(super) fn client(&mut self) -> Outcome {
        let pause = 1 + self.random.below(40_000);
        self.after(pause, Event::Client);
        // Mostly whoever leads; sometimes anyone.
        let anyone = self.random.pick(&self.up()).copied();
        let leader = if self.random.chance(900) {
            self.leader()
        } else {
            None
        };
        let Some(id) = leader.or(anyone) else {
            return Ok(());
        };
        let mut inputs = Vec::new();
        for _ in 0..=self.random.below(4) {
            let request = self.request();
            let is_read = self.random.chance(300);
            let size = self.random.below(600) as usize;
            let must_see = self.ledger.must_see();
            let Some(running) = self.running(id) else {
                return Ok(());
            };
            if is_read {
                running.open.insert(request, Request::Read(must_see));
                inputs.push(Input::ReadIndex { id: request });
            } else {
                let mut command = format!("command {request} ").into_bytes();
                command.resize(command.len() + size, b'.');
                running
                    .open
                    .insert(request, Request::Command(command.clone()));
                inputs.push(Input::Propose {
                    id: request,
                    data: command.into(),
                });
            }
        }
        self.step(id, inputs)
    }

    pub(super) fn take_snapshot(&mut self) -> Outcome {
        let pause = 100_000 + self.random.below(2_000_000);
        self.after(pause, Event::TakeSnapshot);
        let Some(&node) = self.random.pick(&self.up()) else {
            return Ok(());
        };
        let id = self.request();
        let Some(running) = self.running(node).filter(|running| running.app.index > 0) else {
            return Ok(());
        };
        let (index, data) = (running.app.index, running.app.encode());
        self.step(node, vec![Input::Snapshot { id, index, data }])
    }
}
