//! Inputs that nobody means: counts beyond reason, loops, names of nothing. Each ends within a
//! bound of time in a plan or in an error that says where; none ends the process.
//!
//! `docs/performance.md` has the bounds. A plan here is carried out as well, and all is shown.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use lockstep_engine::Cluster;
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::schema;
use lockstep_engine::simulate::{self, Settings};
use lockstep_engine::time::Timestamp;

/// Far more than any of these takes, even unoptimised on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(600);

/// 2026-01-01 00:00 UTC.
const NOW: i64 = 1_767_225_600;

/// How an input ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Planned,
    Refused(String),
}

/// Reads, plans for, and carries out the plan.
fn ends(cib: Vec<u8>) -> End {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || done.send(end_of(&cib)));
    match waiting.recv_timeout(PATIENCE) {
        Ok(end) => end,
        Err(error) => panic!("no end: {error}"),
    }
}

fn end_of(cib: &[u8]) -> End {
    let planned = || -> Result<(), String> {
        let mut cib =
            Document::parse(cib, &Limits::default()).map_err(|error| error.to_string())?;
        schema::upgrade(&mut cib).map_err(|error| error.to_string())?;
        let settings = Settings {
            schedule: true,
            execute: true,
            scores: true,
            utilization: true,
            graph: true,
            dot: true,
            wall_clock: NOW,
            ..Settings::default()
        };
        let result = simulate::run(&mut cib, Timestamp::utc(NOW), &settings);
        result.map(|_| ()).map_err(|error| error.to_string())
    };
    match planned() {
        Ok(()) => End::Planned,
        Err(why) => End::Refused(why),
    }
}

/// Two nodes online, without fencing; validation is off, so that everything gets to the passes.
fn cluster(resources: &str, constraints: &str) -> String {
    with_options("", resources, constraints)
}

fn with_options(options: &str, resources: &str, constraints: &str) -> String {
    let nodes = ["n1", "n2"];
    let configured = nodes
        .map(|n| format!("<node id=\"{n}\" uname=\"{n}\"/>"))
        .concat();
    let states = nodes.map(|n| {
        format!(
            "<node_state id=\"{n}\" uname=\"{n}\" in_ccm=\"true\" crmd=\"online\" join=\"member\" \
             expected=\"member\"/>"
        )
    });
    format!(
        "<cib validate-with=\"none\" crm_feature_set=\"3.20.0\" have-quorum=\"1\" epoch=\"1\" \
         num_updates=\"0\" admin_epoch=\"0\"><configuration><crm_config><cluster_property_set id=\"o\">\
         <nvpair id=\"o1\" name=\"stonith-enabled\" value=\"false\"/>{options}</cluster_property_set>\
         </crm_config><nodes>{configured}</nodes><resources>{resources}</resources>\
         <constraints>{constraints}</constraints></configuration><status>{}</status></cib>",
        states.concat()
    )
}

fn primitive(id: &str, inside: &str) -> String {
    format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">{inside}</primitive>"
    )
}

fn primitives(count: usize) -> String {
    (0..count)
        .map(|n| primitive(&format!("r{n}"), ""))
        .collect()
}

fn meta(id: &str, name: &str, value: &str) -> String {
    format!(
        "<meta_attributes id=\"{id}-m\"><nvpair id=\"{id}-{name}\" name=\"{name}\" value=\"{value}\"/>\
         </meta_attributes>"
    )
}

#[track_caller]
fn plans(cib: String) {
    assert_eq!(ends(cib.into_bytes()), End::Planned);
}

#[track_caller]
fn is_refused(cib: impl Into<Vec<u8>>, why: &str) {
    match ends(cib.into()) {
        End::Refused(said) => assert!(said.contains(why), "{said}"),
        End::Planned => panic!("planned"),
    }
}

/// Numbers that do not fit, or fit and are absurd.
const NUMBERS: [&str; 8] = [
    "2147483647",
    "2147483648",
    "-2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "1000000000000000000000000000000",
    "1e300",
    "nan",
];

