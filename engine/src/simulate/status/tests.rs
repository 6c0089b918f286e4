//! The status that programs read.

use super::*;
use crate::parse::Limits;
use crate::time::Zone;

const CIB: &str = r##"<cib have-quorum="1" dc-uuid="1"><configuration><crm_config/>
    <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes><resources>
    <group id="g"><primitive id="db" class="ocf" provider="p" type="T"><meta_attributes id="m">
    <nvpair id="t" name="target-role" value="Started"/></meta_attributes></primitive></group>
    </resources><constraints><rsc_location id="off" rsc="g" node="n2" score="-INFINITY" role="Promoted"/>
    <rsc_ticket id="needs" rsc="g" ticket="B"/></constraints></configuration><status>
    <tickets><ticket_state id="A" granted="true" last-granted="60" color="red"/></tickets>
    <node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member">
    <transient_attributes id="1"><instance_attributes id="a"><nvpair id="b" name="color" value="red"/>
    </instance_attributes></transient_attributes>
    <lrm id="1"><lrm_resources><lrm_resource id="db" class="ocf" provider="p" type="T">
    <lrm_rsc_op id="db_last_0" operation_key="db_start_0" operation="start" interval="0"
    rc-code="0" op-status="0" call-id="5" transition-key="1:1:0:x" transition-magic="0:0;1:1:0:x"
    last-rc-change="60"/>
    <lrm_rsc_op id="db_last_failure_0" operation_key="db_monitor_9" operation="monitor" interval="9"
    rc-code="7" op-status="0" call-id="6" transition-key="2:1:0:x" transition-magic="0:7;2:1:0:x"
    exec-time="12" queue-time="1" last-rc-change="90"/>
    </lrm_resource></lrm_resources></lrm></node_state></status></cib>"##;

fn asked(zone: &Zone) -> Asked<'_> {
    Asked {
        request: "crm_mon -1 --output-as=xml",
        stack: "lockstep",
        leader: Some(("n1", "0.1.0")),
        at: 120,
        zone,
        fenced: &[],
    }
}

fn fenced(failure: Option<&str>) -> Fenced {
    Fenced {
        action: "reboot".into(),
        target: "n2".into(),
        client: "lockstep".into(),
        origin: "n1".into(),
        delegate: failure.is_none().then(|| "n1".into()),
        completed: 60,
        failure: failure.map(str::to_owned),
    }
}

#[test]
fn programs_read_what_crm_mon_tells_them() {
    let cib = Document::parse(CIB.as_bytes(), &Limits::default()).unwrap();
    let fenced = [fenced(None), fenced(Some("no device"))];
    let zone = Zone::UTC;
    let asked = Asked {
        fenced: &fenced,
        ..asked(&zone)
    };
    let xml = status_xml(&cib, &asked).unwrap().to_xml();
    for line in [
        r#"<pacemaker-result api-version="2.42" request="crm_mon -1 --output-as=xml">"#,
        r#"<current_dc present="true" version="0.1.0" name="n1" id="1" with_quorum="true" mixed_version="false"/>"#,
        r#"<resources_configured number="1" disabled="0" blocked="0"/>"#,
        r#"<node name="n1" id="1" online="true" standby="false" standby_onfail="false" maintenance="false" pending="false" unclean="false" health="green" feature_set="&lt;3.15.1" shutdown="false" expected_up="true" is_dc="true" resources_running="1" type="member"/>"#,
        r#"<group id="g" number_resources="1" maintenance="false" managed="true" disabled="false">"#,
        r#"<resource id="db" resource_agent="ocf:p:T" role="Started" target_role="Started" active="true" orphaned="false" removed="false" blocked="false" maintenance="false" managed="true" failed="true" failure_ignored="false" nodes_running_on="1">"#,
        r#"<node name="n1" id="1" cached="true"/>"#,
        r#"<attribute name="color" value="red"/>"#,
        r#"<failure op_key="db_monitor_9" node="n1" exitstatus="Not running" exitreason="none" exitcode="7" call="6" status="Done" last-rc-change="1970-01-01 00:01:30Z" queued="1" exec="12" interval="9" task="monitor"/>"#,
        r#"<resource_history id="db" orphan="false" removed="false" migration-threshold="1000000">"#,
        r#"<operation_history call="5" task="start" rc="0" rc_text="OK" last-rc-change="Thu Jan  1 00:01:00 1970"/>"#,
        r#"<operation_history call="6" task="monitor" rc="7" rc_text="Not running" interval="9ms" last-rc-change="Thu Jan  1 00:01:30 1970" exec-time="12ms" queue-time="1ms"/>"#,
        r#"<fence_event action="reboot" target="n2" client="lockstep" origin="n1" status="success" delegate="n1" completed="1970-01-01 00:01:00.000000Z"/>"#,
        r#"<fence_event action="reboot" target="n2" client="lockstep" origin="n1" status="failed" exit-reason="no device" completed="1970-01-01 00:01:00.000000Z"/>"#,
        r#"<ticket id="A" status="granted" standby="false" last-granted="Thu Jan  1 00:01:00 1970" color="red" granted="true"/>"#,
        r#"<ticket id="B" status="revoked" standby="false"/>"#,
        r#"<ban id="off" resource="g" node="n2" weight="-1000000" promoted-only="true" master_only="true"/>"#,
        r#"<status code="0" message="OK"/>"#,
    ] {
        assert!(xml.contains(line), "{line} is not in {xml}");
    }
}

#[test]
fn people_read_a_summary_above_the_listing() {
    let cib = Document::parse(CIB.as_bytes(), &Limits::default()).unwrap();
    let text = status_text(&cib, &asked(&Zone::UTC), Sections::default()).unwrap();
    let expected = "Cluster Summary:\n  * Stack: lockstep\n  * Current DC: n1 (version 0.1.0) - \
                    partition with quorum\n  * Last updated: Thu Jan  1 00:02:00 1970\n  * 2 nodes \
                    configured\n  * 1 resource instance configured\n\nNode List:\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("Resource Group: g:"), "{text}");
}
