//! Notifications of clones: the ordering points around an action of the clone (made with its
//! other actions), and the notify actions of its instances (made when the graph is, because they
//! tell what is really going to happen).
//!
//! `pre → confirmed-pre → action → done → post → confirmed-post`.

mod environment;
mod instances;

use super::TOP_PRIORITY;
use super::{Draft, Key, NotifyPhase, Task};
use crate::World;
use crate::id::{ActionId, ResourceId};
use crate::relate::{self, Cause, Effects};

pub use instances::{order_after_fencing, schedule};

/// Notifications of a clone, by the action that they are about.
#[derive(Clone, Debug, Default)]
pub struct CloneNotifications {
    /// About starts.
    pub start: Option<Round>,
    /// About stops.
    pub stop: Option<Round>,
    /// About promotions.
    pub promote: Option<Round>,
    /// About demotions.
    pub demote: Option<Round>,
}

/// The ordering points of one round of notifications.
#[derive(Clone, Debug)]
pub struct Round {
    /// What the instances are told about.
    pub of: Task,
    /// Before the action (there is no such part when the action is implied by fencing).
    pub before: Option<Points>,
    /// After it is done.
    pub after: Points,
}

/// Where notifying begins, and where all have answered.
#[derive(Clone, Copy, Debug)]
pub struct Points {
    /// `pre` or `post`.
    pub begin: ActionId,
    /// `confirmed-pre` or `confirmed-post`.
    pub confirmed: ActionId,
}

const CAUSE: Cause = Cause::Rule("instances are told before and after");

/// Makes the ordering points around starting and stopping a clone.
pub(super) fn around_start_and_stop(
    world: World<'_>,
    draft: &mut Draft,
    clone: ResourceId,
    [start, started, stop, stopped]: [ActionId; 4],
) {
    if !world.state.resources[clone].meta.notify {
        return;
    }
    let mut rounds = draft.notifications.remove(&clone).unwrap_or_default();
    if rounds.start.is_none() {
        rounds.start = Some(round(
            world,
            draft,
            clone,
            Task::Start,
            Some(start),
            started,
        ));
    }
    if rounds.stop.is_none() {
        let after_stop = round(world, draft, clone, Task::Stop, Some(stop), stopped);
        in_turn(draft, Some(&after_stop), rounds.start.as_ref());
        rounds.stop = Some(after_stop);
    }
    draft.notifications.insert(clone, rounds);
}

/// Makes the ordering points around promoting a clone.
pub(super) fn around_promote(
    world: World<'_>,
    draft: &mut Draft,
    clone: ResourceId,
    [promote, promoted]: [ActionId; 2],
) {
    if world.state.resources[clone].meta.notify {
        let made = round(world, draft, clone, Task::Promote, Some(promote), promoted);
        draft
            .notifications
            .entry(clone)
            .or_default()
            .promote
            .get_or_insert(made);
    }
}

/// Makes the ordering points around demoting a clone, and puts the rounds in turn: instances hear
/// about the end of what goes down before they hear about what comes up.
pub(super) fn around_demote(
    world: World<'_>,
    draft: &mut Draft,
    clone: ResourceId,
    [demote, demoted]: [ActionId; 2],
) {
    if !world.state.resources[clone].meta.notify {
        return;
    }
    let made = round(world, draft, clone, Task::Demote, Some(demote), demoted);
    let rounds = draft.notifications.entry(clone).or_default();
    rounds.demote.get_or_insert(made);
    let CloneNotifications {
        start,
        stop,
        promote,
        demote,
    } = rounds.clone();
    if promote.is_some() {
        let earlier = [&stop, &start, &demote, &demote, &demote];
        let later = [&promote, &promote, &promote, &start, &stop];
        for (earlier, later) in earlier.into_iter().zip(later) {
            in_turn(draft, earlier.as_ref(), later.as_ref());
        }
    }
}

/// `earlier` is over before `later` begins.
fn in_turn(draft: &mut Draft, earlier: Option<&Round>, later: Option<&Round>) {
    let begin = later
        .and_then(|round| round.before)
        .map(|points| points.begin);
    if let (Some(earlier), Some(begin)) = (earlier, begin) {
        relate::link(
            draft,
            earlier.after.confirmed,
            begin,
            Effects::ORDERED,
            CAUSE,
        );
    }
}

/// Makes the ordering points before `action` (if there is one) and after `done`.
fn round(
    world: World<'_>,
    draft: &mut Draft,
    clone: ResourceId,
    of: Task,
    action: Option<ActionId>,
    done: ActionId,
) -> Round {
    let before = action.map(|action| {
        let begin = point(world, draft, clone, action, NotifyPhase::Pre, &of);
        let confirmed = point(world, draft, clone, action, NotifyPhase::ConfirmedPre, &of);
        for id in [begin, confirmed] {
            draft.actions[id].runnable = true;
        }
        relate::link(draft, begin, confirmed, Effects::ORDERED, CAUSE);
        relate::link(draft, confirmed, action, Effects::ORDERED, CAUSE);
        Points { begin, confirmed }
    });
    let begin = point(world, draft, clone, done, NotifyPhase::Post, &of);
    let confirmed = point(world, draft, clone, done, NotifyPhase::ConfirmedPost, &of);
    for id in [begin, confirmed] {
        draft.actions[id].runnable = draft.actions[done].runnable;
        draft.actions[id].priority = TOP_PRIORITY;
    }
    relate::link(draft, done, begin, Effects::FIRST_IMPLIES_THEN, CAUSE);
    relate::link(draft, begin, confirmed, Effects::FIRST_IMPLIES_THEN, CAUSE);
    if let Some(before) = before {
        relate::link(draft, before.confirmed, begin, Effects::ORDERED, CAUSE);
    }
    Round {
        of,
        before,
        after: Points { begin, confirmed },
    }
}

fn point(
    world: World<'_>,
    draft: &mut Draft,
    clone: ResourceId,
    around: ActionId,
    phase: NotifyPhase,
    of: &Task,
) -> ActionId {
    let Draft { actions, .. } = draft;
    let (task, optional) = (actions[around].task.clone(), actions[around].optional);
    let kind = match phase {
        NotifyPhase::Pre | NotifyPhase::ConfirmedPre => "pre",
        NotifyPhase::Post | NotifyPhase::ConfirmedPost => "post",
    };
    let about = task.name().to_owned();
    let id = draft.request(
        world,
        Key::Notify {
            resource: clone,
            phase,
            of: task,
        },
        None,
        optional,
    );
    let action = &mut draft.actions[id];
    action.pseudo = true;
    action.meta.set("notify_key_type", phase.name());
    action.meta.set("notify_key_operation", about);
    action.meta.set("notify_type", kind);
    action.meta.set("notify_operation", of.name().to_owned());
    id
}
