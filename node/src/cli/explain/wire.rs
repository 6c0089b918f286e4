//! How is an explanation written as JSON? Names, numbers and the same clauses that people read.

use lockstep_engine::explain::{
    ActionExplanation, ActionName, Fate, Link, NodeExplanation, NodeVerdict, Placed,
    ResourceExplanation, Step, Verdict, Why, role_name,
};
use serde_json::{Value, json};

pub(super) fn resource(explanation: &ResourceExplanation) -> Value {
    let changes = explanation.changes.iter().map(|change| {
        json!({
            "resource": change.resource,
            "change": change.verb,
            "from": change.from,
            "to": change.to,
            "role": role_name(change.roles.0),
            "next_role": role_name(change.roles.1),
            "blocked": change.blocked,
        })
    });
    json!({
        "resource": explanation.resource,
        "kind": explanation.kind,
        "summary": explanation.headline(),
        "changes": changes.collect::<Vec<_>>(),
        "placed": placed(&explanation.placed),
        "facts": reasons(&explanation.facts),
        "nodes": explanation.nodes.iter().map(verdict).collect::<Vec<_>>(),
        "actions": explanation.actions.iter().map(action).collect::<Vec<_>>(),
    })
}

pub(super) fn node(explanation: &NodeExplanation) -> Value {
    json!({
        "node": explanation.node,
        "kind": explanation.kind,
        "usable": explanation.usable,
        "facts": reasons(&explanation.facts),
        "running": explanation.running,
        "placed": placed(&explanation.placed),
        "actions": explanation.actions.iter().map(action).collect::<Vec<_>>(),
    })
}

pub(super) fn action(explanation: &ActionExplanation) -> Value {
    let waits = explanation.waits_for.iter().map(|wait| {
        json!({
            "action": name(&wait.action),
            "because": wait.ties.iter().map(link).collect::<Vec<_>>(),
        })
    });
    json!({
        "action": name(&explanation.action),
        "fate": match explanation.fate {
            Fate::Done => "done",
            Fate::Marked => "ordering-point",
            Fate::NotNeeded => "not-needed",
            Fate::Blocked => "blocked",
            Fate::Untouched => "untouched",
        },
        "needed": explanation.needed.iter().map(step).collect::<Vec<_>>(),
        "blocked": explanation.blocked.iter().map(step).collect::<Vec<_>>(),
        "waits_for": waits.collect::<Vec<_>>(),
    })
}

fn verdict(verdict: &NodeVerdict) -> Value {
    json!({
        "node": verdict.node,
        "score": verdict.score.map(|score| score.to_string()),
        "verdict": match &verdict.verdict {
            Verdict::Chosen => "chosen",
            Verdict::Kept => "kept",
            Verdict::Forbidden => "forbidden",
            Verdict::Unavailable => "unavailable",
            Verdict::Unwanted => "unwanted",
            Verdict::Less { .. } => "less",
            Verdict::Equal { .. } => "equal",
            Verdict::NotLookedFor => "not-considered",
            Verdict::AllElsewhere { .. } => "all-elsewhere",
        },
        "part": verdict.part,
        "placed": placed(&verdict.placed),
        "because": reasons(&verdict.because),
        "text": verdict.clause(),
    })
}

fn placed(placed: &[Placed]) -> Vec<Value> {
    let each = placed.iter().map(
        |one| json!({ "resource": one.resource, "node": one.node, "role": role_name(one.role) }),
    );
    each.collect()
}

fn reasons(why: &[Why]) -> Vec<Value> {
    why.iter().map(reason).collect()
}

fn reason(why: &Why) -> Value {
    let mut value = json!({ "text": why.text() });
    let constraint = match why {
        Why::Location { id, .. } | Why::Colocation { id, .. } => Some(id),
        Why::Wish { id, .. } => id.as_ref(),
        Why::Ticket { constraint, .. } => Some(constraint),
        _ => None,
    };
    let score = match why {
        Why::NodeScore { score }
        | Why::Location { score, .. }
        | Why::Health { score, .. }
        | Why::Stickiness { score }
        | Why::Promotion { score } => Some(*score),
        Why::Colocation { effect, .. }
        | Why::Together { effect, .. }
        | Why::Wish { effect, .. } => *effect,
        _ => None,
    };
    if let Some(constraint) = constraint {
        value["constraint"] = json!(constraint);
    }
    if let Some(score) = score {
        value["score"] = json!(score.to_string());
    }
    value
}

fn name(name: &ActionName) -> Value {
    json!({ "id": name.number, "key": name.key, "node": name.node, "cancels": name.cancels })
}

fn step(step: &Step) -> Value {
    match step {
        Step::Action {
            action,
            tie,
            cannot,
        } => json!({ "action": name(action), "by": link(tie), "cannot": cannot }),
        Step::Fact(why) => reason(why),
    }
}

fn link(link: &Link) -> Value {
    match link {
        Link::Constraint { kind, id } => json!({ "kind": kind, "constraint": id }),
        Link::Rule(rule) => json!({ "kind": "rule", "text": rule }),
        Link::Colocation(id) => json!({ "kind": "colocation", "constraint": id }),
        Link::Member => json!({ "kind": "member" }),
    }
}
