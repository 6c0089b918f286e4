//! How is an explanation said? Sentences for people, one fact a clause.
//!
//! `why` has the clause of every reason; here they are put together.

mod why;

use std::fmt::Write as _;

use super::{
    ActionExplanation, ActionName, Change, Fate, Link, NodeExplanation, NodeVerdict, Placed,
    ResourceExplanation, Step, Tie, Verdict, Wait, Why,
};
use crate::config::Role;
pub use why::role_name;

impl ResourceExplanation {
    /// The whole explanation: a headline, what holds everywhere, a line a node, a line an action.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let line = |text: &mut String, line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        line(&mut text, &self.headline());
        for fact in &self.facts {
            line(&mut text, &format!("  {}", sentence(&fact.text())));
        }
        for node in &self.nodes {
            line(&mut text, &format!("  {}", sentence(&node.text())));
        }
        if !self.actions.is_empty() {
            line(&mut text, "Actions");
            for action in &self.actions {
                line(&mut text, &format!("  {}", sentence(&action.brief())));
            }
        }
        text
    }

    /// What happens, in a sentence.
    #[must_use]
    pub fn headline(&self) -> String {
        let (name, kind) = (&self.resource, &self.kind);
        let subject = format!("{name} ({kind})");
        let said = match &self.changes[..] {
            [] => self.rest(),
            [only] if only.resource == *name => only.text(),
            changes => {
                let each = changes
                    .iter()
                    .map(|change| format!("{} {}", change.resource, change.text()));
                return sentence(&format!(
                    "{subject}: {}",
                    each.collect::<Vec<_>>().join("; ")
                ));
            }
        };
        sentence(&format!("{subject} {said}"))
    }

    /// Where it is, if nothing happens.
    fn rest(&self) -> String {
        match &self.placed[..] {
            [] => "stays stopped".to_owned(),
            [only] if only.resource == self.resource => {
                format!("stays on {}{}", only.node, role_suffix(only.role))
            }
            placed => format!("stays as it is: {}", listed(placed)),
        }
    }
}

impl Change {
    /// What happens, without saying to whom.
    #[must_use]
    pub fn text(&self) -> String {
        let from = self.from.as_deref().unwrap_or("nowhere");
        let to = self.to.as_deref().unwrap_or(from);
        let (role, next_role) = self.roles;
        let said = match self.verb {
            "Start" => format!("starts on {to}{}", role_suffix(next_role)),
            "Stop" => format!("stops on {from}"),
            "Move" => format!("moves from {from} to {to}{}", role_suffix(next_role)),
            "Migrate" => format!("migrates live from {from} to {to}"),
            "Recover" if to == from => format!("is recovered on {from}"),
            "Recover" => format!("is recovered: it leaves {from} for {to}"),
            "Restart" => format!("restarts on {to}{}", role_suffix(next_role)),
            "Reload" => format!("takes over new parameters on {to}"),
            "Promote" => format!("is promoted on {to}"),
            "Re-promote" => format!("is demoted and promoted again on {to}"),
            "Demote" => format!("is demoted on {from}"),
            other => format!("{} on {to} ({})", other.to_lowercase(), role_name(role)),
        };
        if self.blocked {
            format!("should be otherwise ({said}), but that is blocked")
        } else {
            said
        }
    }
}

impl NodeVerdict {
    /// `node: what became of it, and why`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}: {}", self.node, self.clause())
    }

    /// What became of the node, and why, without its name.
    #[must_use]
    pub fn clause(&self) -> String {
        let because = joined(&self.because);
        let part = match &self.part {
            Some(part) => format!("{part}: "),
            None => String::new(),
        };
        let score = self.score.map(|score| score.to_string());
        let score = score.as_deref().unwrap_or("none");
        let reasons = format!("{part}{because}");
        match &self.verdict {
            Verdict::Chosen if self.part.is_some() => {
                let placed = listed_here(&self.placed);
                format!("has {placed} ({part}score {score}: {because})")
            }
            Verdict::Chosen => format!("chosen with score {score}: {because}"),
            Verdict::Forbidden => format!("cannot run it: {reasons}"),
            Verdict::Unavailable => format!("cannot be used: {because}"),
            Verdict::Unwanted => format!("not wanted there, with score {score}: {reasons}"),
            Verdict::Less { than, score: more } => {
                format!("possible with score {score} ({reasons}); {than} has {more}")
            }
            Verdict::Equal { to, by } => {
                format!(
                    "possible with score {score}, as {to} has ({reasons}); {}",
                    by.text(to)
                )
            }
            Verdict::NotLookedFor => format!("not considered: {reasons}"),
            Verdict::AllElsewhere { max: 1 } => {
                format!("possible, but the only instance is elsewhere ({reasons})")
            }
            Verdict::AllElsewhere { max } => {
                format!("possible, but all {max} instances are elsewhere ({reasons})")
            }
        }
    }
}

impl Tie {
    fn text(self, chosen: &str) -> String {
        match self {
            Tie::Current => format!("it is on {chosen} already"),
            Tie::FewerResources {
                chosen: few,
                other: more,
            } => format!("{chosen} had fewer resources then ({few} to {more})"),
            Tie::Capacity => format!("{chosen} had more free capacity"),
            Tie::Name => format!("{chosen} comes first by name"),
            Tie::Spread => format!("{chosen} came first when it was its turn"),
        }
    }
}

