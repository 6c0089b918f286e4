//! `rsc_order`: what is done before what.

use super::set::{Set, Shape, Side};
use super::{Ignored, Reader};
use crate::Diagnostic;
use crate::action::{ActionRequest, Key, RequestDetail, Task};
use crate::config::Variant;
use crate::id::ResourceId;
use crate::parse::{ElementId, Name, names};
use crate::relate::{Cause, Effects, End, Ordering};
use crate::value::{self, Score};

/// How strong an ordering is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Mandatory,
    Optional,
    /// Not at the same time.
    Serialize,
}

/// Which of the orderings that a constraint stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symmetry {
    /// The only one.
    Asymmetric,
    /// The one that is written, of two.
    Symmetric,
    /// Its inverse.
    Inverse,
}

/// What is common to all that one constraint says.
#[derive(Clone, Copy)]
struct Terms<'t> {
    element: ElementId,
    id: &'t str,
    cause: &'t Cause,
    kind: Kind,
    symmetry: Symmetry,
}

/// One side of an ordering.
#[derive(Clone, Debug)]
struct Step {
    resource: ResourceId,
    task: Task,
}

pub(super) fn read(reader: &mut Reader<'_>, element: ElementId, id: &str) {
    let kind = reader.kind(element);
    let symmetry = reader.symmetry(Some(element), kind, None);
    let terms = Terms {
        element,
        id,
        cause: &Cause::constraint(id),
        kind,
        symmetry,
    };
    let sides = [
        Side {
            name: names::FIRST,
            detail: names::FIRST_ACTION,
        },
        Side {
            name: names::THEN,
            detail: names::THEN_ACTION,
        },
    ];
    match reader.shape(element, id, &sides) {
        None => {}
        Some(Shape::Simple) => reader.simple_order(terms),
        Some(Shape::Sets(sets)) => {
            // Stops at the first thing that is wrong, which has been said.
            let _: Result<(), Ignored> = reader.order_all_sets(terms, &sets);
        }
    }
}

/// What an ordering of this kind means.
fn effects(kind: Kind, first: &Task, symmetry: Symmetry) -> Effects {
    match (kind, symmetry) {
        (Kind::Optional, _) => Effects::ORDERED,
        (Kind::Serialize, _) => Effects::SERIALIZE,
        (Kind::Mandatory, Symmetry::Asymmetric) => Effects::ORDERED | Effects::ASYMMETRIC,
        (Kind::Mandatory, Symmetry::Symmetric) => {
            let implied = Effects::ORDERED | Effects::FIRST_IMPLIES_THEN;
            match first {
                Task::Start | Task::Promote => implied | Effects::UNRUNNABLE_FIRST_BLOCKS,
                _ => implied,
            }
        }
        (Kind::Mandatory, Symmetry::Inverse) => Effects::ORDERED | Effects::THEN_IMPLIES_FIRST,
    }
}

/// What undoes a task.
fn inverse(task: &Task) -> Option<Task> {
    Some(match task {
        Task::Start => Task::Stop,
        Task::Stop => Task::Start,
        Task::Promote => Task::Demote,
        Task::Demote => Task::Promote,
        Task::Promoted => Task::Demoted,
        Task::Demoted => Task::Promoted,
        Task::Started => Task::Stopped,
        Task::Stopped => Task::Started,
        _ => return None,
    })
}

