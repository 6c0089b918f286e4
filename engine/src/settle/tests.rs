//! What the cases in `engine/testdata` cannot see of this pass: how often it counts, where it gives
//! up, and what it says about orderings that it ignores.

use std::sync::Arc;

use super::*;
use crate::Cluster;
use crate::action::Key;
use crate::parse::{Document, Limits};
use crate::time::Timestamp;

const NOW: i64 = 1_700_000_000;

fn primitive(id: &str, meta: &str) -> String {
    format!(
        "<primitive id='{id}' class='ocf' provider='pacemaker' type='Dummy'>\
         <meta_attributes id='{id}-meta'>{meta}</meta_attributes></primitive>"
    )
}

/// Two nodes, on which nothing runs.
fn cib(resources: &str, constraints: &str) -> Document {
    let nodes = ["n1", "n2"].map(|name| format!("<node id='{name}' uname='{name}'/>"));
    let states = ["n1", "n2"].map(|name| {
        format!(
            "<node_state id='{name}' uname='{name}' in_ccm='true' crmd='online' join='member' \
             expected='member'/>"
        )
    });
    let text = format!(
        "<cib validate-with='pacemaker-4.0' have-quorum='1' epoch='1' num_updates='0' \
         admin_epoch='0'><configuration><crm_config><cluster_property_set id='options'>\
         <nvpair id='fencing' name='stonith-enabled' value='false'/></cluster_property_set>\
         </crm_config><nodes>{}</nodes><resources>{resources}</resources>\
         <constraints>{constraints}</constraints></configuration><status>{}</status></cib>",
        nodes.concat(),
        states.concat()
    );
    Document::parse(text.as_bytes(), &Limits::default()).expect("the case is well-formed")
}

/// A group `g` of `a` and `b`, and a clone `c` of `d`, as they stand before the pass settles them.
fn settling(test: impl FnOnce(&mut Settler<'_>)) {
    let [a, b, d] = ["a", "b", "d"].map(|id| primitive(id, ""));
    let cib = cib(
        &format!("<group id='g'>{a}{b}</group><clone id='c'>{d}</clone>"),
        "",
    );
    let now = Timestamp::utc(NOW);
    let cluster = Cluster::read(&cib, now).expect("the case is a cluster");
    let constraints = crate::constraint::unpack(&cib, &cluster.config, &cluster.state, now);
    let world = cluster.world(&cib, &constraints, now);
    let placement = crate::assign::assign(world);
    let mut draft = crate::action::act(world, &placement);
    let mut settler = Settler::new(world, &placement, &mut draft);
    settler.apply_orderings();
    settler.forget_tallies();
    test(&mut settler);
}

fn resource(settler: &Settler<'_>, id: &str) -> ResourceId {
    let mut roster = settler.world.state.resources.enumerate();
    let found = roster.find(|(_, resource)| resource.id == id);
    found.expect("the case has it").0
}

fn start_of(settler: &Settler<'_>, id: &str) -> ActionId {
    let resource = resource(settler, id);
    let found = settler.find(resource, &Task::Start, None);
    found.expect("everything starts")
}

#[test]
fn members_are_counted_once() {
    settling(|settler| {
        let (group, start) = (resource(settler, "g"), start_of(settler, "g"));
        let tally = settler.tally(start, group);
        assert_eq!((tally.counted, tally.required, tally.unrunnable), (2, 2, 0));
        assert!(!tally.incomplete, "both members start");
        let same = Arc::clone(&tally.same);
        let again = settler.tally(start, group);
        assert!(Arc::ptr_eq(&same, &again.same), "counted twice");
    });
}

#[test]
fn a_count_follows_verdicts_both_ways() {
    settling(|settler| {
        let (group, start) = (resource(settler, "g"), start_of(settler, "g"));
        let member = start_of(settler, "a");
        let counts = |settler: &mut Settler<'_>| {
            let tally = settler.tally(start, group);
            (tally.required, tally.unrunnable)
        };
        assert_eq!(counts(settler), (2, 0));
        settler.set_optional(member, true);
        settler.set_runnable(member, false);
        assert_eq!(counts(settler), (1, 1));
        settler.set_optional(member, false);
        settler.set_runnable(member, true);
        assert_eq!(counts(settler), (2, 0));
    });
}

#[test]
fn members_are_counted_again_when_there_are_more_actions() {
    settling(|settler| {
        let (group, start) = (resource(settler, "g"), start_of(settler, "g"));
        assert_eq!(settler.tally(start, group).required, 2);
        // The newest start of a member is the one that counts.
        let here = settler.action(start_of(settler, "a")).node;
        let mut nodes = settler.world.state.nodes.ids();
        let elsewhere = nodes.find(|&node| Some(node) != here);
        let key = Key::once(resource(settler, "a"), Task::Start);
        settler.draft.request(settler.world, key, elsewhere, true);
        let newest = start_of(settler, "a");
        assert!(settler.action(newest).optional, "a new start, of nobody");
        assert_eq!(settler.tally(start, group).required, 1);
    });
}

