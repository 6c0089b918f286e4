//! Why does an action have to happen, or cannot? From the nearest reason back to the root: every
//! step is an action that asked for the one before, or kept it from happening.

use super::{Explainer, Link, Step, Why};
use crate::action::BecauseVerb;
use crate::id::{ActionId, IdSet};
use crate::relate::{self, LinkId};
use crate::settle::Via;

/// What makes an action needed, or blocked: another one, or facts.
pub(super) enum Reached {
    /// The other one is needed (or cannot happen) as well.
    Action(ActionId, Link),
    /// The other one cannot happen.
    Cannot(ActionId, Link),
    Facts(Vec<Why>),
}

/// A question about an action.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    WhyNeeded,
    WhyNot,
}

/// An action on the way back to a root.
struct Path {
    at: ActionId,
    question: Question,
    /// The position of what it is a reason for, and what ties the two together.
    from: Option<(usize, Link)>,
}

impl Explainer<'_> {
    /// Follows reasons until there are facts behind one: the likeliest path first, others where
    /// actions only need each other.
    pub(super) fn chain(&self, id: ActionId, question: Question) -> Vec<Step> {
        let mut paths = vec![Path {
            at: id,
            question,
            from: None,
        }];
        let mut waiting = vec![0];
        let mut seen = [IdSet::new(), IdSet::new()];
        let mut first = None;
        while let Some(position) = waiting.pop() {
            let Path { at, question, .. } = paths[position];
            if !seen[question as usize].insert(at) {
                continue;
            }
            first = first.or((position > 0).then_some(position));
            let reached = match question {
                Question::WhyNeeded => self.demands(at),
                Question::WhyNot => vec![self.obstacle(at)],
            };
            let mut next = Vec::new();
            for one in reached {
                let (to, tie, question) = match one {
                    Reached::Facts(facts) => {
                        let mut steps = self.steps(&paths, position);
                        steps.extend(facts.into_iter().map(Step::Fact));
                        return steps;
                    }
                    Reached::Action(to, tie) => (to, tie, question),
                    Reached::Cannot(to, tie) => (to, tie, Question::WhyNot),
                };
                next.push(paths.len());
                paths.push(Path {
                    at: to,
                    question,
                    from: Some((position, tie)),
                });
            }
            waiting.extend(next.into_iter().rev());
        }
        first.map_or_else(Vec::new, |position| self.steps(&paths, position))
    }

    fn steps(&self, paths: &[Path], mut position: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some((from, tie)) = &paths[position].from {
            steps.push(Step::Action {
                action: self.action_name(paths[position].at),
                tie: tie.clone(),
                cannot: paths[position].question == Question::WhyNot,
            });
            position = *from;
        }
        steps.reverse();
        steps
    }

    /// The verdict that first changed an action so.
    pub(super) fn verdict_on(&self, id: ActionId, change: BecauseVerb) -> Option<Reached> {
        let verdicts = self.plan.transition.verdicts.iter();
        let mut found = verdicts.filter(|one| one.action == id && one.change == change);
        let verdict = found.next()?;
        let tie = match verdict.via {
            Via::Link(link) => self.link(link),
            Via::Colocation(index) => {
                let colocation = &self.plan.placement.colocations[index as usize];
                Link::Colocation(colocation.id.clone())
            }
        };
        Some(Reached::Action(verdict.because, tie))
    }

    pub(super) fn link(&self, id: LinkId) -> Link {
        match &self.draft().links[id].cause {
            relate::Cause::Constraint(id) => Link::Constraint {
                kind: self.kind_of_constraint(id),
                id: id.to_string(),
            },
            relate::Cause::Rule(rule) => Link::Rule(rule),
        }
    }
}