impl Reader<'_> {
    fn kind(&mut self, element: ElementId) -> Kind {
        match self.text(element, names::KIND) {
            Some("Mandatory") => Kind::Mandatory,
            Some("Optional") => Kind::Optional,
            Some("Serialize") => Kind::Serialize,
            Some(other) => {
                let id = self.document.id(element).unwrap_or("missing ID");
                let message = format!(
                    "Resetting 'kind' for constraint {id} to 'Mandatory' because '{other}' is not \
                     valid"
                );
                self.error_at(element, names::KIND, message);
                Kind::Mandatory
            }
            // Before kinds there were scores.
            None => {
                let Some(text) = self.text(element, names::SCORE) else {
                    return Kind::Mandatory;
                };
                let message = "Support for 'score' in rsc_order is deprecated and will be removed \
                               in a future release (use 'kind' instead)";
                let message = Diagnostic::warning(element, message).at(names::SCORE);
                self.evaluation.messages.push(message.once("order score"));
                match self.score(text).unwrap_or(Score::ZERO) {
                    Score::ZERO => Kind::Optional,
                    _ => Kind::Mandatory,
                }
            }
        }
    }

    /// Whether an ordering, or what a set orders within itself, holds inversely too. `inherited`
    /// is what the constraint around a set says.
    fn symmetry(
        &mut self,
        element: Option<ElementId>,
        kind: Kind,
        inherited: Option<&str>,
    ) -> Symmetry {
        let own = element.filter(|&element| {
            self.text(element, names::KIND).is_some() || self.text(element, names::SCORE).is_some()
        });
        let kind = own.map_or(kind, |element| self.kind(element));
        let said = element
            .and_then(|element| self.boolean(element, names::SYMMETRICAL))
            .or_else(|| inherited.map(|text| value::is_true(Some(text))));
        // What only must not happen at the same time has no inverse.
        if said == Some(true) && kind == Kind::Serialize {
            let id = element.and_then(|element| self.document.id(element));
            let message = format!(
                "Ignoring symmetrical for '{}' because not valid with kind of 'Serialize'",
                id.unwrap_or("(null)")
            );
            let message = Diagnostic::warning(element, message).at(names::SYMMETRICAL);
            self.evaluation.messages.push(message);
        }
        if said.unwrap_or(true) && kind != Kind::Serialize {
            Symmetry::Symmetric
        } else {
            Symmetry::Asymmetric
        }
    }

    fn simple_order(&mut self, terms: Terms<'_>) {
        let Some(first) = self.step(terms, names::FIRST) else {
            return;
        };
        let Some(then) = self.step(terms, names::THEN) else {
            return;
        };
        let task = |name, default| match self.text(terms.element, name) {
            Some(text) => Task::from_name(text),
            None => default,
        };
        let first_task = task(names::FIRST_ACTION, Task::Start);
        let then_task = task(names::THEN_ACTION, first_task.clone());
        let first = Step {
            resource: first,
            task: first_task,
        };
        let then = Step {
            resource: then,
            task: then_task,
        };
        let effects = effects(terms.kind, &first.task, terms.symmetry);
        match self.instances_needed(terms.element, first.resource) {
            0 => self.order(terms, &first, &then, effects),
            needed => self.order_after_some(terms, &first, &then, effects, needed),
        }
        if terms.symmetry == Symmetry::Symmetric {
            self.inverse_order(terms, &first, &then);
        }
    }

    fn step(&mut self, terms: Terms<'_>, name: Name) -> Option<ResourceId> {
        let Terms { element, id, .. } = terms;
        let Some(resource) = self.text(element, name) else {
            let side = self.document.name_text(name);
            self.error(
                element,
                format!("Ignoring constraint '{id}' without {side}"),
            );
            return None;
        };
        let found = self.lookup.resource(resource);
        if found.is_none() {
            let message =
                format!("Ignoring constraint '{id}' because resource '{resource}' does not exist");
            self.error_at(element, name, message);
        }
        found
    }

    /// How many instances of a clone have to be done first; 0: all.
    fn instances_needed(&mut self, element: ElementId, first: ResourceId) -> u32 {
        let Variant::Clone(clone) = &self.state.resources[first].variant else {
            return 0;
        };
        if let Some(min) = clone.min {
            return u32::try_from(min).unwrap_or(0);
        }
        let require_all = self.text(element, names::REQUIRE_ALL);
        if require_all.is_some() {
            let message = "Support for require-all in ordering constraints is deprecated and will \
                           be removed in a future release (use clone-min clone meta-attribute \
                           instead)";
            let message = Diagnostic::warning(element, message).at(names::REQUIRE_ALL);
            self.evaluation.messages.push(message.once("require-all"));
        }
        u32::from(require_all.is_some_and(|text| !value::is_true(Some(text))))
    }

    fn order_after_some(
        &mut self,
        terms: Terms<'_>,
        first: &Step,
        then: &Step,
        effects: Effects,
        needed: u32,
    ) {
        let enough = self.helper(format!("clone-one-or-more:{}", terms.id), needed);
        let state = self.state;
        for &instance in &state.resources[first.resource].children {
            let step = Step {
                resource: instance,
                task: first.task.clone(),
            };
            self.order_before_helper(terms, &step, &enough);
        }
        self.order_after_helper(terms, &enough, then, effects);
    }

    fn inverse_order(&mut self, terms: Terms<'_>, first: &Step, then: &Step) {
        let inverses = [&then.task, &first.task].map(|task| self.inverse(terms.element, task));
        let [Some(then_task), Some(first_task)] = inverses else {
            let message = format!(
                "Cannot invert constraint '{}' (please specify inverse manually)",
                terms.id
            );
            self.warning(terms.element, message);
            return;
        };
        let effects = effects(terms.kind, &first_task, Symmetry::Inverse);
        let first = Step {
            resource: first.resource,
            task: first_task,
        };
        let then = Step {
            resource: then.resource,
            task: then_task,
        };
        self.order(terms, &then, &first, effects);
    }

    /// What undoes a task; if nothing does, that is said.
    fn inverse(&mut self, element: ElementId, task: &Task) -> Option<Task> {
        let inverse = inverse(task);
        if inverse.is_none() {
            let task = task.name();
            let message = format!("Unknown action '{task}' specified in order constraint");
            self.warning(element, message);
        }
        inverse
    }

    fn order_all_sets(&mut self, terms: Terms<'_>, sets: &[Set<'_>]) -> Result<(), Ignored> {
        let mut last = None;
        for set in sets {
            self.order_within(terms, set)?;
            if let Some(last) = last {
                self.order_sets(terms, last, set)?;
                if terms.symmetry == Symmetry::Symmetric {
                    let inverse = Terms {
                        symmetry: Symmetry::Inverse,
                        ..terms
                    };
                    self.order_sets(inverse, set, last)?;
                }
            }
            last = Some(set);
        }
        Ok(())
    }

    /// What a set orders within itself: one after another, if it is sequential.
    fn order_within(&mut self, terms: Terms<'_>, set: &Set<'_>) -> Result<(), Ignored> {
        let own = |name| set.element.and_then(|set| self.text(set, name));
        let has_kind = own(names::KIND).is_some();
        let sequential = match own(names::SEQUENTIAL) {
            Some(text) => value::is_true(Some(text)),
            None => set.sequential.unwrap_or(true),
        };
        let kind = match set.element.filter(|_| has_kind) {
            Some(set) => self.kind(set),
            None => terms.kind,
        };
        let inherited = self.text(terms.element, names::SYMMETRICAL);
        let symmetry = self.symmetry(set.element, terms.kind, inherited);
        let task = task_of(set);
        let members = self.members(terms, set)?;
        if members.len() < 2 {
            return Ok(());
        }
        let step = |resource, task: &Task| Step {
            resource,
            task: task.clone(),
        };
        let meaning = effects(kind, &task, symmetry);
        if kind == Kind::Serialize {
            for (position, &first) in members.iter().enumerate() {
                for &then in &members[position + 1..] {
                    self.order(terms, &step(first, &task), &step(then, &task), meaning);
                }
            }
        } else if sequential {
            for pair in members.windows(2) {
                self.order(terms, &step(pair[0], &task), &step(pair[1], &task), meaning);
            }
        }
        let Some(task) = inverse(&task).filter(|_| symmetry != Symmetry::Asymmetric && sequential)
        else {
            return Ok(());
        };
        let meaning = effects(kind, &task, Symmetry::Inverse);
        for pair in members.windows(2) {
            self.order(terms, &step(pair[1], &task), &step(pair[0], &task), meaning);
        }
        Ok(())
    }

    /// The resources of a set. Fails, with a message, if one does not exist.
    fn members(&mut self, terms: Terms<'_>, set: &Set<'_>) -> Result<Vec<ResourceId>, Ignored> {
        let names = set.members.iter();
        names
            .map(|name| self.member(terms.element, set, name).ok_or(Ignored))
            .collect()
    }

    /// One set before another: their ends, if it is said that they are sequential (here the
    /// default is that they are not), else each member before each.
    fn order_sets(
        &mut self,
        terms: Terms<'_>,
        first: &Set<'_>,
        then: &Set<'_>,
    ) -> Result<(), Ignored> {
        let is_inverse = terms.symmetry == Symmetry::Inverse;
        let (mut first_task, mut then_task) = (task_of(first), task_of(then));
        if is_inverse {
            (first_task, then_task) = match (inverse(&first_task), inverse(&then_task)) {
                (Some(first), Some(then)) => (first, then),
                _ => return Ok(()),
            };
        }
        let meaning = effects(terms.kind, &first_task, terms.symmetry);
        // "One of them" makes no sense for going down: whatever needs them must be down first.
        let going_down = matches!(first_task, Task::Stop | Task::Demote);
        let require_all = first
            .element
            .and_then(|set| self.boolean(set, names::REQUIRE_ALL));
        if require_all == Some(false) && !going_down {
            return self.order_after_any(terms, (first, &first_task), (then, &then_task), meaning);
        }
        for name in end_or_all(first, !is_inverse) {
            let resource = self.member(terms.element, first, name).ok_or(Ignored)?;
            let first = Step {
                resource,
                task: first_task.clone(),
            };
            for name in end_or_all(then, is_inverse) {
                let resource = self.member(terms.element, then, name).ok_or(Ignored)?;
                let then = Step {
                    resource,
                    task: then_task.clone(),
                };
                self.order(terms, &first, &then, meaning);
            }
        }
        Ok(())
    }

    /// Any one member of a set before all of another.
    fn order_after_any(
        &mut self,
        terms: Terms<'_>,
        (first, first_task): (&Set<'_>, &Task),
        (then, then_task): (&Set<'_>, &Task),
        effects: Effects,
    ) -> Result<(), Ignored> {
        let any = self.helper(format!("one-or-more:{}", first.id.unwrap_or_default()), 1);
        for resource in self.members(terms, first)? {
            let step = Step {
                resource,
                task: first_task.clone(),
            };
            self.order_before_helper(terms, &step, &any);
        }
        for resource in self.members(terms, then)? {
            let step = Step {
                resource,
                task: then_task.clone(),
            };
            self.order_after_helper(terms, &any, &step, effects);
        }
        Ok(())
    }

    /// Asks for a helper action that can be run when so many of its inputs can.
    fn helper(&mut self, name: String, required: u32) -> End {
        let position = self.made.requests.len() as u32;
        self.made.requests.push(ActionRequest {
            key: Key::Named(name.into()),
            node: None,
            optional: false,
            reason: None,
            detail: RequestDetail::MinRunnable { required },
            before_reset: false,
        });
        End::Requested(position)
    }

    fn order_before_helper(&mut self, terms: Terms<'_>, first: &Step, helper: &End) {
        let effects = Effects::MIN_RUNNABLE | Effects::FIRST_IMPLIES_THEN_GRAPHED;
        self.add_ordering(terms, first.end(), helper.clone(), effects);
    }

    fn order_after_helper(
        &mut self,
        terms: Terms<'_>,
        helper: &End,
        then: &Step,
        effects: Effects,
    ) {
        let effects = effects | Effects::UNRUNNABLE_FIRST_BLOCKS;
        self.add_ordering(terms, helper.clone(), then.end(), effects);
    }

    fn order(&mut self, terms: Terms<'_>, first: &Step, then: &Step, effects: Effects) {
        self.add_ordering(terms, first.end(), then.end(), effects);
    }

    fn add_ordering(&mut self, terms: Terms<'_>, first: End, then: End, effects: Effects) {
        let cause = terms.cause.clone();
        self.made.orderings.push(Ordering {
            first,
            then,
            effects,
            cause,
        });
    }
}

impl Step {
    fn end(&self) -> End {
        End::task(self.resource, self.task.clone())
    }
}

/// The last or first member of a set that is said to be sequential; all of another.
fn end_or_all<'s, 'a>(set: &'s Set<'a>, last: bool) -> &'s [&'a str] {
    let members = set.members.as_slice();
    match (set.sequential, members.len()) {
        (Some(true), len @ 1..) if last => &members[len - 1..],
        (Some(true), 1..) => &members[..1],
        _ => members,
    }
}

/// What a set does with its members.
fn task_of(set: &Set<'_>) -> Task {
    set.action.map_or(Task::Start, Task::from_name)
}
