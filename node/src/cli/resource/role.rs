//! `resource enable`, `disable`, `manage` and `unmanage`.

use lockstep_engine::parse::{Document, ElementId};

use super::super::live::Live;
use super::super::{Failure, Outcome};
use super::{Then, find, finish};
use crate::edit::{self, meta};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    resource: String,
    #[command(flatten)]
    then: Then,
}

/// What is to change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Enable,
    Disable,
    Manage,
    Unmanage,
}

pub(super) fn run(arguments: &Args, change: Change) -> Outcome {
    let Args { resource: id, then } = arguments;
    let live = Live::new(&then.target)?;
    let mut held_by = None;
    let changed = live.change(|cib| {
        let resource = find(cib, id)?;
        match change {
            Change::Enable => drop(meta::remove(cib, resource, "target-role")),
            Change::Disable => meta::set(cib, resource, "target-role", "Stopped"),
            Change::Manage => {
                let inside = cib.subtree(resource);
                let inside: Vec<_> = inside.filter(|e| edit::is_resource(cib, *e)).collect();
                for e in inside {
                    meta::remove(cib, e, "is-managed");
                }
            }
            Change::Unmanage => meta::set(cib, resource, "is-managed", "false"),
        }
        held_by = holder(cib, resource, change);
        Ok::<_, Failure>(())
    })?;
    let told = match change {
        Change::Enable => "may run",
        Change::Disable => "is stopped and kept so",
        Change::Manage => "is managed",
        Change::Unmanage => "is left as it is",
    };
    if let Some((above, option)) = held_by {
        eprintln!("{id} is part of {above}, whose {option} still says otherwise");
    }
    finish(&live, then, &format!("{id} {told}"), &changed)
}

/// What a resource is part of, if that keeps the change from having an effect.
fn holder(cib: &Document, resource: ElementId, change: Change) -> Option<(String, &'static str)> {
    let above = std::iter::successors(edit::parent(cib, resource), |e| edit::parent(cib, *e));
    let is = |e, name, wanted: &dyn Fn(&str) -> bool| meta::get(cib, e, name).is_some_and(wanted);
    let (mut above, option): (_, &str) = match change {
        Change::Enable => {
            let stopped = |text: &str| text.eq_ignore_ascii_case("stopped");
            let found = above.filter(|e| is(*e, "target-role", &stopped));
            (found.collect::<Vec<_>>().into_iter(), "target-role")
        }
        Change::Manage => {
            let found = above.filter(|e| is(*e, "is-managed", &|text| !edit::is_true(text)));
            (found.collect::<Vec<_>>().into_iter(), "is-managed")
        }
        Change::Disable | Change::Unmanage => return None,
    };
    let found = above.next()?;
    Some((cib.id(found)?.to_owned(), option))
}
