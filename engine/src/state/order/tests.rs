use super::*;
use crate::parse::{Document, Limits};

/// Entries from `name:call:time:magic` shorthand, in document order.
fn history(text: &str) -> Document {
    let mut xml = String::from("<lrm_resource id='R'>");
    for (at, line) in text.split_whitespace().enumerate() {
        let mut fields = line.split(',');
        let mut next = || fields.next().unwrap_or_default();
        let (operation, call, rc, status, change, magic) =
            (next(), next(), next(), next(), next(), next());
        xml += &format!(
            "<lrm_rsc_op id='{at}' operation='{operation}' call-id='{call}' rc-code='{rc}' \
             op-status='{status}' last-rc-change='{change}' transition-magic='{magic}'/>"
        );
    }
    xml += "</lrm_resource>";
    Document::parse(xml.as_bytes(), &Limits::default()).expect("well-formed")
}

fn entries(document: &Document) -> Vec<Entry<'_>> {
    let children = document.children(document.root());
    children.map(|e| Entry::read(document, e)).collect()
}

fn sorted_ids(text: &str) -> String {
    let document = history(text);
    let mut entries = entries(&document);
    sort(&mut entries);
    entries
        .iter()
        .filter_map(|entry| entry.id)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn call_ids_order_the_operations_of_a_node() {
    assert_eq!(sorted_ids("start,10,0,0 monitor,2,7,0 stop,7,0,0"), "1 2 0");
}

#[test]
fn equal_call_ids_are_ordered_by_time_and_ties_put_the_later_element_first() {
    assert_eq!(sorted_ids("stop,7,1,4,200 stop,7,0,0,100"), "1 0");
    assert_eq!(sorted_ids("stop,7,1,4,100 stop,7,0,0,100"), "1 0");
    assert_eq!(sorted_ids("stop,7,1,4 stop,7,0,0"), "1 0");
}

#[test]
fn a_pending_operation_is_ordered_by_its_transition() {
    let started = "start,10,0,0,1,0:0;3:5:0:aaaa";
    for (pending, order) in [
        ("stop,-1,193,-1,1,-1:193;3:6:0:aaaa", "0 1"),
        ("stop,-1,193,-1,1,-1:193;3:4:0:aaaa", "1 0"),
        ("stop,-1,193,-1,1,-1:193;3:5:0:aaaa", "0 1"),
        ("stop,-1,193,-1,1,-1:193;3:4:0:bbbb", "0 1"),
        ("stop,-1,193,-1,1,-1:193;3:-1:0:aaaa", "0 1"),
    ] {
        assert_eq!(
            sorted_ids(&format!("{started} {pending}")),
            order,
            "{pending}"
        );
    }
}

#[test]
fn without_transition_the_order_stays() {
    assert_eq!(sorted_ids("start,10,0,0,1,rubbish stop,-1,193,-1,1"), "1 0");
}

#[test]
fn the_split_is_that_of_a_list_merge_sort() {
    // All equal: the order is reversed document order, whatever the length.
    for len in 0..9 {
        let text = "stop,-1,193,-1 ".repeat(len);
        let expected: Vec<_> = (0..len).rev().map(|at| at.to_string()).collect();
        assert_eq!(sorted_ids(&text), expected.join(" "));
    }
}

#[test]
fn the_present_begins_with_the_last_start() {
    let check = |text: &str, present: &[usize]| {
        let document = history(text);
        let entries = entries(&document);
        let active = Active::find(&entries);
        let found: Vec<usize> = (0..entries.len())
            .filter(|&at| active.contains(at))
            .collect();
        assert_eq!(found, present, "{text}");
    };
    check("monitor,1,7,0 start,2,0,0 monitor,3,0,0", &[1, 2]);
    check("start,1,0,0 monitor,2,0,0 stop,3,0,0", &[]);
    check("start,1,0,0 stop,2,0,0 monitor,3,7,0", &[2]);
    check("start,1,0,0 stop,2,1,4 monitor,3,7,0", &[0, 1, 2]);
    check("stop,1,0,0 monitor,2,0,0 monitor,3,0,0", &[1, 2]);
    check("monitor,1,0,0 promote,2,0,0 monitor,3,8,0", &[1, 2]);
    check("monitor,1,7,0", &[0]);
}
