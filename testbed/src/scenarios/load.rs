//! Faults, and changes of who belongs to the cluster, while clients change the configuration and services run.

use super::members;
use super::story::{Broken, Story, Told};
use super::workload::Workload;
use crate::checkers::linearizable;
use crate::differential::random::Random;
use crate::faults::Which;
use crate::hosts::levers::WITHOUT;

/// How often a fault of one kind strikes.
const ROUNDS: usize = 2;
/// How many faults a mixture has.
const MIXTURE: usize = 5;

/// Faults of one kind, the cluster recovering after each.
pub(super) async fn under(story: &mut Story, which: Which) -> Told {
    if which.needs_levers() && !story.machines.has_levers {
        story.step(format!("SKIPPED {}: {WITHOUT}", which.name()));
        return Ok(());
    }
    loaded(story, async |story| strike(story, &[which; ROUNDS]).await).await
}

/// Faults of any kind.
pub(super) async fn mixture(story: &mut Story) -> Told {
    let has_levers = story.machines.has_levers;
    let kinds = Which::ALL.iter().copied();
    let kinds: Vec<Which> = kinds
        .filter(|which| has_levers || !which.needs_levers())
        .collect();
    let all: Vec<Which> = (0..MIXTURE)
        .filter_map(|_| story.random.pick(&kinds).copied())
        .collect();
    loaded(story, async |story| strike(story, &all).await).await
}

/// Controllers join and leave.
pub(super) async fn join_and_leave(story: &mut Story) -> Told {
    loaded(story, async |story| members::join_and_leave(story).await).await
}

/// Something happens while clients are at work; one order of all that they asked explains what they were told.
async fn loaded(story: &mut Story, happens: impl AsyncFnOnce(&mut Story) -> Told) -> Told {
    let apis = story.numbers().map(|number| story.client(number)).collect();
    let mut of_load = Random::new(story.random.next());
    let load = Workload::begin(apis, &mut of_load);
    let ended = happens(story).await;
    let calls = load.end().await;
    let answered = calls.iter().filter(|call| call.answered.is_some()).count();
    story.step(format!(
        "clients had {answered} of {} requests answered",
        calls.len()
    ));
    // First: that answers contradict each other says more than what came of it.
    linearizable::check(&calls).map_err(|error| Broken::Wrong(error.to_string()))?;
    ended
}

async fn strike(story: &mut Story, faults: &[Which]) -> Told {
    for which in faults {
        let leader = story.leader().await?;
        let fault = which.make(story.count(), leader, &mut story.random);
        fault.strike(story).await?;
        story.mend_all()?;
        story.recovered().await?;
    }
    Ok(())
}
