//! Options go where they are, or where the schema has room for them.

use lockstep_engine::parse::Limits;

use super::super::resource;
use super::*;

const CIB: &str = r#"<cib><configuration><resources><clone id="c"><primitive id="db" class="ocf"
    provider="p" type="T"><operations/></primitive></clone><primitive id="web" class="ocf"
    provider="p" type="T"><meta_attributes id="m"><nvpair id="x" name="priority" value="1"/>
    </meta_attributes></primitive></resources></configuration></cib>"#;

fn after(id: &str, edit: impl FnOnce(&mut Document, ElementId)) -> String {
    let mut cib = Document::parse(CIB.as_bytes(), &Limits::default()).unwrap();
    let e = resource(&cib, id).unwrap();
    edit(&mut cib, e);
    let mut text = String::new();
    cib.write_xml(e, &mut text);
    text.lines().map(str::trim).collect::<Vec<_>>().concat()
}

#[test]
fn an_option_of_a_collective_stands_before_what_is_in_it() {
    let text = after("c", |cib, e| {
        set(cib, e, "target-role", "Started");
        set(cib, e, "target-role", "Stopped");
    });
    assert!(
        text.starts_with(
            "<clone id=\"c\"><meta_attributes id=\"c-meta_attributes\"><nvpair \
             id=\"c-meta_attributes-target-role\" name=\"target-role\" value=\"Stopped\"/>\
             </meta_attributes><primitive"
        ),
        "{text}"
    );
}

#[test]
fn an_option_joins_the_others_and_leaves_no_empty_set() {
    let text = after("web", |cib, e| set(cib, e, "is-managed", "false"));
    assert!(
        text.contains("<nvpair id=\"m-is-managed\" name=\"is-managed\" value=\"false\"/></meta"),
        "{text}"
    );
    let text = after("web", |cib, e| {
        assert!(remove(cib, e, "priority"));
        assert!(!remove(cib, e, "priority"));
    });
    assert!(!text.contains("meta_attributes"), "{text}");
}
