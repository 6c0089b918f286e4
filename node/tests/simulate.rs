//! What `lockstep simulate` shows besides the plan. The program itself is run.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A resource that failed to start.
const FAILED: &str = r#"<cib crm_feature_set="3.20.5" validate-with="pacemaker-4.0" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1">
  <configuration>
    <crm_config><cluster_property_set id="o"><nvpair id="o1" name="fencing-enabled" value="false"/></cluster_property_set></crm_config>
    <nodes><node id="1" uname="n1"/></nodes>
    <resources><primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/></resources>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member">
      <transient_attributes id="1"><instance_attributes id="1-a">
        <nvpair id="1-c" name="fail-count-a#start_0" value="INFINITY"/>
        <nvpair id="1-l" name="last-failure-a#start_0" value="1767225600"/>
      </instance_attributes></transient_attributes>
      <lrm id="1"><lrm_resources><lrm_resource id="a" class="ocf" provider="pacemaker" type="Dummy">
        <lrm_rsc_op id="a_last_0" operation="start" operation_key="a_start_0" call-id="7" rc-code="1" op-status="0" interval="0"
          transition-key="1:1:0:x" transition-magic="0:1;1:1:0:x" exit-reason="no luck" last-rc-change="1767225600" queue-time="0" exec-time="20"/>
      </lrm_resource></lrm_resources></lrm>
    </node_state>
  </status>
</cib>
"#;

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .arg("simulate")
        .args(arguments)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn save(folder: &Path, name: &str, cib: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, cib).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn failures_are_shown_to_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let cib = save(folder.path(), "cib.xml", FAILED);
    assert!(!text(&simulate(&["-x", &cib])).contains("Failed"));
    let shown = text(&simulate(&["-x", &cib, "-c"]));
    let expected = "\n  * Migration Summary:\n    * Node: n1:\n      * a: \
                    migration-threshold=1000000 fail-count=1000000 last-failure='Thu Jan  1 \
                    00:00:00 2026'\n\n  * Failed Resource Actions:\n    * a_start_0 on n1 'Error \
                    occurred' (1): call=7, status='Done', exitreason='no luck', \
                    last-rc-change='Thu Jan  1 00:00:00 2026', queued=0ms, exec=20ms\n";
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn programs_are_answered_in_xml() {
    let folder = tempfile::tempdir().unwrap();
    let cib = save(folder.path(), "cib.xml", FAILED);
    let answer = folder.path().join("answer.xml");
    let to = answer.to_str().unwrap();
    let printed = text(&simulate(&[
        "-x",
        &cib,
        "-S",
        "-c",
        "-u",
        "n1",
        "-i",
        "nonsense",
        "--output-as",
        "xml",
        "--output-to",
        to,
    ]));
    assert_eq!(printed, "");
    let shown = std::fs::read_to_string(answer).unwrap();
    let request = format!("simulate -x {cib} -S -c -u n1 -i nonsense --output-as xml");
    assert!(shown.starts_with("<pacemaker-result api-version=\"2.42\" request=\""));
    for part in [
        request.as_str(),
        "  <cluster_status>\n    <nodes>\n      <node name=\"n1\" id=\"1\" online=\"true\"",
        "<resource_history id=\"a\" orphan=\"false\" removed=\"false\" migration-threshold=\"1000000\" \
         fail-count=\"1000000\" last-failure=\"Thu Jan  1 00:00:00 2026\"/>",
        "  <modifications/>\n  <modify_node action=\"Online\" node=\"n1\"/>\n  \
         <inject_spec spec=\"nonsense\"/>\n",
        "  <actions>\n    <rsc_action action=\"stop\" resource=\"a\" node=\"n1\" \
         reason=\"node availability\"/>\n  </actions>\n",
        "  <transition>\n",
        "    <rsc_action resource=\"a\" op=\"stop\" node=\"n1\"/>\n",
        "  <revised_cluster_status>\n",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    let end = "  <status code=\"0\" message=\"OK\">\n    <errors>\n      <error>Invalid operation spec: \
               nonsense.  Only found 1 fields</error>\n    </errors>\n  </status>\n</pacemaker-result>\n";
    assert!(shown.ends_with(end), "{shown}");
}

#[test]
fn what_is_saved_was_carried_out_only_if_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let cib = save(folder.path(), "cib.xml", FAILED);
    let saved = folder.path().join("saved.xml");
    let to = saved.to_str().unwrap();
    let stopped = || {
        std::fs::read_to_string(&saved)
            .unwrap()
            .contains("a_stop_0")
    };
    text(&simulate(&["-x", &cib, "-R", "-O", to]));
    assert!(!stopped());
    text(&simulate(&["-x", &cib, "-S", "-O", to]));
    assert!(stopped());
    // In place is where it came from, and nowhere else.
    std::fs::remove_file(&saved).unwrap();
    text(&simulate(&["-x", &cib, "-X", "-O", to]));
    assert!(!saved.exists());
    assert!(std::fs::read_to_string(&cib).unwrap().contains("a_stop_0"));
}

#[test]
fn a_directory_is_profiled_file_by_file() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "b.xml", FAILED);
    save(folder.path(), "a.xml", FAILED);
    save(folder.path(), "broken.xml", "<cib");
    save(folder.path(), "notes.txt", "");
    let directory = folder.path().to_str().unwrap();
    let shown = text(&simulate(&["-P", directory, "-N", "2"]));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "Timings:");
    for (line, name) in lines[1..].iter().zip(["a.xml", "b.xml"]) {
        let rest = line.strip_prefix(&format!("  * Testing {directory}/{name} ... "));
        let seconds = rest.and_then(|rest| rest.strip_suffix(" secs"));
        assert!(seconds.is_some_and(|s| s.parse::<f64>().is_ok()), "{line}");
    }
    assert_eq!(lines.len(), 3);
    let missing = simulate(&["-P", "/no/such/folder"]);
    assert_eq!(missing.status.code(), Some(105));
}

/// A fence device is not what unfenced a node once: said whenever that is seen, with advice before the
/// plan is carried out only, as crm_simulate has it.
#[test]
fn advice_about_changed_fence_devices_is_given_once() {
    const CIB: &str = r##"<cib validate-with="none"><configuration>
      <crm_config><cluster_property_set id="o">
        <nvpair id="o-f" name="fencing-enabled" value="false"/></cluster_property_set></crm_config>
      <nodes><node id="3" uname="node3"/></nodes>
      <resources><primitive id="fence1" class="stonith" type="fence_scsi">
        <meta_attributes id="m"><nvpair id="m-p" name="provides" value="unfencing"/></meta_attributes>
      </primitive></resources></configuration>
      <status><node_state id="3" in_ccm="true" expected="member"><transient_attributes id="3">
        <instance_attributes id="s"><nvpair id="s-d" name="#digests-all" value="fence0:fence_scsi:0123,"/>
        </instance_attributes></transient_attributes></node_state></status></cib>"##;
    let folder = tempfile::tempdir().unwrap();
    let cib = save(folder.path(), "cib.xml", CIB);
    let printed = text(&simulate(&["-x", &cib, "-S"]));
    let (before, after) = printed.split_once("Executing").unwrap();
    let advice = "Parameters to fence1 for unfencing node3 changed, try 'fence1:fence_scsi:";
    let notice = "notice: Unfencing node node3 because the definition of fence1 changed\n";
    assert!(
        before.contains(advice) && before.contains(notice),
        "{before}"
    );
    assert!(!after.contains(advice) && after.contains(notice), "{after}");
}
