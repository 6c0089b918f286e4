//! How long does planning take? `crm_simulate --profile`.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_engine::Cluster;
use lockstep_engine::schema;

use super::cib_file::{self, Source};
use super::{Failure, Outcome, output};
use crate::clock::Clock;
use crate::exit::Exit;

/// Plans so many times for every `.xml` of a directory, and prints how long that took. What is no
/// valid CIB is passed over, as in the peer.
pub(super) fn run(directory: &Path, repeat: u32) -> Outcome {
    let refused = |error| Failure::new(Exit::NoSuch, format!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .map_err(refused)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .filter(|path| path.file_name().is_some_and(|name| !starts_with_dot(name)))
        .collect();
    files.sort();
    output::print("Timings:\n")?;
    for file in files {
        if let Some(took_ms) = time(&file, repeat) {
            let (seconds, hundredths) = (took_ms / 1000, took_ms % 1000 / 10);
            let name = file.display();
            output::print(&format!(
                "  * Testing {name} ... {seconds}.{hundredths:02} secs\n"
            ))?;
        }
    }
    Ok(())
}

fn starts_with_dot(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Milliseconds that planning takes; none if there is nothing to plan for.
fn time(file: &Path, repeat: u32) -> Option<u64> {
    let mut cib = cib_file::read(&Source::file(file)).ok()?;
    schema::upgrade(&mut cib).ok()?;
    let watch = Clock::start();
    let now = watch.local();
    let start_ms = watch.monotonic_ms();
    for _ in 0..repeat {
        let cluster = Cluster::read(&cib, now).ok()?;
        cluster.plan(&cib, now).ok()?;
    }
    Some(watch.monotonic_ms().saturating_sub(start_ms))
}