#[test]
fn counts_of_instances() {
    for number in NUMBERS {
        for name in [
            "clone-max",
            "clone-node-max",
            "clone-min",
            "promoted-max",
            "promoted-node-max",
        ] {
            for more in ["false", "true"] {
                let options = meta("c", name, number)
                    + &meta("c2", "globally-unique", more)
                    + &meta("c3", "promotable", more);
                let clone = format!("<clone id=\"c\">{options}{}</clone>", primitive("r", ""));
                plans(cluster(&clone, ""));
            }
        }
    }
    let many = meta("c", "clone-max", "2147483647")
        + &meta("c2", "clone-node-max", "2147483647")
        + &meta("c3", "globally-unique", "true");
    plans(cluster(
        &format!("<clone id=\"c\">{many}{}</clone>", primitive("r", "")),
        "",
    ));
}

#[test]
fn counts_of_replicas() {
    for number in NUMBERS {
        for name in ["replicas", "replicas-per-host", "promoted-max"] {
            let bundle = format!(
                "<bundle id=\"b\"><podman image=\"i\" {name}=\"{number}\"/>\
                 <network ip-range-start=\"10.0.0.250\" control-port=\"{number}\"/>{}</bundle>",
                primitive("r", "")
            );
            plans(cluster(&bundle, ""));
        }
    }
}

#[test]
fn counts_that_fit_a_table_and_not_a_cluster() {
    let said = |resource: &str| {
        let cib = Document::parse(cluster(resource, "").as_bytes(), &Limits::default())
            .expect("it is well-formed");
        let read = Cluster::read(&cib, Timestamp::utc(NOW)).expect("it is a configuration");
        let messages = read.config.diagnostics.into_iter();
        let messages = messages.map(|diagnostic| diagnostic.message);
        messages.collect::<Vec<_>>().join("\n")
    };
    // Each replica's probes are before all others' starts, and each container knows all others' names.
    for (count, most) in [("2000", false), ("200000", false), ("1000", true)] {
        for network in ["", "<network ip-range-start=\"10.0.0.1\"/>"] {
            let bundle = format!(
                "<bundle id=\"b\"><podman image=\"i\" replicas=\"{count}\"/>{network}</bundle>"
            );
            let ignored = said(&bundle).contains("bundle b is ignored: it has too many replicas");
            assert_eq!(ignored, !most, "{count} replicas");
        }
    }
    for (count, most) in [("10001", false), ("200000", false), ("10000", true)] {
        let clone = format!(
            "<clone id=\"c\">{}{}</clone>",
            meta("c", "clone-max", count),
            primitive("r", "")
        );
        let ignored = said(&clone).contains("clone c is ignored: it has too many instances");
        assert_eq!(ignored, !most, "{count} instances");
    }
    // Many of them, too.
    let bundles: String = (0..10)
        .map(|n| format!("<bundle id=\"b{n}\"><podman image=\"i\" replicas=\"1000\"/></bundle>"))
        .collect();
    let messages = said(&bundles);
    assert!(!messages.contains("bundle b1 is ignored"), "{messages}");
    assert!(messages.contains("bundle b2 is ignored"), "{messages}");
}

#[test]
fn scores_and_thresholds() {
    for number in NUMBERS {
        let options = meta("r0", "resource-stickiness", number)
            + &meta("r01", "migration-threshold", number)
            + &meta("r02", "priority", number)
            + &meta("r03", "failure-timeout", number);
        let resources = primitive("r0", &options) + &primitive("r1", "");
        let constraints = format!(
            "<rsc_location id=\"l\" rsc=\"r0\" node=\"n1\" score=\"{number}\"/>\
             <rsc_location id=\"l2\" rsc=\"r0\" node=\"n1\" score=\"{number}\"/>\
             <rsc_colocation id=\"c\" rsc=\"r0\" with-rsc=\"r1\" score=\"{number}\"/>\
             <rsc_order id=\"o\" first=\"r0\" then=\"r1\" score=\"{number}\"/>"
        );
        plans(cluster(&resources, &constraints));
    }
}

#[test]
fn times_and_intervals() {
    let spans = [
        "P999999999999Y",
        "PT99999999999999999999S",
        "-1",
        "10e9h",
        "99999999999999999999ms",
    ];
    for span in NUMBERS.iter().chain(&spans) {
        let monitor = format!(
            "<operations><op id=\"m\" name=\"monitor\" interval=\"{span}\" timeout=\"{span}\" \
             start-delay=\"{span}\"/></operations>"
        );
        let options = [
            "cluster-delay",
            "batch-limit",
            "migration-limit",
            "cluster-recheck-interval",
        ];
        let options: String = options
            .iter()
            .map(|name| format!("<nvpair id=\"x-{name}\" name=\"{name}\" value=\"{span}\"/>"))
            .collect();
        let date = format!(
            "<rsc_location id=\"l\" rsc=\"r\"><rule id=\"u\" score=\"1\"><date_expression id=\"e\" \
             operation=\"in_range\" start=\"2026-01-01\"><duration id=\"d\" years=\"{span}\" \
             seconds=\"{span}\"/></date_expression></rule></rsc_location>"
        );
        plans(with_options(&options, &primitive("r", &monitor), &date));
    }
}

