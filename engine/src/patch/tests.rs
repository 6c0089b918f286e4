//! Differences lead from one document to the other, and read as Pacemaker's.

use super::*;
use crate::parse::Limits;

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn compact(document: &Document) -> String {
    let text = document.to_xml();
    text.lines().map(str::trim).collect::<Vec<_>>().concat()
}

/// The changes from one to the other, after applying them was seen to lead there.
#[track_caller]
fn changes(old: &str, new: &str) -> String {
    let (mut old, new) = (parse(old), parse(new));
    let Some(diff) = make(&old, &new) else {
        assert_eq!(compact(&old), compact(&new));
        return String::new();
    };
    let diff = parse(&diff.to_xml());
    apply(&mut old, &diff).unwrap();
    assert_eq!(compact(&old), compact(&new));
    let text = compact(&diff);
    let (_, changes) = text.split_once("</version>").unwrap();
    changes.trim_end_matches("</diff>").to_owned()
}

#[test]
fn equal_documents_have_no_difference() {
    let cib = "<cib epoch=\"1\"><a id=\"x\"/></cib>";
    assert_eq!(changes(cib, cib), "");
}

#[test]
fn attributes_are_set_and_unset_with_the_result_beside() {
    let old = "<cib epoch=\"1\"><a id=\"x\" p=\"1\" q=\"2\"/></cib>";
    let new = "<cib epoch=\"2\"><a id=\"x\" p=\"3\" r=\"4\"/></cib>";
    assert_eq!(
        changes(old, new),
        "<change operation=\"modify\" path=\"/cib\"><change-list><change-attr name=\"epoch\" \
         operation=\"set\" value=\"2\"/></change-list><change-result><cib epoch=\"2\"/>\
         </change-result></change><change operation=\"modify\" path=\"/cib/a[@id='x']\">\
         <change-list><change-attr name=\"p\" operation=\"set\" value=\"3\"/><change-attr \
         name=\"r\" operation=\"set\" value=\"4\"/><change-attr name=\"q\" operation=\"unset\"/>\
         </change-list><change-result><a id=\"x\" p=\"3\" r=\"4\"/></change-result></change>"
    );
}

#[test]
fn the_root_is_the_root_whatever_its_id_becomes() {
    assert_eq!(
        changes("<cib id=\"x\"/>", "<cib id=\"y\"/>"),
        "<change operation=\"modify\" path=\"/cib\"><change-list><change-attr name=\"id\" \
         operation=\"set\" value=\"y\"/></change-list><change-result><cib id=\"y\"/>\
         </change-result></change>"
    );
}

#[test]
fn elements_are_deleted_first_and_created_at_their_place() {
    let old = "<cib><s><a id=\"x\"/><a id=\"y\"><b id=\"z\"/></a></s></cib>";
    let new = "<cib><s><a id=\"w\"><b id=\"v\"/></a><a id=\"y\"/></s></cib>";
    assert_eq!(
        changes(old, new),
        "<change operation=\"delete\" path=\"/cib/s/a[@id='x']\"/><change operation=\"delete\" \
         path=\"/cib/s/a[@id='y']/b[@id='z']\"/><change operation=\"create\" path=\"/cib/s\" \
         position=\"0\"><a id=\"w\"><b id=\"v\"/></a></change>"
    );
}

#[test]
fn what_changed_its_place_is_moved() {
    let row = |ids: &str| {
        let elements = ids.chars().map(|id| format!("<a id=\"{id}\"/>"));
        format!("<cib>{}</cib>", elements.collect::<String>())
    };
    // As crm_diff 3.0.3 has it.
    for (old, new, expected) in [
        ("abcde", "eabcd", "e0 a1"),
        ("abcde", "bcdea", "b0 a4"),
        ("abcde", "edcba", "e0 d1 b3 a4"),
        ("abcde", "badce", "b0 a1 d2 c3"),
        ("abcde", "cabxd", "c0 a1 +3"),
        ("abc", "xcaby", "+0 c1 a2 +4"),
    ] {
        let diff = parse(&format!("<diff>{}</diff>", changes(&row(old), &row(new))));
        let placed = diff.children(diff.root()).filter_map(|change| {
            let position = diff.attr(change, "position")?;
            let path = diff.attr(change, "path")?;
            let id = path.split('\'').nth(1).unwrap_or("+");
            Some(format!("{id}{position}"))
        });
        let placed: Vec<_> = placed.collect();
        assert_eq!(placed.join(" "), expected, "{old} {new}");
    }
}

#[test]
fn elements_without_ids_and_with_odd_ids_are_found() {
    changes(
        "<cib><s><r id=\"a/b\"/><r id=\"c'd\"/><t/><t k=\"1\"/></s></cib>",
        "<cib><s><t k=\"2\"/><r id=\"c'd\" p=\"\"/><r id=\"a/b\" q=\"1\"/></s></cib>",
    );
}

#[test]
fn a_difference_from_elsewhere_changes_nothing_and_names_the_place() {
    let mut cib = parse("<cib><s/></cib>");
    let before = cib.to_xml();
    let diff = |change: &str| {
        parse(&format!(
            "<diff format=\"2\">\n<change operation=\"create\" path=\"/cib/s\" \
             position=\"0\"><a id=\"new\"/></change>\n{change}</diff>"
        ))
    };
    let cases = [
        (
            "<change operation=\"move\" path=\"/cib/s/a[@id='x']\" position=\"0\"/>",
            "nothing at",
        ),
        (
            "<change operation=\"modify\" path=\"/cib/s\"/>",
            "change-result",
        ),
        ("<change operation=\"turn\" path=\"/cib/s\"/>", "'turn'"),
        ("<change operation=\"delete\" path=\"/cib\"/>", "everything"),
        (
            "<change operation=\"create\" path=\"/cib/s\" position=\"0\"/>",
            "nothing to create",
        ),
        ("<change path=\"/cib/s\"/>", "no operation"),
    ];
    for (change, says) in cases {
        let error = apply(&mut cib, &diff(change)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.position().unwrap().line, 3, "{error}");
        assert_eq!(cib.to_xml(), before);
    }
    let error = apply(&mut cib, &parse("<diff format=\"1\"/>")).unwrap_err();
    assert_eq!(error, PatchError::NotADiff);
    // Deleting what is not there is done already.
    let gone = "<change operation=\"delete\" path=\"/cib/s/b\"/>";
    apply(&mut cib, &diff(gone)).unwrap();
    assert_eq!(compact(&cib), "<cib><s><a id=\"new\"/></s></cib>");
}

#[test]
fn random_changes_lead_where_they_should() {
    let seed = 0x5eed_u64;
    let mut state = seed;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let tree = |random: &mut dyn FnMut(usize) -> usize| {
        let mut text = String::from("<cib>");
        for section in ["s", "t"] {
            text += &format!("<{section}>");
            let mut ids: Vec<usize> = (0..8).filter(|_| random(4) > 0).collect();
            for at in (1..ids.len()).rev() {
                ids.swap(at, random(at + 1));
            }
            for id in ids {
                let (value, inside) = (random(3), random(3));
                text += &format!("<a id=\"{id}\" v=\"{value}\"><b id=\"{inside}\"/></a>");
            }
            text += &format!("</{section}>");
        }
        text + "</cib>"
    };
    for round in 0..500 {
        let (old, new) = (tree(&mut random), tree(&mut random));
        let result = std::panic::catch_unwind(|| changes(&old, &new));
        assert!(result.is_ok(), "seed {seed:#x}, round {round}: {old} {new}");
    }
}
