//! Which configuration do the scenarios' clusters have?

use std::collections::BTreeSet;
use std::fmt::Write;

use lockstep_engine::time::Date;

use crate::checkers::exclusive::Exclusive;

/// A primitive that may run once.
pub const DATABASE: &str = "db";
/// A group, and what is in it.
pub const SHOP: &str = "shop";
/// Its members, in order.
pub const SHOP_MEMBERS: [&str; 2] = ["cart", "till"];
/// A clone's primitive.
pub const WATCH: &str = "watch";
/// A promotable clone's primitive.
pub const STORE: &str = "store";

/// What of it may be in one place only.
#[must_use]
pub fn exclusive() -> Exclusive {
    let once = [DATABASE, SHOP_MEMBERS[0], SHOP_MEMBERS[1]];
    Exclusive {
        resources: once.map(str::to_owned).into(),
        promotable: BTreeSet::from([STORE.to_owned()]),
    }
}

fn service(id: &str, promotable: bool) -> String {
    let monitor = |name: &str, interval: &str, role: &str| {
        format!(
            "<op id=\"{id}-{name}\" name=\"monitor\" interval=\"{interval}\" timeout=\"10s\"{role}/>"
        )
    };
    let mut text = format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"testbed\" type=\"Service\"><operations>"
    );
    for task in ["start", "stop", "promote", "demote"] {
        if promotable || matches!(task, "start" | "stop") {
            let _ = write!(
                text,
                "<op id=\"{id}-{task}\" name=\"{task}\" interval=\"0\" timeout=\"10s\"/>"
            );
        }
    }
    text += &monitor("monitor", "2s", "");
    if promotable {
        text += &monitor("monitor-promoted", "1500ms", " role=\"Promoted\"");
    }
    text + "</operations></primitive>"
}

/// A database alone, a shop that is where the store is promoted, and a watch on every node; fencing by
/// the power switch. From `moves_at` on, if given, the database is better on the first node than elsewhere:
/// what is planned then depends on what time it is for whoever plans.
#[must_use]
pub fn configuration(nodes: usize, moves_at: Option<Date>) -> String {
    let moves = moves_at.map_or_else(String::new, |date| {
        format!(
            "<rsc_location id=\"db-moves\" rsc=\"{DATABASE}\"><rule id=\"db-moves-rule\" score=\"1000\">\
             <expression id=\"db-moves-to\" attribute=\"#uname\" operation=\"eq\" value=\"n1\"/>\
             <date_expression id=\"db-moves-at\" operation=\"gt\" start=\"{date}\"/></rule></rsc_location>"
        )
    });
    let nodes: String = (1..=nodes)
        .map(|number| format!("<node id=\"{number}\" uname=\"n{number}\"/>"))
        .collect();
    let [cart, till] = SHOP_MEMBERS.map(|id| service(id, false));
    format!(
        r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0">
  <configuration>
    <crm_config>
      <cluster_property_set id="options">
        <nvpair id="options-fencing" name="fencing-enabled" value="true"/>
        <nvpair id="options-quorum" name="no-quorum-policy" value="stop"/>
      </cluster_property_set>
    </crm_config>
    <nodes>{nodes}</nodes>
    <resources>
      <primitive id="power" class="stonith" type="fence_testbed">
        <operations><op id="power-monitor" name="monitor" interval="30s" timeout="20s"/></operations>
      </primitive>
      {database}
      <group id="{SHOP}">{cart}{till}</group>
      <clone id="{WATCH}-all">{watch}</clone>
      <clone id="{STORE}-all">
        <meta_attributes id="{STORE}-meta"><nvpair id="{STORE}-promotable" name="promotable" value="true"/></meta_attributes>
        {store}
      </clone>
    </resources>
    <constraints>
      <rsc_colocation id="shop-with-store" rsc="{SHOP}" with-rsc="{STORE}-all" with-rsc-role="Promoted" score="INFINITY"/>
      <rsc_order id="store-then-shop" first="{STORE}-all" first-action="promote" then="{SHOP}" then-action="start"/>
      {moves}
    </constraints>
  </configuration>
  <status/>
</cib>
"#,
        database = service(DATABASE, false),
        watch = service(WATCH, false),
        store = service(STORE, true),
    )
}
