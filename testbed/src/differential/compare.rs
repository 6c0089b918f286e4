//! How do two answers differ? By kind of output, and by a signature that is the same for
//! differences that look alike, whatever the names and numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::normalise;
use super::planner::{Answer, Outputs, Wanted};
use super::tree::Element;

/// What is compared, in the order in which causes show: what is wrong earlier makes the rest wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Whether the input is accepted at all.
    Acceptance,
    /// The summary up to the transition: how the cluster was understood.
    Status,
    /// The scores.
    Scores,
    /// The graph.
    Graph,
    /// The graph as a drawing.
    Dot,
    /// The rest of the summary: what happens, and how it ends.
    Summary,
    /// Complaints.
    Errors,
}

impl Kind {
    /// Which run shows this kind.
    #[must_use]
    pub fn wanted(self) -> Wanted {
        match self {
            Kind::Acceptance => Wanted::ALL,
            Kind::Status | Kind::Summary | Kind::Errors => Wanted {
                summary: true,
                graph: false,
            },
            Kind::Scores | Kind::Graph | Kind::Dot => Wanted {
                summary: false,
                graph: true,
            },
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Acceptance => "acceptance",
            Kind::Status => "status",
            Kind::Scores => "scores",
            Kind::Graph => "graph",
            Kind::Dot => "dot",
            Kind::Summary => "summary",
            Kind::Errors => "errors",
        })
    }
}

/// How two answers differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The outputs that differ.
    pub kinds: BTreeSet<Kind>,
    /// Lines of the first of these that only the peer has, and that only the engine has.
    pub only: [Vec<String>; 2],
}

impl Difference {
    /// The first kind that differs: the nearest to the cause.
    #[must_use]
    pub fn first(&self) -> Kind {
        self.kinds.first().copied().unwrap_or(Kind::Acceptance)
    }

    /// The lines that differ, without names and numbers.
    #[must_use]
    pub fn look(&self, names: &Names) -> BTreeSet<(Kind, usize, String)> {
        let sides = self.only.iter().enumerate();
        let lines = sides.flat_map(|(side, lines)| lines.iter().map(move |line| (side, line)));
        let kind = self.first();
        lines
            .map(|(side, line)| (kind, side, names.leave_out(line)))
            .collect()
    }

    /// The same text for differences that look alike: names of this cluster and numbers are left
    /// out.
    #[must_use]
    pub fn signature(&self, cib: &Element) -> String {
        let names = Names::of(cib);
        let first =
            |lines: &[String]| names.leave_out(lines.first().map_or("nothing", String::as_str));
        let [peer, engine] = [first(&self.only[0]), first(&self.only[1])];
        // Of long lines, what is just before the difference and behind it.
        let same = peer
            .chars()
            .zip(engine.chars())
            .take_while(|(p, e)| p == e)
            .count();
        let part = |line: &str| -> String {
            line.chars()
                .skip(same.saturating_sub(60))
                .take(120)
                .collect()
        };
        format!(
            "{}: peer {} | engine {}",
            self.first(),
            part(&peer),
            part(&engine)
        )
    }
}

/// Names of a cluster's nodes and resources, longest first.
#[derive(Clone, Debug)]
pub struct Names(Vec<String>);

impl Names {
    /// The names in a CIB.
    #[must_use]
    pub fn of(cib: &Element) -> Self {
        const NAMED: [&str; 7] = [
            "node",
            "node_state",
            "primitive",
            "group",
            "clone",
            "bundle",
            "lrm_resource",
        ];
        let mut names = BTreeSet::new();
        cib.visit(&mut |e| {
            if NAMED.contains(&e.name.as_str()) {
                let known = [e.get("id"), e.get("uname")].into_iter().flatten();
                names.extend(known.filter(|name| name.len() > 2).map(str::to_owned));
            }
        });
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Names(names)
    }

    /// A line with `_` for each name and `#` for each number.
    fn leave_out(&self, line: &str) -> String {
        let line = self
            .0
            .iter()
            .fold(line.to_owned(), |line, name| line.replace(name, "_"));
        let mut plain = String::new();
        for c in line.chars() {
            if !c.is_ascii_digit() {
                plain.push(c);
            } else if !plain.ends_with('#') {
                plain.push('#');
            }
        }
        plain
    }
}

