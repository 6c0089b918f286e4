//! The thread that writes: everything that waits, with one sync.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::group::Persist;
use crate::log::{Batch, Store, StoreError};

/// No more than this is written with one sync, in bytes, unless one batch has more.
const MAX_WRITE_BYTES: usize = 32 << 20;
/// How often a write is tried again while there is no room.
const RETRY: Duration = Duration::from_millis(200);

/// What becomes of writes.
#[derive(Debug)]
pub(super) enum DiskEvent {
    /// All up to this number are durable.
    Persisted(u64),
    /// There is no room; it is tried again.
    Full,
    /// There was room again.
    Room,
    /// It is over: nothing more will be written.
    Failed(StoreError),
}

/// The way to the disk thread. When it is dropped, the thread writes what it was given and ends;
/// then no more events come.
#[derive(Debug)]
pub(super) struct Disk {
    writes: Sender<Persist>,
}

impl Disk {
    pub(super) fn spawn(
        store: impl Store,
    ) -> std::io::Result<(Disk, UnboundedReceiver<DiskEvent>)> {
        let (writes, work) = channel();
        // No more events wait than writes were asked for, and those are bounded by what the
        // group has under way.
        let (events, done) = unbounded_channel();
        std::thread::Builder::new()
            .name("lockstep-log".into())
            .spawn(move || write_all(store, &work, &events))?;
        Ok((Disk { writes }, done))
    }

    /// Has it written. Failures come as events.
    pub(super) fn write(&self, persist: Persist) {
        // The thread is gone only after it told why.
        let _ = self.writes.send(persist);
    }
}

fn write_all(mut store: impl Store, work: &Receiver<Persist>, events: &UnboundedSender<DiskEvent>) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| work.recv().ok()) {
        let mut upto = first.number;
        let mut size = first.batch.size();
        let mut batches: Vec<Batch> = vec![first.batch];
        while let Ok(more) = work.try_recv() {
            size += more.batch.size();
            if size > MAX_WRITE_BYTES {
                next = Some(more);
                break;
            }
            upto = more.number;
            batches.push(more.batch);
        }
        match write_until_there_is_room(&mut store, &batches, events) {
            Ok(()) => {}
            Err(error) => {
                // If nobody listens any more, nobody needs to know.
                let _ = events.send(DiskEvent::Failed(error));
                return;
            }
        }
        if events.send(DiskEvent::Persisted(upto)).is_err() {
            return;
        }
    }
}

/// The very same write again and again, while the disk is full: then what a failed attempt left
/// behind is what the next one writes.
fn write_until_there_is_room(
    store: &mut impl Store,
    batches: &[Batch],
    events: &UnboundedSender<DiskEvent>,
) -> Result<(), StoreError> {
    let mut was_full = false;
    loop {
        match store.persist(batches) {
            Ok(()) => {
                if was_full {
                    tracing::info!("there is room on the disk again");
                    let _ = events.send(DiskEvent::Room);
                }
                return Ok(());
            }
            Err(error) if error.is_full() => {
                if !was_full {
                    tracing::error!(%error, "the disk is full: nothing is acknowledged until there is room");
                    let _ = events.send(DiskEvent::Full);
                }
                was_full = true;
                // A member that stops does not wait for room.
                if events.is_closed() {
                    return Err(error);
                }
                let (_never, pause) = channel::<()>();
                let waited = pause.recv_timeout(RETRY);
                debug_assert_eq!(waited, Err(RecvTimeoutError::Timeout));
            }
            Err(error) => return Err(error),
        }
    }
}
