//! How much may be under way at one time?

use std::collections::BTreeMap;

use lockstep_engine::graph::GraphAction;

use super::flights::Flight;
use crate::cluster::action::meta;
use crate::cluster::transition::Transition;
use crate::executor::OrderKey;

/// What a plan says about that.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    transition: &'a Transition,
    /// `batch-limit`: orders, in the whole cluster.
    orders: usize,
    /// `migration-limit`: steps of live migrations, for each node that they come from or go to.
    migrations: usize,
}

impl<'a> Limits<'a> {
    /// Those of a plan: what is zero, negative or no number limits nothing.
    pub(super) fn of(transition: &'a Transition) -> Self {
        let limit = |text: &str| match text.parse() {
            Ok(limit) if limit > 0 => limit,
            _ => usize::MAX,
        };
        let attributes = &transition.graph.attributes;
        let migrations = attributes.migration_limit.as_deref();
        Self {
            transition,
            orders: limit(&attributes.batch_limit),
            migrations: limit(migrations.unwrap_or_default()),
        }
    }

    /// Whether anything more may be asked for while so much is under way.
    pub(super) fn admit_more(&self, flights: &BTreeMap<OrderKey, Flight>) -> bool {
        flights.len() < self.orders
    }

    /// Whether this action may be asked for while so much is under way.
    pub(super) fn admit(&self, action: &GraphAction, flights: &BTreeMap<OrderKey, Flight>) -> bool {
        let Some(between) = migration(action).filter(|_| self.migrations < usize::MAX) else {
            return true;
        };
        let under_way = flights.keys().filter_map(|key| self.action(*key));
        let migrations: Vec<[&str; 2]> = under_way.filter_map(migration).collect();
        between.into_iter().all(|node| {
            let here = migrations.iter().filter(|other| other.contains(&node));
            here.count() < self.migrations
        })
    }

    fn action(&self, key: OrderKey) -> Option<&'a GraphAction> {
        let same_plan = key.transition == self.transition.number;
        let synapse = same_plan.then(|| self.transition.synapse_of(key.action))??;
        Some(self.transition.action(synapse))
    }
}

/// Where a step of a live migration comes from and goes to.
fn migration(action: &GraphAction) -> Option<[&str; 2]> {
    let migrates = matches!(action.task.as_str(), "migrate_to" | "migrate_from");
    let node = |name| meta(action, name);
    migrates.then(|| Some([node("migrate_source")?, node("migrate_target")?]))?
}