/// Compares the peer's answer with the engine's.
#[must_use]
pub fn compare(peer: &Answer, engine: &Answer) -> Option<Difference> {
    match (peer, engine) {
        (Answer::Planned(peer), Answer::Planned(engine)) => compare_outputs(peer, engine),
        (Answer::Refused(_), Answer::Refused(_)) => None,
        (peer, engine) => Some(Difference {
            kinds: BTreeSet::from([Kind::Acceptance]),
            only: [peer, engine].map(|answer| {
                vec![match answer {
                    Answer::Planned(_) => "planned".to_owned(),
                    Answer::Refused(why) => format!("refused: {why}"),
                    Answer::Broken(how) => format!("broken: {how}"),
                }]
            }),
        }),
    }
}

fn compare_outputs(peer: &Outputs, engine: &Outputs) -> Option<Difference> {
    let mut kinds = BTreeSet::new();
    let mut only = None;
    for (kind, peer, engine) in parts(peer)
        .into_iter()
        .zip(parts(engine))
        .map(|(p, e)| (p.0, p.1, e.1))
    {
        let (peer, engine) = (normalise::lines(kind, peer), normalise::lines(kind, engine));
        if peer != engine {
            kinds.insert(kind);
            only.get_or_insert_with(|| {
                [lines_only_in(&peer, &engine), lines_only_in(&engine, &peer)]
            });
        }
    }
    only.map(|only| Difference { kinds, only })
}

/// What is compared of an answer.
pub(super) fn normalised(outputs: &Outputs) -> Vec<Vec<String>> {
    let parts = parts(outputs).into_iter();
    parts
        .map(|(kind, text)| normalise::lines(kind, text))
        .collect()
}

/// The texts that are compared, in the order of [`Kind`].
fn parts(outputs: &Outputs) -> [(Kind, &str); 6] {
    let middle = outputs
        .summary
        .find("Transition Summary:")
        .unwrap_or(outputs.summary.len());
    let (status, summary) = outputs.summary.split_at(middle);
    [
        (Kind::Status, status),
        (Kind::Scores, &outputs.scores),
        (Kind::Graph, &outputs.graph),
        (Kind::Dot, &outputs.dot),
        (Kind::Summary, summary),
        (Kind::Errors, &outputs.errors),
    ]
}

/// Lines of `these` that `those` have not (or not as often).
fn lines_only_in(these: &[String], those: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in those {
        *counts.entry(line).or_default() += 1;
    }
    let mut only = Vec::new();
    for line in these {
        match counts.get_mut(line.as_str()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => only.push(line.clone()),
        }
    }
    only
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(summary: &str, scores: &str) -> Answer {
        Answer::Planned(Outputs {
            summary: summary.to_owned(),
            scores: scores.to_owned(),
            ..Outputs::default()
        })
    }

    #[test]
    fn the_first_kind_is_nearest_to_the_cause() {
        let peer = planned("Online: a\nTransition Summary:\nstart\n", "r on a: 1\n");
        let engine = planned("Online: a\nTransition Summary:\nstop\n", "r on a: 2\n");
        let difference = compare(&peer, &engine).expect("they differ");
        assert_eq!(difference.first(), Kind::Scores);
        assert_eq!(
            difference.kinds,
            BTreeSet::from([Kind::Scores, Kind::Summary])
        );
        assert_eq!(
            difference.only,
            [vec!["rona:1".to_owned()], vec!["rona:2".to_owned()]]
        );
    }

    #[test]
    fn the_same_difference_elsewhere_has_the_same_signature() {
        let cluster =
            |node: &str| Element::new("cib").containing(Element::new("node").with("uname", node));
        let at = |node: &str, score: &str| planned("", &format!("r on {node}: {score}\n"));
        let one = compare(&at("alpha", "1"), &at("alpha", "20")).expect("they differ");
        let two = compare(&at("bravo", "7"), &at("bravo", "3")).expect("they differ");
        assert_eq!(
            one.signature(&cluster("alpha")),
            two.signature(&cluster("bravo"))
        );
    }

    #[test]
    fn refusals_agree_whatever_their_words() {
        let refused = |why: &str| Answer::Refused(why.to_owned());
        assert_eq!(compare(&refused("no"), &refused("invalid")), None);
        assert!(compare(&refused("no"), &planned("", "")).is_some());
    }
}
