//! What people are told about where resources are.

use lockstep_engine::parse::Limits;

use super::*;

/// A history as `task:code` in the order of calls; written in another order.
fn shown(operations: &[&str]) -> Vec<(String, Role, bool)> {
    let mut entries: Vec<_> = (1..)
        .zip(operations)
        .map(|(call, operation)| {
            let (task, code) = operation.split_once(':').unwrap();
            format!(
                "<lrm_rsc_op id=\"{call}\" operation=\"{task}\" call-id=\"{call}\" rc-code=\"{code}\"/>"
            )
        })
        .collect();
    entries.reverse();
    let cib = format!(
        "<cib><configuration><resources><clone id=\"c\"><primitive id=\"db\" class=\"ocf\" \
         provider=\"p\" type=\"T\"/></clone></resources></configuration><status>\
         <node_state id=\"1\" uname=\"n1\" crmd=\"7\"><lrm><lrm_resources><lrm_resource id=\"db:0\">{}\
         </lrm_resource></lrm_resources></lrm></node_state><node_state id=\"2\" uname=\"gone\" \
         crmd=\"0\"><lrm><lrm_resources><lrm_resource id=\"db\"><lrm_rsc_op id=\"1\" \
         operation=\"start\" rc-code=\"0\"/></lrm_resource></lrm_resources></lrm></node_state>\
         </status></cib>",
        entries.concat()
    );
    let cib = Document::parse(cib.as_bytes(), &Limits::default()).unwrap();
    let resources = resources(&cib);
    assert_eq!(
        (resources[0].id.as_str(), resources[0].agent.as_str()),
        ("db", "ocf:p:T")
    );
    let active = resources[0].active.iter();
    active.map(|a| (a.node.clone(), a.role, a.failed)).collect()
}

#[test]
fn the_last_result_says_where_a_resource_is() {
    let here = |role, failed| vec![("n1".to_owned(), role, failed)];
    let cases: [(&[&str], _); 9] = [
        (&["monitor:7"], Vec::new()),
        (&["monitor:7", "start:0"], here(Role::Started, false)),
        (&["monitor:0"], here(Role::Started, false)),
        (
            &["monitor:7", "start:0", "promote:0", "monitor:8"],
            here(Role::Promoted, false),
        ),
        (&["promote:0", "demote:0"], here(Role::Started, false)),
        (&["start:0", "stop:0"], Vec::new()),
        (&["start:0", "stop:1"], here(Role::Started, true)),
        (&["start:1"], here(Role::Stopped, true)),
        (
            &["start:0", "monitor:1", "stop:0", "start:0"],
            here(Role::Started, false),
        ),
    ];
    for (operations, expected) in cases {
        assert_eq!(shown(operations), expected, "{operations:?}");
    }
}
