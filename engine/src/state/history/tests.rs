use super::*;
use crate::parse::Limits;

fn document(text: &str) -> Document {
    Document::parse(text.as_bytes(), &Limits::default()).expect("well-formed")
}

#[test]
fn an_entry_is_read_with_its_expected_result() {
    let document = document(
        "<lrm_rsc_op id='A_last_0' operation='start' interval='0' op-status='0' rc-code='0' \
         call-id='12' last-rc-change='1700000000' transition-key='5:7:8:0f3a' />",
    );
    let entry = Entry::read(&document, document.root());
    assert_eq!(entry.key, Some("A_last_0"), "the id stands in for the key");
    assert_eq!(entry.kind(), Some(Kind::Start));
    assert_eq!(
        (entry.status, entry.rc, entry.call_id),
        (Some(0), Some(0), Some(12))
    );
    assert_eq!(entry.last_rc_change, Some(1_700_000_000));
    assert_eq!(entry.expected_rc(), Some(8));
}

#[test]
fn malformed_numbers_count_as_missing() {
    let document = document(
        "<lrm_rsc_op id='A' interval='-1' op-status='x' rc-code='99999999999' call-id=''/>",
    );
    let entry = Entry::read(&document, document.root());
    assert_eq!((entry.interval_ms, entry.has_interval), (0, false));
    assert_eq!((entry.status, entry.rc, entry.call_id), (None, None, None));
    assert_eq!(entry.expected_rc(), None);
}

#[test]
fn integers_are_read_as_c_does() {
    for (text, value) in [
        ("12", Some(12)),
        (" \t-3rest", Some(-3)),
        ("+7", Some(7)),
        ("", None),
        ("-", None),
        ("x1", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(integer(text), value, "{text:?}");
    }
}

#[test]
fn transition_keys_and_magic_are_decoded() {
    let uuid = "2668bbeb-06d5-40f9-936d-24cb7f87006a";
    let key = TransitionKey {
        transition: 1,
        expected_rc: 7,
        uuid,
    };
    assert_eq!(TransitionKey::parse(&format!("4:1:7:{uuid}")), Some(key));
    assert_eq!(
        TransitionKey::from_magic(&format!("0:7;4:1:7:{uuid}")),
        Some(key)
    );
    for text in ["", "4:1:7", "4:1:7:", "a:1:7:u", "4:1:u", "4;1:7:u"] {
        assert_eq!(TransitionKey::parse(text), None, "{text:?}");
    }
    for text in ["", "0:7", "0:7;", "0:7:4:1:7:u", "0;7;4:1:7:u"] {
        assert_eq!(TransitionKey::from_magic(text), None, "{text:?}");
    }
    let long = format!("4:1:7:{uuid}ä");
    assert_eq!(
        TransitionKey::parse(&long).map(|key| key.uuid),
        Some(uuid),
        "at most 36 bytes"
    );
}

#[test]
fn histories_are_found_by_the_names_written_in_the_status() {
    let document = document(
        "<cib><status>\
           <node_state id='1' uname='a'><lrm id='1'><lrm_resources>\
             <lrm_resource id='R'><lrm_rsc_op id='1' operation='start'/></lrm_resource>\
             <lrm_resource id='S'/>\
           </lrm_resources></lrm></node_state>\
           <node_state id='2' uname='b'/>\
         </status></cib>",
    );
    let status = document.child(document.root(), "status");
    let mut histories = Histories::new(&document, status);
    assert_eq!(histories.entries("a", "R").count(), 1);
    assert_eq!(histories.resource("a", "S").len(), 1);
    assert_eq!(histories.entries("a", "S").count(), 0);
    assert_eq!(histories.resource("b", "R").len(), 0);
    assert_eq!(histories.resource("c", "R").len(), 0);
}
