//! Is there one order of all operations on a register that explains what every client was told?
//!
//! An operation took effect at one moment between its call and its answer; one without an answer at any
//! moment after its call, or never. The search is that of Wing and Gong, with Lowe's memo: a set of
//! operations that are done, together with the value that they left, is looked at once.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// A register's value; none before the first write.
pub type Value = Option<u64>;

/// What was asked of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It was set.
    Write(u64),
    /// It was read, and had this value.
    Read(Value),
    /// It was changed from a value to another; this is only so if it had the first one.
    Change(Value, u64),
}

/// One operation of a client. Operations that certainly had no effect are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Of which register.
    pub register: String,
    /// What.
    pub operation: Operation,
    /// When it was called, by whatever clock is common to all.
    pub called: u64,
    /// When it was answered; nobody knows whether what was not answered took effect.
    pub answered: Option<u64>,
}

/// No order explains it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rule 3: no order of the {calls} operations on {register} explains what clients were told; {explained} can be explained, and then: {then}"
)]
pub struct NotLinearizable {
    /// Which register.
    pub register: String,
    /// How many operations there are.
    pub calls: usize,
    /// How many of them the longest order that was found has.
    pub explained: usize,
    /// What could have come next, and cannot.
    pub then: String,
}

/// Checks every register.
///
/// # Errors
/// The first register whose operations no order explains.
pub fn check(calls: &[Call]) -> Result<(), NotLinearizable> {
    let mut registers: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        registers.entry(&call.register).or_default().push(call);
    }
    for (register, mut calls) in registers {
        forget_unseen(&mut calls);
        calls.sort_by_key(|call| call.called);
        if let Err((explained, then)) = Search::new(&calls).run() {
            return Err(NotLinearizable {
                register: register.to_owned(),
                calls: calls.len(),
                explained,
                then: then.join(", "),
            });
        }
    }
    Ok(())
}

/// What was never answered, and left a value that nobody ever saw, may as well never have happened.
/// Without it the search is not slowed by every request that a partition has swallowed.
fn forget_unseen(calls: &mut Vec<&Call>) {
    let seen: BTreeSet<u64> = calls
        .iter()
        .filter_map(|call| match call.operation {
            Operation::Read(value) | Operation::Change(value, _) => value,
            Operation::Write(_) => None,
        })
        .collect();
    calls.retain(|call| match call.operation {
        Operation::Write(value) | Operation::Change(_, value) => {
            call.answered.is_some() || seen.contains(&value)
        }
        Operation::Read(_) => call.answered.is_some(),
    });
}

/// Which operations are done: a bit each.
type Done = Vec<u64>;

struct Search<'c> {
    calls: &'c [&'c Call],
    looked_at: BTreeSet<(Done, Value)>,
}

/// How far an order goes.
struct Step {
    done: Done,
    value: Value,
    count: usize,
}

impl<'c> Search<'c> {
    fn new(calls: &'c [&'c Call]) -> Self {
        Self {
            calls,
            looked_at: BTreeSet::new(),
        }
    }

    /// An order exists; or how many operations the longest one has, and what cannot follow.
    fn run(mut self) -> Result<(), (usize, Vec<String>)> {
        let mut open = vec![Step {
            done: vec![0; self.calls.len().div_ceil(64)],
            value: None,
            count: 0,
        }];
        let mut longest = (0, Vec::new());
        while let Some(step) = open.pop() {
            let next = self.next(&step.done);
            if next.iter().all(|at| self.calls[*at].answered.is_none())
                && self.all_answered(&step.done)
            {
                return Ok(());
            }
            if step.count >= longest.0 {
                let text = |at: &usize| {
                    let call = self.calls[*at];
                    format!("{:?} at {}", call.operation, call.called)
                };
                let value = format!("(its value is {:?})", step.value);
                longest = (step.count, next.iter().map(text).chain([value]).collect());
            }
            for at in next {
                let Some(value) = apply(self.calls[at].operation, step.value) else {
                    continue;
                };
                let mut done = step.done.clone();
                done[at / 64] |= 1 << (at % 64);
                if self.looked_at.insert((done.clone(), value)) {
                    let count = step.count + 1;
                    open.push(Step { done, value, count });
                }
            }
        }
        Err(longest)
    }

    fn is_done(done: &Done, at: usize) -> bool {
        done[at / 64] & (1 << (at % 64)) != 0
    }

    fn all_answered(&self, done: &Done) -> bool {
        let open =
            |(at, call): (usize, &&Call)| call.answered.is_some() && !Self::is_done(done, at);
        !self.calls.iter().enumerate().any(open)
    }

    /// What can come next: what was called before the first answer that is still to come. What was
    /// never answered comes first, so that it is tried last: mostly it is not needed.
    fn next(&self, done: &Done) -> Vec<usize> {
        let mut answer = u64::MAX;
        let mut next = Vec::new();
        for (at, call) in self.calls.iter().enumerate() {
            if call.called > answer {
                break;
            }
            if !Self::is_done(done, at) {
                answer = answer.min(call.answered.unwrap_or(u64::MAX));
                next.push(at);
            }
        }
        next.retain(|at| self.calls[*at].called <= answer);
        next.sort_by_key(|at| self.calls[*at].answered.is_some());
        next
    }
}

/// The value that an operation leaves; none if it cannot happen now.
fn apply(operation: Operation, value: Value) -> Option<Value> {
    match operation {
        Operation::Write(new) => Some(Some(new)),
        Operation::Read(read) => (read == value).then_some(value),
        Operation::Change(from, to) => (from == value).then_some(Some(to)),
    }
}
