//! On what do things of the testbed run that wait for others most of the time?

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime of so many threads.
pub(crate) fn runtime(threads: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
}
