//! The notify actions of a clone's instances.

use std::cell::OnceCell;
use std::sync::Arc;

use super::super::TOP_PRIORITY;
use super::super::meta::MetaLayer;
use super::environment::Activity;
use super::{CAUSE, Points, Round, round};
use crate::World;
use crate::action::{Draft, Key, NotifyPhase, Task};
use crate::config::Role;
use crate::id::{ActionId, NodeId, ResourceId};
use crate::relate::{self, Effects, topology};

/// Makes the notify actions of a clone: to be called when all verdicts are known, in the order in
/// which clones go into the graph.
pub fn schedule(world: World<'_>, draft: &mut Draft, clone: ResourceId) {
    let Some(rounds) = draft.notifications.get(&clone).cloned() else {
        return;
    };
    let rounds = [rounds.start, rounds.stop, rounds.promote, rounds.demote];
    for round in rounds.into_iter().flatten() {
        let activity = Activity::of(world, draft, clone);
        if activity.has(&round.of) {
            let points = round.before.into_iter().chain([round.after]);
            for id in points.flat_map(|points| [points.begin, points.confirmed]) {
                draft.actions[id].optional = false;
            }
        }
        let round = Telling {
            world,
            round: &round,
            needed: activity.has(&round.of),
            told: &|draft| activity.environment(world, draft, clone),
            environment: OnceCell::new(),
        };
        round.tell(draft, clone);
    }
}

/// Orders the notifications about a stop that fencing implies after the fencing.
pub fn order_after_fencing(
    world: World<'_>,
    draft: &mut Draft,
    stop: ActionId,
    clone: ResourceId,
    fencing: ActionId,
) {
    if !world.state.resources[clone].meta.notify {
        return;
    }
    let round = round(world, draft, clone, Task::Stop, None, fencing);
    let node = draft.actions[stop]
        .node
        .map(|node| world.state.nodes[node].name.as_str());
    let environment = MetaLayer::from_iter([
        ("notify_stop_resource", &*world.state.resources[clone].id),
        ("notify_stop_uname", node.unwrap_or_default()),
    ]);
    let environment = Arc::new(environment);
    let round = Telling {
        world,
        round: &round,
        needed: false,
        told: &|_| Arc::clone(&environment),
        environment: OnceCell::new(),
    };
    round.tell(draft, topology::top_below_bundle(world.state, clone));
}

/// One round of notifications being told to instances.
struct Telling<'a> {
    world: World<'a>,
    round: &'a Round,
    /// Something of this kind is going to happen.
    needed: bool,
    /// What agents are told. Mostly nobody is to be told anything, so it is made when it is needed.
    told: &'a dyn Fn(&Draft) -> Arc<MetaLayer>,
    environment: OnceCell<Arc<MetaLayer>>,
}

impl Telling<'_> {
    fn environment(&self, draft: &Draft) -> Arc<MetaLayer> {
        Arc::clone(self.environment.get_or_init(|| (self.told)(draft)))
    }

    fn tell(&self, draft: &mut Draft, resource: ResourceId) {
        let children = draft.resource[resource].children.clone();
        if children.is_empty() {
            self.tell_instance(draft, resource);
        }
        for &child in children.iter() {
            self.tell(draft, child);
        }
    }

    fn tell_instance(&self, draft: &mut Draft, instance: ResourceId) {
        // The actions themselves get the environment, too.
        for id in draft.of(instance).to_vec() {
            let action = &draft.actions[id];
            let told = matches!(
                action.task,
                Task::Start | Task::Stop | Task::Promote | Task::Demote
            );
            if told && !action.optional && action.node.is_some() {
                let environment = self.environment(draft);
                draft.actions[id].meta.share(environment);
            }
        }
        match self.round.of {
            // Fencing may imply stops that nobody asked for.
            Task::Stop => self.tell_about_going_down(draft, instance),
            Task::Demote if self.needed => self.tell_about_going_down(draft, instance),
            Task::Start | Task::Promote if self.needed => {
                self.tell_about_coming_up(draft, instance)
            }
            _ => {}
        }
    }

    fn tell_about_going_down(&self, draft: &mut Draft, instance: ResourceId) {
        if draft.resource[instance].role == Role::Stopped {
            return;
        }
        let stop = draft.newest(instance, &Task::Stop, None);
        let (stops, implied) = match stop.map(|id| &draft.actions[id]) {
            Some(stop) => (!stop.optional, stop.pseudo),
            None => (false, false),
        };
        for node in self.world.state.resource[instance].active_on.clone() {
            // A node that is being fenced cannot be told.
            let state = &draft.node[node];
            if implied && (state.unclean || state.remote_reset) {
                continue;
            }
            self.tell_before(draft, instance, node);
            if self.round.of == Task::Demote || !stops {
                self.tell_after(draft, instance, node);
            }
        }
    }

    fn tell_about_coming_up(&self, draft: &mut Draft, instance: ResourceId) {
        if draft.resource[instance].next_role == Role::Stopped {
            return;
        }
        let start = draft.newest(instance, &Task::Start, None);
        if start.is_some_and(|start| self.connection_is_blocked(draft, start)) {
            return;
        }
        let Some(node) = draft.resource[instance].node else {
            return;
        };
        if self.round.of == Task::Promote || start.is_none_or(|start| draft.actions[start].optional)
        {
            self.tell_before(draft, instance, node);
        }
        self.tell_after(draft, instance, node);
    }

    /// Whether an action is behind a remote connection that cannot start.
    fn connection_is_blocked(&self, draft: &Draft, action: ActionId) -> bool {
        let node = draft.actions[action].node;
        let connection = node.and_then(|node| self.world.state.nodes[node].connection);
        let start = connection.and_then(|id| draft.newest(id, &Task::Start, None));
        start.is_some_and(|start| !draft.actions[start].runnable)
    }

    fn tell_before(&self, draft: &mut Draft, instance: ResourceId, node: NodeId) {
        if let Some(points) = self.round.before {
            self.notify(draft, instance, node, NotifyPhase::Pre, points);
        }
    }

    fn tell_after(&self, draft: &mut Draft, instance: ResourceId, node: NodeId) {
        let points = self.round.after;
        if let Some(notify) = self.notify(draft, instance, node, NotifyPhase::Post, points) {
            draft.actions[notify].priority = TOP_PRIORITY;
        }
        for id in draft.of(instance).to_vec() {
            let action = &draft.actions[id];
            if action.key.interval_ms() > 0 && action.task != Task::Cancel {
                relate::link(draft, points.confirmed, id, Effects::ORDERED, CAUSE);
            }
        }
    }

    fn notify(
        &self,
        draft: &mut Draft,
        instance: ResourceId,
        node: NodeId,
        phase: NotifyPhase,
        points: Points,
    ) -> Option<ActionId> {
        let begin = &draft.actions[points.begin];
        if !draft.node[node].online || !begin.runnable {
            return None;
        }
        let (optional, meta) = (begin.optional, begin.meta.clone());
        let key = Key::Notify {
            resource: instance,
            phase,
            of: self.round.of.clone(),
        };
        let id = draft.request(self.world, key, Some(node), optional);
        draft.actions[id].meta.fill_from(&meta);
        let environment = self.environment(draft);
        draft.actions[id].meta.share(environment);
        relate::link(draft, points.begin, id, Effects::ORDERED, CAUSE);
        relate::link(draft, id, points.confirmed, Effects::ORDERED, CAUSE);
        Some(id)
    }
}
