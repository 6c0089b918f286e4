//! What is said and done beside the plan, where cases of the regression suite do not show it.

use super::{Injections, Settings, Simulation, run};
use crate::parse::{Document, Limits};
use crate::time::Timestamp;

fn simulate(resources: &str, attributes: &str) -> Simulation {
    let settings = Settings {
        schedule: true,
        execute: true,
        ..Settings::default()
    };
    run(&mut cib(resources, attributes), NOW, &settings).expect("a plan")
}

const NOW: Timestamp = Timestamp::utc(1_767_225_600);

fn cib(resources: &str, attributes: &str) -> Document {
    let xml = format!(
        r#"<cib validate-with="none" have-quorum="1"><configuration>
             <crm_config/>
             <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
             <resources>{resources}</resources>
             <constraints/>
           </configuration>
           <status>
             <node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/>
             <node_state id="2" uname="n2" in_ccm="false" crmd="offline" join="down" expected="member">
               <transient_attributes id="2"><instance_attributes id="t">{attributes}</instance_attributes></transient_attributes>
             </node_state>
           </status></cib>"#
    );
    Document::parse(xml.as_bytes(), &Limits::default()).expect("a CIB")
}

/// A resource that runs anywhere, and one in a clone.
const DUMMIES: &str = r#"<primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/>
    <clone id="c"><primitive id="b" class="ocf" provider="pacemaker" type="Dummy"/></clone>"#;

/// What a run with these settings says after something was injected, and the CIB that results.
fn injected(injections: Injections, settings: Settings) -> (Simulation, String) {
    let mut cib = cib(DUMMIES, "");
    let settings = Settings {
        injections,
        ..settings
    };
    let result = run(&mut cib, NOW, &settings).expect("a plan");
    (result, cib.to_xml())
}

/// An operation put into history.
fn operation(spec: &str) -> Injections {
    Injections {
        operations: vec![spec.to_owned()],
        ..Injections::default()
    }
}

#[test]
fn quiet_runs_leave_room_for_injections_and_name_them_not() {
    let quiet = |scores, utilization, execute| {
        let settings = Settings {
            quiet: true,
            schedule: true,
            execute,
            scores,
            utilization,
            ..Settings::default()
        };
        injected(operation("a_start_0@n1=0"), settings).0.output
    };
    assert_eq!(quiet(false, false, false), "");
    assert_eq!(quiet(false, false, true), "\n");
    let scores = quiet(true, false, true);
    assert!(scores.starts_with("\npcmk__"), "{scores}");
    assert!(scores.ends_with("\n\n"), "{scores}");
    let utilization = quiet(false, true, false);
    let title = "\nUtilization Information:\n  * Original: n1 capacity:";
    assert!(utilization.starts_with(title), "{utilization}");
}