#[test]
fn instances_are_counted_by_node() {
    settling(|settler| {
        let (clone, start) = (resource(settler, "c"), start_of(settler, "c"));
        let nodes: Vec<NodeId> = settler.world.state.nodes.ids().collect();
        for node in nodes {
            let there = settler.instances_there(start, clone, node);
            assert_eq!(there.map(|actions| actions.len()), Some(1), "{node:?}");
        }
    });
}

#[test]
fn every_update_is_paid_for() {
    settling(|settler| {
        let start = start_of(settler, "g");
        let budget = settler.budget;
        settler.update(start);
        assert!(settler.budget < budget);
        // Nothing is left: nothing happens any more.
        settler.budget = 0;
        settler.update(start);
        assert_eq!(settler.budget, 0);
    });
}

/// What is said when a cluster is planned for.
fn warnings(resources: &str, constraints: &str) -> Vec<String> {
    let cib = cib(resources, constraints);
    let now = Timestamp::utc(NOW);
    let cluster = Cluster::read(&cib, now).expect("the case is a cluster");
    let plan = cluster.plan(&cib, now).expect("it can be planned for");
    let said = plan.diagnostics.into_iter();
    said.map(|diagnostic| diagnostic.message).collect()
}

#[test]
fn an_ordering_before_the_own_host_is_reported() {
    let guest = primitive(
        "vm",
        "<nvpair id='guest' name='remote-node' value='guest'/>",
    );
    let resources = guest + &primitive("r", "");
    let within = "<rsc_location id='there' rsc='r' node='guest' score='100'/>";
    let before = |first: &str, then: &str| {
        format!("{within}<rsc_order id='o' first='{first}' then='{then}'/>")
    };
    let invalid = |constraints: &str| {
        let mut said = warnings(&resources, constraints);
        said.retain(|message| message.starts_with("Invalid ordering"));
        said
    };
    let expected = "Invalid ordering constraint between r and vm";
    assert_eq!(invalid(&before("r", "vm")), [expected]);
    assert_eq!(invalid(&before("vm", "r")), Vec::<String>::new());
}

#[test]
fn a_reload_that_only_a_constraint_names_comes_after_probes_and_before_monitors() {
    let a = "<primitive id='a' class='ocf' provider='pacemaker' type='Dummy'><operations>\
             <op id='a-monitor' name='monitor' interval='10s'/></operations></primitive>";
    let order = "<rsc_order id='o' first='a' first-action='reload-agent' then='b' \
                 then-action='start'/>";
    let cib = cib(&(a.to_owned() + &primitive("b", "")), order);
    let now = Timestamp::utc(NOW);
    let cluster = Cluster::read(&cib, now).expect("the case is a cluster");
    let decided = cluster.decide(&cib, now);
    let world = cluster.world(&cib, &decided.constraints, now);
    let all = crate::encode::dot(world, &decided.transition, true, false);
    let mut edges: Vec<&str> = all
        .lines()
        .filter(|line| line.contains("a_reload-agent_0") && line.contains("->"))
        .filter_map(|line| line.split_once(" [").map(|(edge, _)| edge))
        .collect();
    edges.sort_unstable();
    let expected = [
        "\"a_monitor_0 n1\" -> \"a_reload-agent_0 <none>\"",
        "\"a_monitor_0 n2\" -> \"a_reload-agent_0 <none>\"",
        "\"a_reload-agent_0 <none>\" -> \"a_monitor_10000 n1\"",
        "\"a_reload-agent_0 <none>\" -> \"b_start_0 n2\"",
    ];
    assert_eq!(edges, expected, "as crm_simulate draws them with -a");
}

#[test]
fn orderings_that_are_asked_for_again_are_applied_again_if_an_action_was_made_since() {
    settling(|settler| {
        let [a, b] = ["a", "b"].map(|id| resource(settler, id));
        let end = |resource, task| crate::relate::End::task(resource, task);
        let rule = |first, then| {
            crate::relate::Ordering::rule(first, then, crate::relate::Effects::ORDERED, "")
        };
        // Nothing is demoted or promoted here: the first says nothing yet, the second makes what the
        // repeated first can be applied to.
        let orderings = [
            rule(end(a, Task::Stop), end(b, Task::Promote)),
            rule(end(b, Task::Promote), end(a, Task::Start)),
        ];
        let stop = settler
            .draft
            .operation(settler.world, a, Task::Stop, None, true);
        settler.draft.orderings = orderings.into();
        crate::relate::repeat(settler.draft, 0..1);
        settler.apply_orderings();
        let promote = settler
            .find(b, &Task::Promote, None)
            .expect("made as a first");
        let after = settler.draft.links.after(stop);
        let thens: Vec<ActionId> = after.map(|id| settler.link(id).then).collect();
        assert!(thens.contains(&promote));

        let links = settler.draft.links.len();
        crate::relate::repeat(settler.draft, 0..2);
        settler.apply_orderings();
        assert_eq!(settler.draft.links.len(), links, "nothing was made since");
    });
}