#[test]
fn loops_of_colocations_and_orderings() {
    const RING: usize = 300;
    let mut colocations = String::new();
    let mut orderings = String::new();
    for (one, kind) in (0..RING).zip(["Mandatory", "Optional", "Serialize"].iter().cycle()) {
        let other = (one + 1) % RING;
        let score = ["INFINITY", "-INFINITY", "7"][one % 3];
        let _ = write!(
            colocations,
            "<rsc_colocation id=\"c{one}\" rsc=\"r{one}\" with-rsc=\"r{other}\" score=\"{score}\"/>"
        );
        let _ = write!(
            orderings,
            "<rsc_order id=\"o{one}\" first=\"r{one}\" then=\"r{other}\" kind=\"{kind}\"/>"
        );
    }
    let resources = primitives(RING);
    plans(cluster(&resources, &colocations));
    plans(cluster(
        &resources,
        &colocations.replace("-INFINITY", "INFINITY"),
    ));
    plans(cluster(&resources, &orderings));
    plans(cluster(
        &resources,
        &orderings
            .replace("Optional", "Mandatory")
            .replace("Serialize", "Mandatory"),
    ));
    plans(cluster(&resources, &(colocations + &orderings)));
}

#[test]
fn everything_with_everything() {
    const ALL: usize = 40;
    let mut constraints = String::new();
    for one in 0..ALL {
        for other in 0..ALL {
            let _ = write!(
                constraints,
                "<rsc_colocation id=\"c{one}-{other}\" rsc=\"r{one}\" with-rsc=\"r{other}\" score=\"{one}\"/>\
                 <rsc_order id=\"o{one}-{other}\" first=\"r{one}\" then=\"r{other}\" kind=\"Optional\"/>"
            );
        }
    }
    plans(cluster(&primitives(ALL), &constraints));
    // Here Pacemaker does not end: it follows each colocation once for each way that leads to it.
}

#[test]
fn what_refers_to_nothing_or_to_itself() {
    let resources = "<template id=\"t\" template=\"t\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>\
                     <primitive id=\"a\" template=\"t\"/><primitive id=\"b\" template=\"none\"/>\
                     <primitive id=\"d\"/><group id=\"g\"/><clone id=\"c\"/><bundle id=\"u\"/>\
                     <group id=\"g2\"><group id=\"g3\"><primitive id=\"p\"/></group></group>\
                     <primitive id=\"s\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">\
                     <meta_attributes id-ref=\"nothing\"/><instance_attributes id=\"i\" id-ref=\"i\"/>\
                     <operations id-ref=\"nothing\"/></primitive>";
    let constraints = "<rsc_location id=\"l\" rsc=\"none\" node=\"none\" score=\"1\"/>\
                       <rsc_location id=\"l1\" rsc-pattern=\"((a*)*)*b(\" node=\"n1\" score=\"1\"/>\
                       <rsc_location id=\"l2\" rsc-pattern=\"((a*)*)*b\" node=\"n1\" score=\"1\"/>\
                       <rsc_colocation id=\"c1\" rsc=\"s\" with-rsc=\"s\" score=\"INFINITY\"/>\
                       <rsc_colocation id=\"c2\" rsc=\"s\" with-rsc=\"none\"/>\
                       <rsc_order id=\"o1\" first=\"s\" then=\"s\"/><rsc_order id=\"o2\" first=\"s\" then=\"none\"/>\
                       <rsc_order id=\"o3\"><resource_set id=\"rs\"><resource_ref id=\"none\"/>\
                       <resource_ref id=\"s\"/><resource_ref id=\"s\"/></resource_set></rsc_order>\
                       <rsc_ticket id=\"t1\" rsc=\"none\" ticket=\"x\"/>";
    let tags = "</constraints><tags><tag id=\"x\"><obj_ref id=\"x\"/><obj_ref id=\"y\"/></tag>\
                <tag id=\"y\"><obj_ref id=\"x\"/><obj_ref id=\"none\"/></tag></tags><constraints>\
                <rsc_location id=\"lt\" rsc=\"x\" node=\"n1\" score=\"1\"/>";
    plans(cluster(resources, &format!("{constraints}{tags}")));
}

