//! `lockstep config diff` and `patch`: Pacemaker's XML differences.

use std::path::Path;

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::patch::{self, COUNTERS};

use super::super::live::Live;
use super::super::{Failure, Outcome, Target, output};
use super::{read, tell};
use crate::cluster::status;
use crate::exit::Exit;

pub(super) fn diff(old: &Path, new: Option<&Path>, status: bool, target: &Target) -> Outcome {
    let (mut old, mut new) = match new {
        Some(new) => (document(old)?, document(new)?),
        None => (Live::new(target)?.cib()?, document(old)?),
    };
    if !status {
        for cib in [&mut old, &mut new] {
            let root = cib.root();
            while let Some(status) = cib.child(root, "status") {
                cib.remove(status);
            }
        }
    }
    match patch::make(&old, &new) {
        None => Ok(()),
        Some(diff) => {
            output::print(&diff.to_xml())?;
            Err(Failure::new(Exit::Error, ""))
        }
    }
}

pub(super) fn patch(file: &Path, any_version: bool, target: &Target) -> Outcome {
    let diff = document(file)?;
    let of_status = patch::paths(&diff).filter(|path| path.starts_with("/cib/status"));
    let count = of_status.count();
    if count > 0 {
        eprintln!(
            "{}: {count} changes of the status are left out: the cluster itself observes that",
            file.display()
        );
    }
    let live = Live::new(target)?;
    let changed = live.change(|cib| {
        if !any_version {
            check_version(cib, &diff, file)?;
        }
        patch::apply(cib, &diff).map_err(|error| {
            let place = error
                .position()
                .map(|at| format!(":{}:{}", at.line, at.column));
            let place = place.unwrap_or_default();
            Failure::new(Exit::Config, format!("{}{place}: {error}", file.display()))
        })?;
        Ok(())
    })?;
    tell("the configuration", &changed.notes);
    match changed.index {
        Some(_) => output::print(&format!(
            "configuration {} is in force\n",
            live.status()?.epoch
        )),
        None => output::print("nothing was to be changed\n"),
    }
}

/// A difference that says from which configuration it is fits no other one. What only counts
/// changes of the status does not matter.
fn check_version(cib: &Document, diff: &Document, file: &Path) -> Outcome {
    let Some([admin_epoch, epoch, _]) = patch::source(diff) else {
        return Ok(());
    };
    let [admin_here, here, _] = COUNTERS.map(|counter| status::number(cib, counter));
    if (admin_epoch, epoch) == (admin_here, here) {
        return Ok(());
    }
    let message = format!(
        "{}: the difference is from configuration {admin_epoch}.{epoch}, and {admin_here}.{here} \
         is in force (--any-version tries all the same)",
        file.display()
    );
    Err(Failure::new(Exit::Exists, message))
}

fn document(file: &Path) -> Result<Document, Failure> {
    Document::parse(&read(file)?, &Limits::default()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = format!(
            "{}:{line}:{column}: {}\n{}",
            file.display(),
            error.message(),
            error.hint()
        );
        Failure::new(Exit::BadData, message)
    })
}
