//! Faults while clients change the configuration and services run.

use super::story::{Broken, Story, Told};
use super::workload::Workload;
use crate::checkers::linearizable;
use crate::differential::random::Random;
use crate::faults::Which;

/// How often a fault of one kind strikes.
const ROUNDS: usize = 2;
/// How many faults a mixture has.
const MIXTURE: usize = 5;

/// Faults of one kind, the cluster settling after each.
pub(super) async fn under(story: &mut Story, which: Which) -> Told {
    struck(story, &[which; ROUNDS]).await
}

/// Faults of any kind.
pub(super) async fn mixture(story: &mut Story) -> Told {
    let all: Vec<Which> = (0..MIXTURE)
        .filter_map(|_| story.random.pick(&Which::ALL).copied())
        .collect();
    struck(story, &all).await
}

async fn struck(story: &mut Story, faults: &[Which]) -> Told {
    let apis = story.numbers().map(|number| story.client(number)).collect();
    let mut of_load = Random::new(story.random.next());
    let load = Workload::begin(apis, &mut of_load);
    let ended = strike(story, faults).await;
    let calls = load.end().await;
    ended?;
    let answered = calls.iter().filter(|call| call.answered.is_some()).count();
    story.step(format!(
        "clients had {answered} of {} requests answered",
        calls.len()
    ));
    linearizable::check(&calls).map_err(|error| Broken::Wrong(error.to_string()))
}

async fn strike(story: &mut Story, faults: &[Which]) -> Told {
    for which in faults {
        let leader = story.leader().await?;
        let fault = which.make(story.machines.count(), leader, &mut story.random);
        fault.strike(story).await?;
        story.mend_all()?;
        story.recovered().await?;
    }
    Ok(())
}
