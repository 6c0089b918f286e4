use super::*;
use crate::parse::{IdIndex, Limits};
use crate::time::Timestamp;

/// The values that blocks of `meta_attributes` give, as `name=value` words.
fn values(first: Option<&str>, blocks: &str) -> (String, Option<i64>) {
    let xml = format!("<x>{blocks}</x>");
    let document = Document::parse(xml.as_bytes(), &Limits::default())
        .unwrap_or_else(|error| panic!("{xml}: {error}"));
    let ids = IdIndex::new(&document);
    let sets = NvSets::read(
        &document,
        &ids,
        [document.root()],
        names::META_ATTRIBUTES,
        first,
    );
    let mut change = Earliest::default();
    let values = sets.values(&document, &Facts::at(Timestamp::utc(0)), &mut change);
    let words: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    (words.join(" "), change.0)
}

/// A block of one pair.
fn block(attributes: &str, value: &str, rule: &str) -> String {
    format!(
        "<meta_attributes {attributes}>{rule}<nvpair name='n' value='{value}'/></meta_attributes>"
    )
}

#[test]
fn scores_then_later_blocks_decide() {
    let one = |first, blocks: &[(&str, &str)]| {
        let blocks: String = blocks
            .iter()
            .map(|(attributes, value)| block(attributes, value, ""))
            .collect();
        values(first, &blocks).0
    };
    assert_eq!(one(None, &[]), "");
    assert_eq!(one(None, &[("id='a'", "1"), ("id='b'", "2")]), "n=2");
    assert_eq!(
        one(None, &[("id='a' score='1'", "1"), ("id='b'", "2")]),
        "n=1"
    );
    assert_eq!(
        one(
            None,
            &[("id='a' score='x'", "1"), ("id='b' score='-1'", "2")]
        ),
        "n=1"
    );
    assert_eq!(
        one(
            None,
            &[
                ("id='a' score='INFINITY'", "1"),
                ("id='b' score='999999'", "2")
            ]
        ),
        "n=1"
    );
    assert_eq!(
        one(Some("a"), &[("id='a'", "1"), ("id='b' score='5'", "2")]),
        "n=1"
    );
    assert_eq!(one(Some("z"), &[("id='a'", "1"), ("id='b'", "2")]), "n=2");
}

#[test]
fn within_a_block_the_first_pair_wins() {
    let (found, _) = values(
        None,
        "<meta_attributes id='a'><nvpair name='n' value='1'/><nvpair name='n' value='2'/>\
         <nvpair name='no-value'/><nvpair value='no name'/><nvpair name='e' value=''/></meta_attributes>",
    );
    assert_eq!(found, "e= n=1");
}

#[test]
fn references_stand_for_what_they_refer_to() {
    let (found, _) = values(
        None,
        "<other><meta_attributes id='there'><nvpair id='p' name='a' value='1'/></meta_attributes></other>\
         <meta_attributes id-ref='there'/><meta_attributes id-ref='nowhere'/>\
         <meta_attributes id='b'><nvpair id-ref='p'/><nvpair id-ref='q'/><nvpair name='c' value='3'/></meta_attributes>",
    );
    assert_eq!(found, "a=1 c=3");
}

#[test]
fn default_takes_back_what_came_before() {
    let (found, _) = values(
        None,
        &(block("id='low'", "kept", "")
            + &block("id='mid' score='1'", "#DEFAULT", "")
            + &block("id='high' score='2'", "gone", "")),
    );
    assert_eq!(found, "n=kept");
}

#[test]
fn only_the_first_rule_counts_and_notes_its_change() {
    let rule = |end: &str| {
        format!(
            "<rule id='r{end}'><date_expression id='d{end}' operation='lt' end='{end}'/></rule>"
        )
    };
    let blocks = block(
        "id='a' score='2'",
        "1",
        &(rule("2000-001") + &rule("1900-001")),
    ) + &block("id='b' score='1'", "2", &rule("1900-001"))
        + &block("id='c'", "3", "<rule id='bad' boolean-op='xor'/>");
    assert_eq!(values(None, &blocks), ("n=1".to_owned(), Some(946_684_800)));
    let blocks = block("id='b' score='1'", "2", &rule("1900-001")) + &block("id='c'", "3", "");
    assert_eq!(values(None, &blocks), ("n=3".to_owned(), None));
}

#[test]
fn several_parents_count_as_one() {
    let xml = "<x><t><meta_attributes id='a' score='1'><nvpair name='n' value='1'/><nvpair name='m' value='1'/>\
               </meta_attributes></t><p><meta_attributes id='b'><nvpair name='n' value='2'/></meta_attributes></p></x>";
    let document = Document::parse(xml.as_bytes(), &Limits::default()).expect("well-formed");
    let ids = IdIndex::new(&document);
    let parents: Vec<ElementId> = document.children(document.root()).collect();
    let sets = NvSets::read(&document, &ids, parents, names::META_ATTRIBUTES, None);
    assert!(sets.is_constant() && !sets.depends_on_node() && !sets.is_empty());
    let mut values = Values::from([("m", "already there")]);
    sets.add_values(
        &document,
        &Facts::at(Timestamp::utc(0)),
        &mut values,
        &mut Earliest::default(),
    );
    assert_eq!(values, Values::from([("m", "already there"), ("n", "1")]));
}
