use super::ActionIndex;
use crate::action::{Action, ActionMeta, Draft, Key, Task};
use crate::config::Requires;
use crate::id::{ActionId, NodeId, ResourceId, Table};
use crate::relate::Links;
use crate::time::Earliest;

const RESOURCE: ResourceId = ResourceId(0);
const OTHER: ResourceId = ResourceId(1);
const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

fn draft() -> Draft {
    Draft {
        actions: Table::new(),
        orderings: Vec::new(),
        repeats: Vec::new(),
        reload_named: false,
        links: Links::default(),
        resource: Table::new(),
        node: Table::new(),
        loads: None,
        top: Vec::new(),
        notifications: std::collections::BTreeMap::new(),
        requested: Vec::new(),
        index: ActionIndex::new(2),
        descriptions: crate::action::describe::Descriptions::default(),
        recheck_by: Earliest::default(),
        diagnostics: Vec::new(),
    }
}

fn add(draft: &mut Draft, key: &Key, node: Option<NodeId>) -> ActionId {
    let id = draft.actions.push(Action {
        key: key.clone(),
        task: key.task(),
        resource: key.resource(),
        node,
        pseudo: false,
        runnable: true,
        optional: true,
        always_in_graph: false,
        migratable: false,
        migration_abort: false,
        reschedule: false,
        on_dc: false,
        priority: 0,
        reason: None,
        need: None,
        needs: Requires::Nothing,
        meta: ActionMeta::default(),
        description: None,
        required_runnable_before: 0,
        runnable_before: 0,
    });
    draft.index.add(id, key, node);
    id
}

fn monitor(interval_ms: u32) -> Key {
    Key::Operation {
        resource: RESOURCE,
        task: Task::Monitor,
        interval_ms,
    }
}

#[test]
fn actions_are_found_by_key_and_node() {
    let mut draft = draft();
    let stop = Key::once(RESOURCE, Task::Stop);
    let on_b = add(&mut draft, &stop, Some(B));
    let on_a = add(&mut draft, &stop, Some(A));
    let monitor_a = add(&mut draft, &monitor(10_000), Some(A));
    let elsewhere = add(&mut draft, &Key::once(OTHER, Task::Stop), Some(A));

    assert_eq!(draft.with_key(&stop), [on_b, on_a]);
    assert_eq!(draft.on_node(&stop, A), Some(on_a));
    assert_eq!(draft.on_node(&monitor(0), A), None);
    assert_eq!(draft.of(RESOURCE), [on_b, on_a, monitor_a]);
    assert_eq!(draft.of(OTHER), [elsewhere]);
}

#[test]
fn a_request_reuses_the_oldest_and_one_with_a_node_claims_what_has_none() {
    let mut draft = draft();
    let start = Key::once(RESOURCE, Task::Start);
    let nowhere = add(&mut draft, &start, None);
    assert_eq!(draft.on_node(&start, A), None, "no node is not every node");
    assert_eq!(draft.reusable(&start, None), Some(nowhere));
    assert_eq!(draft.reusable(&start, Some(A)), Some(nowhere));
    assert_eq!(draft.actions[nowhere].node, Some(A));
    assert_eq!(
        draft.reusable(&start, Some(B)),
        None,
        "claimed by the other node"
    );
    let on_b = add(&mut draft, &start, Some(B));
    assert_eq!(draft.reusable(&start, Some(B)), Some(on_b));
    assert_eq!(draft.reusable(&start, None), Some(nowhere));
}

#[test]
fn tasks_are_found_newest_first_and_cancellations_are_no_monitors() {
    let mut draft = draft();
    let slow = add(&mut draft, &monitor(10_000), Some(A));
    let probe = add(&mut draft, &monitor(0), Some(B));
    let fast = add(&mut draft, &monitor(5_000), Some(A));
    draft.actions[fast].task = Task::Cancel;

    assert_eq!(draft.newest(RESOURCE, &Task::Monitor, None), Some(probe));
    assert_eq!(draft.newest(RESOURCE, &Task::Monitor, Some(A)), Some(slow));
    assert_eq!(draft.newest(RESOURCE, &Task::Cancel, None), Some(fast));
    assert_eq!(draft.with_task(RESOURCE, &Task::Monitor), [probe, slow]);
    assert_eq!(
        draft.on_node(&monitor(5_000), A),
        Some(fast),
        "it keeps its key"
    );
}

#[test]
fn actions_of_no_resource_are_found_by_key() {
    let mut draft = draft();
    let shutdown = add(&mut draft, &Key::Shutdown(A), Some(A));
    assert_eq!(draft.of_cluster(&Key::Shutdown(A)), Some(shutdown));
    assert_eq!(draft.reusable(&Key::Shutdown(A), Some(A)), Some(shutdown));
    assert_eq!(draft.of_cluster(&Key::Shutdown(B)), None);
}