#[test]
fn ids_that_are_there_twice() {
    let resources =
        primitives(3) + &primitives(3) + "<group id=\"r1\"><primitive id=\"r2\"/></group>";
    let constraint = "<rsc_location id=\"l\" rsc=\"r1\" node=\"n1\" score=\"5\"/>";
    plans(cluster(&resources, &constraint.repeat(3)));
    let valid = cluster(&resources, "").replace("\"none\"", "\"pacemaker-4.0\"");
    is_refused(valid, "did not pass schema validation");
}

#[test]
fn nesting() {
    for depth in [300, 100_000] {
        let deep = "<group id=\"g\">".repeat(depth);
        is_refused(deep.clone(), "256");
        is_refused(deep + &"</group>".repeat(depth), "256");
        let rule = "<rule id=\"r\" boolean-op=\"or\">".repeat(depth) + &"</rule>".repeat(depth);
        is_refused(cluster("", &rule), "256");
    }
}

#[test]
fn rules_of_many_conditions() {
    let condition = "<expression id=\"e\" attribute=\"a\" operation=\"defined\"/>".repeat(20_000);
    let rule = format!(
        "<rsc_location id=\"l\" rsc=\"r\"><rule id=\"u\" score=\"1\" boolean-op=\"or\">{condition}</rule></rsc_location>"
    );
    plans(cluster(&primitive("r", ""), &rule));
}

#[test]
fn entities_that_stand_for_more_than_is_there() {
    let mut laughs = "<!DOCTYPE cib [<!ENTITY a0 \"ha\">".to_owned();
    for level in 1..30 {
        let one = format!("&a{};", level - 1);
        let _ = write!(laughs, "<!ENTITY a{level} \"{one}{one}{one}\">");
    }
    is_refused(laughs + "]><cib a=\"&a29;\"/>", "line 1");
}

#[test]
fn bytes_that_are_no_text() {
    for bytes in [
        vec![0_u8; 1 << 20],
        vec![0xff_u8; 1 << 20],
        vec![b'<'; 1 << 20],
    ] {
        is_refused(bytes, "line 1, ");
    }
    is_refused(Vec::new(), "");
    is_refused(
        [b"<cib a=\"".as_slice(), &vec![b'a'; 11_000_000], b"\"/>"].concat(),
        "10000000",
    );
}

#[test]
fn histories_of_nonsense() {
    let entries: String = NUMBERS
        .iter()
        .enumerate()
        .map(|(n, number)| {
            format!(
                "<lrm_rsc_op id=\"r_{n}\" operation=\"monitor\" operation_key=\"r_monitor_{number}\" \
                 call-id=\"{number}\" rc-code=\"{number}\" op-status=\"{number}\" interval=\"{number}\" \
                 last-rc-change=\"{number}\" exec-time=\"{number}\" transition-key=\"{number}:{number}:{number}:x\" \
                 transition-magic=\"{number}:{number};{number}:{number}:{number}:x\"/>"
            )
        })
        .collect();
    let history = format!(
        "<lrm id=\"n1\"><lrm_resources><lrm_resource id=\"r\" class=\"ocf\" provider=\"pacemaker\" \
         type=\"Dummy\">{entries}</lrm_resource><lrm_resource id=\"gone:99999999999999999999\" class=\"x\" \
         type=\"y\">{entries}</lrm_resource><lrm_resource/></lrm_resources></lrm>"
    );
    let counts: String = NUMBERS
        .map(|number| {
            format!("<nvpair id=\"f{number}\" name=\"fail-count-r#monitor_{number}\" value=\"{number}\"/>")
        })
        .concat();
    let history = format!(
        "{history}<transient_attributes id=\"n1\"><instance_attributes id=\"t\">{counts}\
         </instance_attributes></transient_attributes></node_state><node_state/><node_state id=\"?\">"
    );
    let cib = cluster(&primitive("r", ""), "");
    let state = "expected=\"member\"/>";
    let replaced = format!("expected=\"member\">{history}</node_state>");
    plans(cib.replacen(state, &replaced, 1));
}
