//! What does the engine say about its own plan? Every case is explained as a whole; what it shows
//! with `show explain …` is golden.

use lockstep_engine::config::Variant;
use lockstep_engine::explain::{
    ActionExplanation, Explainer, Fate, NodeVerdict, ResourceExplanation, Verdict,
};
use lockstep_engine::id::ResourceId;
use lockstep_engine::{Cluster, Plan};

use crate::fixture::Fixture;

/// What a case asks for; on the way, everything else is asked too.
///
/// # Errors
/// Names what has no reason, or does not exist.
pub(crate) fn all(
    cluster: &Cluster,
    plan: &Plan,
    explainer: &Explainer<'_>,
    fixture: &Fixture,
) -> Result<Vec<(String, String)>, String> {
    for resource in explainer.all_resources() {
        let explanation = explainer.resource(resource, None);
        check_resource(&explanation)?;
        check_scores(plan, cluster, resource, &explanation)?;
    }
    for action in explainer.all_actions() {
        check_action(&explainer.action(action))?;
    }
    for node in explainer.all_nodes() {
        let node = explainer.node(node);
        if node.facts.is_empty() {
            return Err(format!("nothing is said about {}", node.node));
        }
        check_text(&node.text())?;
    }
    let questions = fixture.shown.iter();
    let questions = questions.filter_map(|shown| shown.strip_prefix("explain "));
    questions
        .map(|question| {
            let answer = answer(explainer, question).map_err(|unknown| unknown.to_string())?;
            Ok((format!("explain {question}"), answer))
        })
        .collect()
}

/// `RESOURCE`, `node NODE` or `action KEY [NODE]`.
fn answer(
    explainer: &Explainer<'_>,
    question: &str,
) -> Result<String, lockstep_engine::explain::Unknown> {
    let words: Vec<&str> = question.split_whitespace().collect();
    Ok(match words[..] {
        ["node", node] => explainer.node(explainer.find_node(node)?).text(),
        ["action", key, ref node @ ..] => {
            let node = node.first().map(|node| explainer.find_node(node));
            let found = explainer.find_actions(key, node.transpose()?)?;
            let texts = found.into_iter().map(|id| explainer.action(id).text());
            texts.collect()
        }
        _ => {
            let resource = explainer.find_resource(question)?;
            explainer.resource(resource, None).text()
        }
    })
}

fn check_resource(explanation: &ResourceExplanation) -> Result<(), String> {
    let about = |what: &str| format!("{}: {what}", explanation.resource);
    for node in &explanation.nodes {
        check_node(node).map_err(|problem| about(&problem))?;
    }
    for action in &explanation.actions {
        check_action(action).map_err(|problem| about(&problem))?;
    }
    check_text(&explanation.text()).map_err(|problem| about(&problem))
}

/// The reasons told for a score are all that there are: they lead to the score in the plan.
fn check_scores(
    plan: &Plan,
    cluster: &Cluster,
    resource: ResourceId,
    explanation: &ResourceExplanation,
) -> Result<(), String> {
    if !matches!(
        cluster.state.resources[resource].variant,
        Variant::Primitive(_)
    ) {
        return Ok(());
    }
    let nodes = cluster.state.nodes_by_name.iter();
    for (&node, verdict) in nodes.zip(&explanation.nodes) {
        let planned = plan.placement.resource[resource].allowed.score(node);
        if verdict.score != planned {
            return Err(format!("{planned:?} planned, but explained: {verdict:?}"));
        }
    }
    Ok(())
}

fn check_node(verdict: &NodeVerdict) -> Result<(), String> {
    if verdict.because.is_empty() {
        return Err(format!("no reason for {verdict:?}"));
    }
    if verdict.verdict == Verdict::Chosen && verdict.score.is_none() {
        return Err(format!("chosen without a score: {verdict:?}"));
    }
    Ok(())
}

fn check_action(explanation: &ActionExplanation) -> Result<(), String> {
    let needed = explanation.fate != Fate::NotNeeded;
    let blocked = matches!(explanation.fate, Fate::Blocked | Fate::Untouched);
    if needed && explanation.needed.is_empty() {
        return Err(format!("nobody needs {explanation:?}"));
    }
    if blocked && explanation.blocked.is_empty() {
        return Err(format!("nothing blocks {explanation:?}"));
    }
    check_text(&explanation.text())
}

/// No sentence may be empty, or admit that nothing is known.
fn check_text(text: &str) -> Result<(), String> {
    let is_bad = |line: &&str| {
        let bare = line.trim_end_matches('.').trim_end();
        bare.ends_with([':', ',', ';', '(']) || line.contains("no more is known")
    };
    match text.lines().find(is_bad) {
        Some(line) => Err(format!("a sentence says nothing: {line}")),
        None => Ok(()),
    }
}
