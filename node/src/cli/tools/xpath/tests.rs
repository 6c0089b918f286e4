//! Paths that agents use, on a small CIB.

use lockstep_engine::parse::Limits;

use super::*;

const CIB: &str = r#"<cib><configuration><nodes><node id="1" uname="n1"/></nodes></configuration>
<status>
 <node_state id="1" uname="n1" crmd="online"><transient_attributes id="1"><instance_attributes id="s1">
  <nvpair id="a" name="fail-count-db#start_0" value="2"/>
  <nvpair id="b" name="rmq" value="rabbit@n1"/>
 </instance_attributes></transient_attributes></node_state>
 <node_state id="2" uname="n2" crmd="offline"><transient_attributes id="2"><instance_attributes id="s2">
  <nvpair id="c" name="rmq" value="rabbit@n2"/>
 </instance_attributes></transient_attributes></node_state>
</status></cib>"#;

fn ids(path: &str) -> Vec<String> {
    let cib = Document::parse(CIB.as_bytes(), &Limits::default()).unwrap();
    let found = select(&cib, path).unwrap();
    let ids = found.iter().map(|e| cib.id(*e).unwrap_or("-").to_owned());
    ids.collect()
}

#[test]
fn paths_lead_where_agents_expect() {
    let cases: [(&str, &[&str]); 11] = [
        ("//node_state//nvpair[@name='rmq']", &["b", "c"]),
        ("//node_state[@crmd='online']//nvpair[@name='rmq']", &["b"]),
        ("/cib/status/node_state[@uname=\"n2\"]", &["2"]),
        ("//nvpair[starts-with(@name,'fail-count-db#')]", &["a"]),
        ("//nvpair[contains(@value, '@n')]", &["b", "c"]),
        ("//nvpair[@name and @value!='2']", &["b", "c"]),
        ("//nvpair[@id='a' or @id='c']", &["a", "c"]),
        ("//nvpair[@name='rmq'][@value='rabbit@n2']", &["c"]),
        ("/cib/status/*[2]", &["2"]),
        ("//nvpair[1]", &["a", "c"]),
        ("/status", &[]),
    ];
    for (path, expected) in cases {
        assert_eq!(ids(path), expected, "{path}");
    }
}

#[test]
fn what_is_no_path_is_refused_with_a_place() {
    let cib = Document::parse(CIB.as_bytes(), &Limits::default()).unwrap();
    for path in [
        "",
        "/",
        "cib",
        "//nvpair[",
        "//nvpair[@]",
        "//nvpair[@a='b]",
        "//a[b]",
        "//a]",
        "/a b",
        "//a[99999999999999999999999]",
        "//é[@ü=\u{1F980}]",
    ] {
        assert!(select(&cib, path).is_err(), "{path}");
    }
    let long = "/a".repeat(MAX_PATH);
    assert!(select(&cib, &long).is_err());
}
