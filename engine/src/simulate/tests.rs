//! What is said and done beside the plan, where cases of the regression suite do not show it.

use super::{Settings, Simulation, run};
use crate::parse::{Document, Limits};
use crate::time::Timestamp;

fn simulate(resources: &str, attributes: &str) -> Simulation {
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
    let mut cib = Document::parse(xml.as_bytes(), &Limits::default()).expect("a CIB");
    let settings = Settings {
        schedule: true,
        execute: true,
        ..Settings::default()
    };
    run(&mut cib, Timestamp::utc(1_767_225_600), &settings).expect("a plan")
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
