//! A store that fails on command, for tests of whoever uses one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{Batch, Store, StoreError};

const HEALTHY: u8 = 0;
const FULL: u8 = 1;
const BROKEN: u8 = 2;

/// Passes everything on to another store, until its switch says otherwise.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    switch: FaultSwitch,
}

/// The switch of a [`FaultyStore`]; works from any thread.
#[derive(Clone, Debug, Default)]
pub struct FaultSwitch(Arc<AtomicU8>);

impl FaultSwitch {
    /// Everything works (again).
    pub fn heal(&self) {
        self.0.store(HEALTHY, Ordering::SeqCst);
    }

    /// There is no room.
    pub fn fill(&self) {
        self.0.store(FULL, Ordering::SeqCst);
    }

    /// Writes fail for good.
    pub fn break_down(&self) {
        self.0.store(BROKEN, Ordering::SeqCst);
    }
}

impl<S: Store> FaultyStore<S> {
    /// Wraps a store.
    pub fn new(inner: S) -> (Self, FaultSwitch) {
        let switch = FaultSwitch::default();
        (
            FaultyStore {
                inner,
                switch: switch.clone(),
            },
            switch,
        )
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn persist(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let path = PathBuf::from("faulty");
        match self.switch.0.load(Ordering::SeqCst) {
            FULL => Err(StoreError::Full {
                path,
                source: io::ErrorKind::StorageFull.into(),
            }),
            BROKEN => Err(StoreError::Io {
                what: "write",
                path,
                source: io::Error::other("switched off"),
            }),
            _ => self.inner.persist(batches),
        }
    }
}
