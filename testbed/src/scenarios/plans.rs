//! Which plans were made, and are they made so again?
//!
//! Any controller has the inputs of the latest plans. The testbed makes each plan again from them, in a
//! process that is none of the cluster's: the digest must be the one that the cluster agreed on.

use std::time::Duration;

use lockstep_engine::graph::{GraphActionKind, Synapse};
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::Timestamp;
use lockstep_node::cluster::command::VERSION;
use lockstep_node::cluster::policy::Policy;
use lockstep_node::http::client::Client;
use lockstep_node::http::types::{ProgressText, SavedPlanText, hex};
use lockstep_node::policy::Engine;

use super::story::Story;
use crate::report::chronicle::Kind;
use crate::report::graph::{PlanAction, PlanGraph};

/// Whoever has not told all within this has nothing to tell.
const PATIENCE: Duration = Duration::from_secs(20);

impl Story {
    /// The latest plans that anybody has, in order; and what is wrong with them.
    pub async fn plans(&self) -> (Vec<PlanGraph>, Vec<String>) {
        for number in self.numbers() {
            let api = self.client(number);
            let told = tokio::time::timeout(PATIENCE, saved(&api)).await;
            if let Ok(Some(saved)) = told {
                return self.plan_again(&saved);
            }
        }
        (Vec::new(), Vec::new())
    }

    fn plan_again(&self, saved: &[(SavedPlanText, String)]) -> (Vec<PlanGraph>, Vec<String>) {
        let (mut graphs, mut wrong) = (Vec::new(), Vec::new());
        for (told, cib) in saved {
            match again(told, cib) {
                Ok(graph) => graphs.push(graph),
                Err(why) => {
                    let text = format!("rule 5: plan {} made again: {why}", told.transition);
                    self.chronicle.note(Kind::Violation, None, &text);
                    wrong.push(text);
                }
            }
        }
        (graphs, wrong)
    }
}

/// Inputs of plans that a controller has.
async fn saved(api: &Client) -> Option<Vec<(SavedPlanText, String)>> {
    let mut saved = Vec::new();
    for told in api.get::<Vec<SavedPlanText>>("/v1/history").await.ok()? {
        if told.digest.is_some() {
            let path = format!("/v1/history/{}/cib", told.transition);
            // It may just have been forgotten.
            if let Ok(cib) = api.get_text(&path).await {
                saved.push((told, cib));
            }
        }
    }
    Some(saved)
}

fn again(told: &SavedPlanText, cib: &str) -> Result<PlanGraph, String> {
    let cib = Document::parse(cib.as_bytes(), &Limits::default())
        .map_err(|error| format!("its input cannot be read: {error}"))?;
    let now = Timestamp {
        seconds: told.now,
        offset: told.utc_offset,
    };
    let planned = Engine.plan(&cib, told.transition, now, VERSION)?;
    let digest = hex(&planned.digest);
    if told.digest.as_ref() != Some(&digest) {
        return Err(format!("digest {digest}, and it was {:?}", told.digest));
    }
    let actions = planned.graph.synapses.iter().enumerate();
    let actions = actions.map(|(at, synapse)| action(synapse, told.progress.get(at)));
    Ok(PlanGraph {
        transition: told.transition,
        reason: told.reason.clone(),
        state: told.state.clone(),
        actions: actions.collect(),
    })
}

fn action(synapse: &Synapse, progress: Option<&ProgressText>) -> PlanAction {
    let action = &synapse.action;
    let node = action.node.as_ref().map_or("", |node| node.name.as_str());
    let progress = match progress {
        Some(ProgressText::Done) => "done",
        Some(ProgressText::Failed) => "failed",
        Some(ProgressText::Waiting) | None => "waiting",
    };
    PlanAction {
        text: format!("{} {node}", action.key).trim_end().to_owned(),
        pseudo: action.kind == GraphActionKind::Pseudo,
        progress: progress.to_owned(),
        inputs: synapse.inputs.iter().map(|input| *input as usize).collect(),
    }
}
