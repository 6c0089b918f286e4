//! What is the difference of two documents?

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{COUNTERS, path};
use crate::parse::{Document, ElementId};

/// The difference that makes `new` out of `old`; `None` if there is none. Where attributes stand in
/// their element makes no difference.
#[must_use]
pub fn make(old: &Document, new: &Document) -> Option<Document> {
    let mut diff = Document::new("diff");
    let root = diff.root();
    diff.set_attr(root, "format", "2");
    let version = diff.append(root, "version");
    for (name, of) in [("source", old), ("target", new)] {
        let counters = diff.append(version, name);
        for counter in COUNTERS {
            let value = of.attr(of.root(), counter).unwrap_or("1");
            diff.set_attr(counters, counter, value);
        }
    }
    let mut comparison = Comparison {
        old,
        new,
        diff,
        pairs: BTreeMap::new(),
        moved: BTreeSet::new(),
    };
    comparison.compare();
    comparison.write_changes();
    let diff = comparison.diff;
    let changed = diff.child(diff.root(), "change").is_some();
    changed.then_some(diff)
}

struct Comparison<'d> {
    old: &'d Document,
    new: &'d Document,
    diff: Document,
    /// The old element of each new one that has one.
    pairs: BTreeMap<ElementId, ElementId>,
    /// New elements that stand elsewhere among their siblings.
    moved: BTreeSet<ElementId>,
}

impl Comparison<'_> {
    /// Pairs elements, and lists what was deleted.
    fn compare(&mut self) {
        self.pairs.insert(self.new.root(), self.old.root());
        let mut open = vec![(self.old.root(), self.new.root())];
        while let Some((old_parent, new_parent)) = open.pop() {
            let mut by_key: BTreeMap<_, VecDeque<ElementId>> = BTreeMap::new();
            for e in self.new.children(new_parent) {
                let key = (self.new.name(e), self.new.id(e));
                by_key.entry(key).or_default().push_back(e);
            }
            let old: Vec<ElementId> = self.old.children(old_parent).collect();
            let mut kept = Vec::with_capacity(old.len());
            for e in &old {
                let key = (self.old.name(*e), self.old.id(*e));
                match by_key.get_mut(&key).and_then(VecDeque::pop_front) {
                    Some(same) => {
                        self.pairs.insert(same, *e);
                        kept.push((*e, same));
                    }
                    None => {
                        let path = path::of(self.old, *e);
                        self.change("delete", &path);
                    }
                }
            }
            self.find_moved(&kept, new_parent);
            // The first child's children come next.
            open.extend(kept.into_iter().rev());
        }
    }

    /// Notes which of the children that stayed changed their place. One that moved back counts no
    /// more for those after it in the old document, one that moved on in the new one.
    fn find_moved(&mut self, kept: &[(ElementId, ElementId)], parent: ElementId) {
        let place: BTreeMap<ElementId, usize> =
            (0..).zip(kept).map(|(at, (_, new))| (*new, at)).collect();
        let mut old_places = Counts::new(kept.len());
        let mut new_place = 0;
        for e in self.new.children(parent) {
            let Some(&at) = place.get(&e) else { continue };
            let old_place = old_places.before(at);
            if old_place > new_place {
                old_places.drop(at);
                new_place += 1;
                self.moved.insert(e);
            } else if old_place < new_place {
                self.moved.insert(e);
            } else {
                new_place += 1;
            }
        }
    }

    fn change(&mut self, operation: &str, path: &str) -> ElementId {
        let root = self.diff.root();
        let change = self.diff.append(root, "change");
        self.diff.set_attr(change, "operation", operation);
        self.diff.set_attr(change, "path", path);
        change
    }

    /// Lists what was modified, created and moved, in the order of the new document.
    fn write_changes(&mut self) {
        enum Step {
            Enter(ElementId, usize),
            Leave(ElementId, usize),
        }
        let new = self.new;
        let mut open = vec![Step::Enter(new.root(), 0)];
        while let Some(step) = open.pop() {
            match step {
                Step::Enter(e, position) => match self.pairs.get(&e).copied() {
                    Some(old) => {
                        self.write_modification(old, e);
                        open.push(Step::Leave(e, position));
                        let children: Vec<_> = new.children(e).enumerate().collect();
                        let steps = children.into_iter().rev();
                        open.extend(steps.map(|(at, child)| Step::Enter(child, at)));
                    }
                    None => {
                        let parent = new.parent(e).unwrap_or(e);
                        let change = self.change("create", &path::of(new, parent));
                        self.diff
                            .set_attr(change, "position", &position.to_string());
                        self.diff.copy_from(new, e, change);
                    }
                },
                Step::Leave(e, position) => {
                    if self.moved.contains(&e) {
                        let change = self.change("move", &path::of(new, e));
                        self.diff
                            .set_attr(change, "position", &position.to_string());
                    }
                }
            }
        }
    }

    fn write_modification(&mut self, old: ElementId, e: ElementId) {
        let (before, after) = (self.old, self.new);
        let set = after
            .attrs(e)
            .filter(|(name, value)| before.attr(old, name) != Some(value));
        let unset = before
            .attrs(old)
            .filter(|(name, _)| after.attr(e, name).is_none());
        let set = set.map(|(name, value)| (name, Some(value)));
        let changed: Vec<_> = set.chain(unset.map(|(name, _)| (name, None))).collect();
        if changed.is_empty() {
            return;
        }
        let change = self.change("modify", &path::of(after, e));
        let list = self.diff.append(change, "change-list");
        for (name, value) in changed {
            let attribute = self.diff.append(list, "change-attr");
            self.diff.set_attr(attribute, "name", name);
            let operation = if value.is_some() { "set" } else { "unset" };
            self.diff.set_attr(attribute, "operation", operation);
            if let Some(value) = value {
                self.diff.set_attr(attribute, "value", value);
            }
        }
        let result = self.diff.append(change, "change-result");
        let result = self.diff.append(result, after.name(e));
        for (name, value) in after.attrs(e) {
            self.diff.set_attr(result, name, value);
        }
    }
}

/// How many of a row stand before a place, where some drop out (a Fenwick tree).
struct Counts(Vec<usize>);

impl Counts {
    fn new(len: usize) -> Self {
        Self((0..=len).map(|at| at & at.wrapping_neg()).collect())
    }

    fn before(&self, at: usize) -> usize {
        let mut sum = 0;
        let mut at = at;
        while at > 0 {
            sum += self.0[at];
            at &= at - 1;
        }
        sum
    }

    fn drop(&mut self, at: usize) {
        let mut at = at + 1;
        while at < self.0.len() {
            self.0[at] -= 1;
            at += at & at.wrapping_neg();
        }
    }
}
