//! The constraints that move and ban make are those of Pacemaker's tools, to the letter.

use lockstep_engine::parse::Limits;
use lockstep_engine::time::Span;

use super::*;

const CIB: &str = r#"<cib><configuration><constraints><rsc_location id="own" rsc="db" node="n1"
    score="5"/></constraints></configuration></cib>"#;

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn shown(cib: &Document) -> String {
    let mut text = String::new();
    for location in locations(cib).skip(1) {
        cib.write_xml(location, &mut text);
    }
    let lines = text.lines().map(str::trim);
    lines.collect::<Vec<_>>().concat()
}

fn wish<'a>(node: &'a str) -> Wish<'a> {
    Wish {
        resource: "db",
        node,
        promoted: false,
        until: None,
    }
}

#[test]
fn a_ban_holds_for_one_node_and_is_cleared_for_it() {
    let mut cib = parse(CIB);
    assert_eq!(ban(&mut cib, &wish("n1")), "cli-ban-db-on-n1");
    ban(&mut cib, &wish("n1"));
    ban(
        &mut cib,
        &Wish {
            promoted: true,
            ..wish("n2")
        },
    );
    assert_eq!(
        shown(&cib),
        "<rsc_location id=\"cli-ban-db-on-n1\" rsc=\"db\" role=\"Started\" node=\"n1\" \
         score=\"-INFINITY\"/><rsc_location id=\"cli-ban-db-on-n2\" rsc=\"db\" \
         role=\"Promoted\" node=\"n2\" score=\"-INFINITY\"/>"
    );
    assert_eq!(clear(&mut cib, "db", Some("n1")), ["cli-ban-db-on-n1"]);
    assert_eq!(clear(&mut cib, "db", None), ["cli-ban-db-on-n2"]);
    assert_eq!(clear(&mut cib, "db", None), [""; 0]);
    assert_eq!(locations(&cib).count(), 1, "the user's own stays");
}

#[test]
fn a_move_with_a_lifetime_holds_a_rule() {
    let mut cib = parse(CIB);
    ban(&mut cib, &wish("n2"));
    let mut until = Date::new(Timestamp::utc(1_700_000_000));
    until.add_span(&Span::parse("PT2H").unwrap());
    let until = Some(until);
    move_to(
        &mut cib,
        &Wish {
            until,
            ..wish("n2")
        },
    );
    assert_eq!(
        shown(&cib),
        "<rsc_location id=\"cli-prefer-db\" rsc=\"db\" role=\"Started\">\
         <rule id=\"cli-prefer-rule-db\" score=\"INFINITY\" boolean-op=\"and\">\
         <expression id=\"cli-prefer-expr-db\" attribute=\"#uname\" operation=\"eq\" \
         value=\"n2\" type=\"string\"/>\
         <date_expression id=\"cli-prefer-lifetime-end-db\" operation=\"lt\" \
         end=\"2023-11-15 00:13:20Z\"/></rule></rsc_location>"
    );
    let hour = |hours: i64| Timestamp::utc(1_700_000_000 + 3600 * hours);
    assert_eq!(clear_expired(&mut cib, None, None, hour(1)), [""; 0]);
    assert_eq!(clear_expired(&mut cib, Some("web"), None, hour(3)), [""; 0]);
    assert_eq!(clear_expired(&mut cib, None, Some("n1"), hour(3)), [""; 0]);
    assert_eq!(clear(&mut cib.clone(), "db", Some("n2")), ["cli-prefer-db"]);
    assert_eq!(
        clear_expired(&mut cib, Some("db"), Some("n2"), hour(3)),
        ["cli-prefer-db"]
    );
}

#[test]
fn a_second_move_takes_the_place_of_the_first() {
    let mut cib = parse(CIB);
    move_to(&mut cib, &wish("n1"));
    move_to(&mut cib, &wish("n2"));
    assert_eq!(
        shown(&cib),
        "<rsc_location id=\"cli-prefer-db\" rsc=\"db\" role=\"Started\" node=\"n2\" \
         score=\"INFINITY\"/>"
    );
}
