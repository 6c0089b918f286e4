//! Is every order run at most once, and only for whoever leads?

use std::collections::BTreeMap;

use lockstep_node::executor::{Order, OrderKey, Work};

use super::super::world::MachineId;

/// What was ordered and run.
#[derive(Debug, Default)]
pub(crate) struct OrderChecks {
    /// By order: the term in which it was last ordered, and the highest that its executor had heard.
    ordered: BTreeMap<String, Vec<(MachineId, u64, u64)>>,
    begun: BTreeMap<String, MachineId>,
}

impl OrderChecks {
    /// An order arrives at an executor that has heard of a leader of some term.
    pub(crate) fn arrives(&mut self, machine: MachineId, key: OrderKey, term: u64, heard: u64) {
        self.ordered
            .entry(key.to_string())
            .or_default()
            .push((machine, term, heard));
    }

    /// An order of a controller without quorum arrives.
    pub(crate) fn arrives_alone(
        &mut self,
        machine: MachineId,
        controller: Option<MachineId>,
        order: &Order,
    ) -> Result<(), (&'static str, String)> {
        let less = match &order.work {
            Work::Operate(operation) => matches!(operation.task.as_str(), "stop" | "demote"),
            _ => false,
        };
        let key = order.key.to_string();
        if !less || controller != Some(machine) {
            let what = format!("n{} is to do {key} without quorum: {order:?}", machine + 1);
            return Err(("4 (without quorum only less, and only here)", what));
        }
        let known = self.ordered.entry(key).or_default();
        known.push((machine, u64::MAX, 0));
        Ok(())
    }

    /// An order is run.
    pub(crate) fn begins(
        &mut self,
        machine: MachineId,
        order: &str,
        fences: bool,
    ) -> Result<(), (&'static str, String)> {
        let before = self.begun.insert(order.to_owned(), machine);
        // Whoever operates a fence device may be lost; then another one does.
        if let Some(before) = before.filter(|before| !fences || *before == machine) {
            let what = format!(
                "order {order} is run on n{} and was run on n{} before",
                machine + 1,
                before + 1
            );
            return Err(("3 (at most once)", what));
        }
        let asked = self.ordered.get(order).into_iter().flatten();
        let mut here = asked.filter(|(on, ..)| *on == machine).peekable();
        let Some(&&(_, term, heard)) = here.peek() else {
            let what = format!("n{} runs {order}, which nobody ordered", machine + 1);
            return Err(("4 (executors check terms)", what));
        };
        if here.all(|(_, term, heard)| term < heard) {
            let what = format!(
                "n{} runs {order} for a leader of term {term}, and had heard of term {heard}",
                machine + 1
            );
            return Err(("4 (executors check terms)", what));
        }
        Ok(())
    }
}
