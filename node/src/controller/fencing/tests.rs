//! Which devices are tried, in which order, for a topology.

use lockstep_engine::parse::Limits;

use super::*;

fn cib(topology: &str) -> Document {
    let text = format!(
        r#"<cib><configuration>
          <crm_config><cluster_property_set id="o"><nvpair id="o1" name="stonith-timeout" value="90s"/>
          </cluster_property_set></crm_config>
          <nodes>
            <node id="1" uname="n1"><instance_attributes id="n1-a"><nvpair id="n1-r" name="rack" value="7"/>
            </instance_attributes></node>
            <node id="2" uname="n2"/><node id="3" uname="db3"/>
          </nodes>
          <resources>
            <primitive id="ipmi" class="stonith" type="fence_ipmilan"><instance_attributes id="i">
              <nvpair id="i1" name="pcmk_host_list" value="n1 n2 db3"/>
              <nvpair id="i2" name="pcmk_reboot_timeout" value="20s"/></instance_attributes></primitive>
            <group id="g"><primitive id="pdu1" class="stonith" type="fence_apc"/>
            <primitive id="pdu2" class="stonith" type="fence_apc"/></group>
            <primitive id="other" class="stonith" type="fence_x"><instance_attributes id="x">
              <nvpair id="x1" name="pcmk_host_list" value="elsewhere"/></instance_attributes></primitive>
          </resources><constraints/><fencing-topology>{topology}</fencing-topology>
        </configuration><status/></cib>"#
    );
    Document::parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// Levels as `ipmi:reboot | pdu1:off pdu2:off pdu1:on? pdu2:on?`.
fn tried(topology: &str, target: &str, action: &str) -> String {
    let levels = levels(&cib(topology), Timestamp::utc(0), target, action);
    let levels = levels.iter().map(|level| {
        let steps = level.iter().map(|step| {
            let device = &step.operation.resource;
            let action = step.operation.parameter("action").unwrap();
            assert_eq!(step.operation.parameter(TARGET), Some(target));
            format!("{device}:{action}{}", if step.required { "" } else { "?" })
        });
        steps.collect::<Vec<_>>().join(" ")
    });
    levels.collect::<Vec<_>>().join(" | ")
}

#[test]
fn without_a_topology_every_device_that_may_is_tried() {
    assert_eq!(tried("", "n1", "off"), "ipmi:off | pdu1:off | pdu2:off");
    let unlike = r#"<fencing-level id="l" target="n2" index="1" devices="pdu1"/>"#;
    assert_eq!(tried(unlike, "n1", "off"), "ipmi:off | pdu1:off | pdu2:off");
}

#[test]
fn levels_come_by_number_and_their_devices_together() {
    let levels = r#"<fencing-level id="l2" target="n1" index="2" devices="pdu1,pdu2"/>
        <fencing-level id="l1" target="n1" index="1" devices="ipmi"/>
        <fencing-level id="l0" target="n1" index="0" devices="other"/>"#;
    let expected = "ipmi:reboot | pdu1:off pdu2:off pdu1:on? pdu2:on?";
    assert_eq!(tried(levels, "n1", "reboot"), expected);
    assert_eq!(tried(levels, "n1", "off"), "ipmi:off | pdu1:off pdu2:off");
}

#[test]
fn a_name_comes_before_a_pattern_and_that_before_an_attribute() {
    let all = r#"<fencing-level id="a" target-attribute="rack" target-value="7" index="1" devices="pdu2"/>
        <fencing-level id="p" target-pattern="^(n1|db.*)$" index="1" devices="pdu1"/>
        <fencing-level id="n" target="n1" index="1" devices="ipmi"/>"#;
    assert_eq!(tried(all, "n1", "off"), "ipmi:off");
    assert_eq!(tried(all, "db3", "off"), "pdu1:off");
    let attribute = r#"<fencing-level id="a" target-attribute="rack" target-value="7" index="1" devices="pdu2"/>"#;
    assert_eq!(tried(attribute, "n1", "off"), "pdu2:off");
}

#[test]
fn a_level_that_cannot_be_had_is_left_out() {
    let levels = r#"<fencing-level id="l1" target="n1" index="1" devices="pdu1,gone"/>
        <fencing-level id="l2" target="n1" index="2" devices="other"/>
        <fencing-level id="l3" target="n1" index="3" devices="pdu2"/>"#;
    assert_eq!(tried(levels, "n1", "off"), "pdu2:off");
    let broken = r#"<fencing-level id="l" target-pattern="(" index="1" devices="pdu1"/>"#;
    assert_eq!(tried(broken, "n1", "off"), "ipmi:off | pdu1:off | pdu2:off");
}

#[test]
fn timeouts_are_the_devices_own_or_the_clusters() {
    let timeout = |action| {
        let levels = levels(&cib(""), Timestamp::utc(0), "n1", action);
        let of = |at: usize| levels[at][0].operation.timeout_ms;
        (of(0), of(1))
    };
    assert_eq!(timeout("reboot"), (20_000, 90_000));
    assert_eq!(timeout("off"), (90_000, 90_000));
}

#[test]
fn devices_are_what_their_template_says_and_what_rules_leave() {
    let text = r#"<cib><configuration><crm_config/><nodes/><resources>
        <template id="board" class="stonith" type="fence_ipmilan"><instance_attributes id="t">
          <nvpair id="t1" name="username" value="admin"/><nvpair id="t2" name="lanplus" value="1"/>
        </instance_attributes></template>
        <clone id="all"><primitive id="b1" template="board">
          <instance_attributes id="i"><nvpair id="i1" name="ip" value="10.0.0.1"/>
            <nvpair id="i2" name="username" value="root"/>
            <nvpair id="i3" name="pcmk_host_list" value="n1"/></instance_attributes>
          <instance_attributes id="late"><rule id="r" score="0" boolean-op="and">
            <date_expression id="d" operation="gt" start="2030-01-01"/></rule>
            <nvpair id="l1" name="lanplus" value="0"/></instance_attributes>
        </primitive></clone>
        </resources><constraints/></configuration><status/></cib>"#;
    let cib = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
    let levels = levels(&cib, Timestamp::utc(0), "n1", "off");
    assert_eq!(levels.len(), 1, "a clone is one device");
    let operation = &levels[0][0].operation;
    let agent = &operation.agent;
    assert_eq!(
        (&agent.class[..], &agent.kind[..]),
        ("stonith", "fence_ipmilan")
    );
    let given = ["ip", "username", "lanplus"].map(|name| operation.parameter(name));
    assert_eq!(given, [Some("10.0.0.1"), Some("root"), Some("1")]);
}