#[test]
fn operations_are_injected_by_names_of_resources_only() {
    let settings = Settings::default;
    for (spec, complaint) in [
        ("b_monitor_0@n1=0", "Invalid resource name: b"),
        (
            "@n1=0",
            "Invalid operation spec: @n1=0.  Only found 0 fields",
        ),
        (
            "a_start_0@=0",
            "Invalid operation spec: a_start_0@=0.  Only found 1 fields",
        ),
        (
            "a_start_0@n1",
            "Invalid operation spec: a_start_0@n1.  Only found 2 fields",
        ),
    ] {
        assert_eq!(injected(operation(spec), settings()).0.errors, [complaint]);
    }
    for good in ["a_start_0@n1=0", "b:0_monitor_0@n1=0"] {
        let errors = injected(operation(good), settings()).0.errors;
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn failures_are_counted_in_the_set_that_is_there() {
    // A new set has the node's id; one that begins with a digit cannot stand before a name's.
    let (_, cib) = injected(operation("a_monitor_9000@n1=1"), Settings::default());
    assert!(
        cib.contains(r#"<nvpair id="_-fail-count-a.monitor_9000" "#),
        "{cib}"
    );
    let (_, cib) = injected(operation("a_monitor_9000@n2=1"), Settings::default());
    let count =
        r#"<nvpair id="t-fail-count-a.monitor_9000" name="fail-count-a#monitor_9000" value="1"/>"#;
    assert!(cib.contains(count), "{cib}");
}

#[test]
fn what_moves_a_resource_fails_without_a_reason() {
    let reason = |spec| {
        let (_, cib) = injected(operation(spec), Settings::default());
        cib.contains("exit-reason=\"Simulated action result\"")
    };
    assert!(reason("a_monitor_9000@n1=1"));
    assert!(!reason("a_migrate_to_0@n1=1"));
}

#[test]
fn who_brings_nodes_online_has_all_nodes_configured_that_something_happens_on() {
    // Where the connection is up, the other resource is looked for.
    let resources = r#"<primitive id="r" class="ocf" provider="pacemaker" type="remote"/>
        <primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/>"#;
    let text = cib(resources, "").to_xml();
    let text = text.replace(
        "<crm_config/>",
        r#"<crm_config><cluster_property_set id="o">
             <nvpair id="o1" name="stonith-enabled" value="false"/>
           </cluster_property_set></crm_config>"#,
    );
    let remote_is_configured_after = |node_up: Vec<String>| {
        let mut cib = Document::parse(text.as_bytes(), &Limits::default()).expect("a CIB");
        let settings = Settings {
            schedule: true,
            execute: true,
            injections: Injections {
                node_up,
                ..Injections::default()
            },
            ..Settings::default()
        };
        let output = run(&mut cib, NOW, &settings).expect("a plan").output;
        assert!(output.contains("monitor on r\n"), "{output}");
        cib.to_xml().contains(r#"<node id="r" uname="r"/>"#)
    };
    assert!(!remote_is_configured_after(Vec::new()));
    assert!(remote_is_configured_after(vec!["n1".to_owned()]));
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let result = simulate(r#"<primitive id="a" class="heartbeat" type="Dummy"/>"#, "");
    assert_eq!(result.errors, ["Invalid class for a: heartbeat"]);
    assert!(
        !result.output.contains("Resource action: a"),
        "{}",
        result.output
    );
    assert!(!result.incomplete);
}

#[test]
fn a_changed_fence_device_is_told_of_before_the_status() {
    let device = r#"<primitive id="f" class="stonith" type="fence_scsi">
        <meta_attributes id="m"><nvpair id="m1" name="provides" value="unfencing"/></meta_attributes>
      </primitive>"#;
    let known = r##"<nvpair id="t1" name="#digests-all" value="f:fence_scsi:0,"/>"##;
    let output = simulate(device, known).output;
    let secure = "f:fence_scsi:f2317cad3d54cec5d7d7aa7d0bf35cf8";
    let expected = format!(
        "Parameters to f for unfencing n2 changed, try '{secure}'\n\
         notice: Unfencing node n2 because the definition of f changed\n"
    );
    let before = output.split("Current cluster status").next();
    assert_eq!(before, Some(expected.as_str()), "{output}");

    let private = format!(r##"{known}<nvpair id="t2" name="#digests-secure" value="{secure},"/>"##);
    let output = simulate(device, &private).output;
    let expected = "Only 'private' parameters to f for unfencing n2 changed\n";
    let before = output.split("Current cluster status").next();
    assert_eq!(before, Some(expected), "{output}");
}

#[test]
fn what_a_remote_node_was_unfenced_with_is_not_known_before_its_attributes_are_read() {
    // The connection is removed, and its failure is found on a node that is read before it.
    let xml = r##"<cib validate-with="none" have-quorum="1"><configuration>
             <crm_config/>
             <nodes><node id="1" uname="n1"/></nodes>
             <resources><primitive id="f" class="stonith" type="fence_scsi"><meta_attributes id="m">
               <nvpair id="m1" name="provides" value="unfencing"/>
             </meta_attributes></primitive></resources>
             <constraints/>
           </configuration>
           <status>
             <node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member">
               <lrm id="1"><lrm_resources><lrm_resource id="r" class="ocf" provider="pacemaker" type="remote">
                 <lrm_rsc_op id="r_last_failure_0" operation="monitor" interval="20000" rc-code="1" op-status="4"/>
               </lrm_resource></lrm_resources></lrm>
             </node_state>
             <node_state id="r" uname="r" remote_node="true">
               <transient_attributes id="r"><instance_attributes id="t">
                 <nvpair id="t1" name="#digests-all" value="f:fence_scsi:0,"/>
               </instance_attributes></transient_attributes>
             </node_state>
           </status></cib>"##;
    let mut cib = Document::parse(xml.as_bytes(), &Limits::default()).expect("a CIB");
    let settings = Settings {
        schedule: true,
        ..Settings::default()
    };
    let output = run(&mut cib, NOW, &settings).expect("a plan").output;
    assert!(output.contains("Fence (reboot) r"), "{output}");
    assert!(!output.contains("unfencing r changed"), "{output}");
}
