//! What an operator sees of `lockstep explain`: answers, JSON, and what happens to names that
//! nothing has. The program itself is run.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// `vip` runs on `one`, is banned from there and would rather be on `two`.
const CIB: &str = r#"<cib validate-with="pacemaker-4.0" crm_feature_set="3.20.0" epoch="1"
    num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">
  <configuration>
    <crm_config><cluster_property_set id="options">
      <nvpair id="fencing" name="fencing-enabled" value="false"/>
      <nvpair id="probes" name="enable-startup-probes" value="false"/>
    </cluster_property_set></crm_config>
    <nodes><node id="1" uname="one"/><node id="2" uname="two"/><node id="3" uname="three"/></nodes>
    <resources>
      <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2"/>
    </resources>
    <constraints>
      <rsc_location id="ban-vip" rsc="vip" node="one" score="-INFINITY"/>
      <rsc_location id="prefer" rsc="vip" node="two" score="100"/>
    </constraints>
  </configuration>
  <status>
    <node_state id="1" uname="one" in_ccm="true" crmd="online" join="member" expected="member">
      <lrm id="1"><lrm_resources>
        <lrm_resource id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
          <lrm_rsc_op id="vip_last_0" operation_key="vip_start_0" operation="start" call-id="5"
            rc-code="0" op-status="0" interval="0" on_node="one"
            transition-key="1:1:0:0f0f0f0f-0000-0000-0000-000000000000"
            transition-magic="0:0;1:1:0:0f0f0f0f-0000-0000-0000-000000000000"/>
        </lrm_resource>
      </lrm_resources></lrm>
    </node_state>
    <node_state id="2" uname="two" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="3" uname="three" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"#;

/// Runs the command with the CIB as its standard input.
fn explain(arguments: &[&str]) -> Output {
    explain_cib(CIB, arguments)
}

fn explain_cib(cib: &str, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["explain", "-p"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(cib.as_bytes()).expect("it reads the CIB");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[track_caller]
fn answer(arguments: &[&str]) -> String {
    let output = explain(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8(output.stdout).expect("answers are text")
}

#[track_caller]
fn refusal(arguments: &[&str], code: i32) -> String {
    let output = explain(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(output.stdout.is_empty(), "nothing is answered");
    errors
}

#[test]
fn a_resource_is_explained_node_by_node() {
    let text = answer(&["vip"]);
    let expected = [
        "vip (ocf:heartbeat:IPaddr2) moves from one to two.",
        "  one: cannot run it: location ban-vip says -INFINITY.",
        "  three: possible with score 0; two has 100.",
        "  two: chosen with score 100: location prefer +100.",
        "Actions",
        "  vip_stop_0 on one: because it moves to two.",
    ];
    for line in expected {
        assert!(
            text.lines().any(|known| known == line),
            "no {line} in:\n{text}"
        );
    }
}

#[test]
fn a_resource_is_explained_for_one_node() {
    let text = answer(&["vip", "--node", "one"]);
    assert!(text.contains("location ban-vip"), "{text}");
    assert!(!text.contains("prefer"), "{text}");
}

#[test]
fn an_action_is_explained_back_to_its_root() {
    let text = answer(&["--action", "vip_start_0"]);
    assert!(
        text.contains("vip_start_0 on two is carried out."),
        "{text}"
    );
    assert!(text.contains("location ban-vip says -INFINITY"), "{text}");
    assert!(text.contains("After vip_stop_0 on one"), "{text}");
}

#[test]
fn a_node_is_explained_by_itself() {
    let text = answer(&["--node", "one"]);
    assert!(
        text.starts_with("one (cluster node) can run resources."),
        "{text}"
    );
    assert!(text.contains("Active there now: vip."), "{text}");
}

#[test]
fn without_a_name_all_that_happens_is_explained() {
    let text = answer(&[]);
    assert!(text.contains("vip (ocf:heartbeat:IPaddr2) moves"), "{text}");
}

#[test]
fn json_has_the_same_answer_in_parts() {
    let json: serde_json::Value = serde_json::from_str(&answer(&["vip", "--json"])).expect("JSON");
    assert_eq!(json["resource"], "vip");
    assert_eq!(json["changes"][0]["change"], "Move");
    assert_eq!(json["nodes"][0]["verdict"], "forbidden");
    assert_eq!(json["nodes"][0]["because"][0]["constraint"], "ban-vip");
    assert_eq!(json["nodes"][0]["because"][0]["score"], "-INFINITY");
    assert_eq!(json["actions"][0]["action"]["key"], "vip_stop_0");
    let action = answer(&["--action", "vip_stop_0", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&action).expect("JSON");
    assert_eq!(json[0]["fate"], "done");
}

#[test]
fn names_that_nothing_has_are_refused_with_a_hint() {
    let text = refusal(&["vpi"], 105);
    assert!(text.contains("there is no resource \"vpi\""), "{text}");
    let text = refusal(&["VIP2"], 105);
    assert!(text.contains("is vip meant?"), "{text}");
    let text = refusal(&["vip", "--node", "thre"], 105);
    assert!(text.contains("is three meant?"), "{text}");
    let text = refusal(&["--action", "vip_strat_0"], 105);
    assert!(text.contains("vip_start_0"), "{text}");
    // It is not done there.
    refusal(&["--action", "vip_start_0", "--node", "three"], 105);
}

#[test]
fn what_is_no_cib_is_refused_as_by_simulate() {
    let output = explain_cib("<cib>", &["vip"]);
    assert_eq!(output.status.code(), Some(65));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("standard input:1:"), "{errors}");
    let output = explain_cib("<cib/>", &["vip"]);
    assert_eq!(output.status.code(), Some(78));
}