impl ActionExplanation {
    /// Everything about the action, in sentences.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = sentence(&format!("{}{}", self.action.text(), self.fate.text()));
        text.push('\n');
        let paragraphs = [
            ("  Needed ", chain(&self.needed, true)),
            ("  Cannot happen ", chain(&self.blocked, false)),
        ];
        for (title, reasons) in paragraphs {
            if !reasons.is_empty() {
                let _ = writeln!(text, "{title}{}", sentence(&reasons));
            }
        }
        for wait in &self.waits_for {
            let _ = writeln!(text, "  After {}", sentence(&wait.text()));
        }
        text
    }

    /// Everything that matters where its resource has been explained already.
    #[must_use]
    pub fn brief(&self) -> String {
        let mut parts = Vec::new();
        let needed = match &self.needed[..] {
            [Step::Fact(Why::Moves { to, .. }), ..] => format!("because it moves to {to}"),
            [Step::Fact(Why::NoNode { .. }), ..] => "because it can run nowhere".to_owned(),
            needed => chain(needed, true),
        };
        if !needed.is_empty() {
            parts.push(needed);
        }
        if !self.blocked.is_empty() {
            parts.push(format!("blocked {}", chain(&self.blocked, false)));
        }
        let waits = self.waits_for.iter().filter(|wait| wait.matters());
        parts.extend(waits.map(|wait| format!("after {}", wait.text())));
        format!("{}: {}", self.action.text(), parts.join("; "))
    }
}

impl Fate {
    fn text(self) -> &'static str {
        match self {
            Fate::Done => " is carried out",
            Fate::Marked => " is an ordering point: nobody has to do anything for it",
            Fate::NotNeeded => " is not needed",
            Fate::Blocked => " is needed, but cannot happen",
            Fate::Untouched => " would be needed, but its resource may not be touched",
        }
    }
}

/// Reasons from the nearest to the root: `because …, because …`.
fn chain(steps: &[Step], needed: bool) -> String {
    let mut text = String::new();
    let mut after_fact = false;
    for step in steps {
        let clause = match step {
            Step::Action { action, tie } if needed => {
                format!("because of {}{}", action.text(), tie.suffix())
            }
            Step::Action { action, tie } => {
                format!("because {} cannot happen{}", action.text(), tie.suffix())
            }
            Step::Fact(why) if after_fact => why.text(),
            Step::Fact(why) => format!("because {}", why.text()),
        };
        let separator = match (text.is_empty(), after_fact) {
            (true, _) => "",
            (false, true) => "; ",
            (false, false) => ", ",
        };
        after_fact = matches!(step, Step::Fact(_));
        text.push_str(separator);
        text.push_str(&clause);
    }
    text
}

impl Wait {
    fn text(&self) -> String {
        let mut ties: Vec<String> = self.ties.iter().map(Link::text).collect();
        ties.retain(|tie| !tie.is_empty());
        match ties[..] {
            [] => self.action.text(),
            _ => format!("{} ({})", self.action.text(), ties.join("; ")),
        }
    }

    /// Ordering points are told only where somebody configured them.
    fn matters(&self) -> bool {
        let configured = |tie: &Link| matches!(tie, Link::Constraint { .. });
        !self.marked || self.ties.iter().any(configured)
    }
}

impl Link {
    fn text(&self) -> String {
        match self {
            Link::Constraint { kind, id } => format!("{kind} {id}"),
            Link::Rule(rule) => (*rule).to_owned(),
            Link::Colocation(id) if id.starts_with('#') => "they belong together".to_owned(),
            Link::Colocation(id) => format!("colocation {id}"),
            Link::Member => String::new(),
        }
    }

    fn suffix(&self) -> String {
        match self.text() {
            text if text.is_empty() => text,
            text => format!(" ({text})"),
        }
    }
}

impl ActionName {
    /// `key on node`.
    #[must_use]
    pub fn text(&self) -> String {
        let cancels = if self.cancels { "cancelling " } else { "" };
        match &self.node {
            Some(node) => format!("{cancels}{} on {node}", self.key),
            None => format!("{cancels}{}", self.key),
        }
    }
}

impl NodeExplanation {
    /// The whole explanation.
    #[must_use]
    pub fn text(&self) -> String {
        let able = if self.usable {
            "can run resources"
        } else {
            "cannot run resources"
        };
        let mut text = format!("{} ({}) {able}.\n", self.node, self.kind);
        for fact in &self.facts {
            let _ = writeln!(text, "  {}", sentence(&fact.text()));
        }
        if !self.running.is_empty() {
            let _ = writeln!(text, "  Active there now: {}.", self.running.join(", "));
        }
        if !self.placed.is_empty() {
            let _ = writeln!(text, "  To be there: {}.", listed_here(&self.placed));
        }
        if !self.actions.is_empty() {
            text.push_str("Actions\n");
            for action in &self.actions {
                let _ = writeln!(text, "  {}", sentence(&action.brief()));
            }
        }
        text
    }
}

/// `a on n1, b (Promoted) on n2`.
fn listed(placed: &[Placed]) -> String {
    let each = placed.iter().map(|one| {
        let role = role_suffix(one.role);
        format!("{} on {}{role}", one.resource, one.node)
    });
    each.collect::<Vec<_>>().join(", ")
}

/// `a, b (Promoted)`.
fn listed_here(placed: &[Placed]) -> String {
    let each = placed
        .iter()
        .map(|one| format!("{}{}", one.resource, role_suffix(one.role)));
    each.collect::<Vec<_>>().join(", ")
}

fn role_suffix(role: Role) -> &'static str {
    match role {
        Role::Promoted => " (promoted)",
        Role::Unpromoted => " (unpromoted)",
        Role::Unknown | Role::Stopped | Role::Started => "",
    }
}

fn joined(because: &[Why]) -> String {
    let each: Vec<String> = because.iter().map(Why::text).collect();
    each.join(", ")
}

/// With a full stop.
fn sentence(text: &str) -> String {
    format!("{text}.")
}
