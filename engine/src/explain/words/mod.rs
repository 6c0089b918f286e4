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
            line(&mut text, &format!("  {}", sentence(&begun(fact))));
        }
        for node in &self.nodes {
            line(&mut text, &format!("  {}", sentence(&node.text())));
        }
        if !self.actions.is_empty() {
            line(&mut text, "Actions");
            for action in &self.actions {
                line(
                    &mut text,
                    &format!("  {}", sentence(&action.brief(&self.facts))),
                );
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
        let role = role_suffix(self.roles.1);
        let same = to == from;
        // What it does, and what it should do if that is not possible.
        let (does, should) = match self.verb {
            "Start" => ("starts", format!("start on {to}{role}")),
            "Stop" => ("stops", format!("stop on {from}")),
            "Move" => ("moves", format!("move from {from} to {to}{role}")),
            "Migrate" => ("migrates", format!("migrate live from {from} to {to}")),
            "Recover" if same => ("is", format!("be recovered on {from}")),
            "Recover" => ("is", format!("be recovered, away from {from} on {to}")),
            "Restart" => ("restarts", format!("restart on {to}{role}")),
            "Reload" => ("takes", format!("take over new parameters on {to}")),
            "Promote" => ("is", format!("be promoted on {to}")),
            "Re-promote" => ("is", format!("be demoted and promoted again on {to}")),
            "Demote" => ("is", format!("be demoted on {from}")),
            other => ("is", format!("be changed on {to} ({other})")),
        };
        if self.blocked {
            return format!("should {should}, but cannot");
        }
        match should.split_once(' ') {
            Some((_, rest)) => format!("{does} {rest}"),
            None => should,
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
        let sum = joined(&self.because, ", ");
        let because = joined(&self.because, "; ");
        let part = match &self.part {
            Some(part) => format!("{part}: "),
            None => String::new(),
        };
        let score = self.score.map(|score| score.to_string());
        let score = score.as_deref().unwrap_or("none");
        // That there is nothing to say is not said where it is clear.
        let why = match self.because[..] {
            [Why::NoPreference] => String::new(),
            _ => format!(" ({part}{sum})"),
        };
        match &self.verdict {
            Verdict::Chosen => match &self.part {
                Some(part) => {
                    let placed = listed_here(&self.placed);
                    format!("has {placed}; {part} has score {score} there: {sum}")
                }
                None => format!("chosen with score {score}: {sum}"),
            },
            Verdict::Kept => match &self.part {
                Some(_) => format!("keeps {}: {because}", listed_here(&self.placed)),
                None => format!("it is left there, whatever its score ({score}): {because}"),
            },
            Verdict::Forbidden => format!("cannot run it: {part}{because}"),
            Verdict::Unavailable => format!("cannot be used: {because}"),
            Verdict::Unwanted => format!("not wanted there, with score {score}: {part}{sum}"),
            Verdict::Less { than, score: more } => {
                format!("possible with score {score}{why}; {than} has {more}")
            }
            Verdict::Equal { to, by } => {
                format!(
                    "possible with score {score}, as {to} has{why}; {}",
                    by.text(to)
                )
            }
            Verdict::NotLookedFor => format!("not considered: {part}{because}"),
            Verdict::AllElsewhere { max: 1 } => {
                "possible, but the only instance is elsewhere".to_owned()
            }
            Verdict::AllElsewhere { max } => {
                format!("possible, but all {max} instances are elsewhere")
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
            ("  Needed ", chain(&self.needed, &[])),
            ("  Cannot happen ", chain(&self.blocked, &[])),
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

    /// Everything that matters where its resource, with these facts, is explained as well.
    #[must_use]
    pub fn brief(&self, known: &[Why]) -> String {
        let mut parts = Vec::new();
        let needed = match &self.needed[..] {
            [Step::Fact(Why::Moves { to, .. }), ..] => format!("because it moves to {to}"),
            [Step::Fact(Why::NoNode { .. }), ..] => "because it can run nowhere".to_owned(),
            [Step::Fact(Why::ShallBe { role, .. })] => match role {
                Role::Promoted => "because it shall be promoted there".to_owned(),
                _ => "because it shall be there".to_owned(),
            },
            needed => chain(needed, known),
        };
        if !needed.is_empty() {
            parts.push(needed);
        }
        if !self.blocked.is_empty() {
            parts.push(format!("blocked {}", chain(&self.blocked, known)));
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

/// Reasons from the nearest to the root: `because …, because …`; in short what is known.
fn chain(steps: &[Step], known: &[Why]) -> String {
    let mut text = String::new();
    let mut after_fact = false;
    for step in steps {
        let clause = match step {
            Step::Action {
                action,
                tie,
                cannot: false,
            } => format!("because of {}{}", action.text(), tie.suffix()),
            Step::Action { action, tie, .. } => {
                format!("because {} cannot happen{}", action.text(), tie.suffix())
            }
            Step::Fact(why) => {
                let text = match why.failure().filter(|_| known.contains(why)) {
                    Some(operation) => format!("{} on {} failed", operation.key, operation.node),
                    None => why.text(),
                };
                let because = if after_fact { "" } else { "because " };
                format!("{because}{text}")
            }
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
            let _ = writeln!(text, "  {}", sentence(&begun(fact)));
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
                let _ = writeln!(text, "  {}", sentence(&action.brief(&self.facts)));
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

fn joined(because: &[Why], separator: &str) -> String {
    let each: Vec<String> = because.iter().map(Why::text).collect();
    each.join(separator)
}

/// The clause with a capital, unless it begins with a name.
fn begun(why: &Why) -> String {
    const WORDS: [&str; 8] = [
        "it",
        "its",
        "the",
        "there",
        "fencing",
        "ticket",
        "promotion",
        "what",
    ];
    let text = why.text();
    let first = text.split(' ').next().unwrap_or_default();
    if !WORDS.contains(&first) {
        return text;
    }
    let (initial, rest) = text.split_at(1);
    initial.to_uppercase() + rest
}

/// With a full stop.
fn sentence(text: &str) -> String {
    format!("{text}.")
}
