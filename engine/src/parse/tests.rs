use super::*;

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn fault(bytes: &[u8]) -> ParseError {
    match Document::parse(bytes, &Limits::default()) {
        Ok(document) => panic!("accepted: {}", document.to_xml()),
        Err(error) => error,
    }
}

/// Everything about the shape of a document, by walking up, down and sideways.
fn assert_consistent(document: &Document) {
    for e in document.subtree(document.root()) {
        let children: Vec<ElementId> = document.children(e).collect();
        let mut backwards: Vec<ElementId> = document.children_reversed(e).collect();
        backwards.reverse();
        assert_eq!(children, backwards);
        assert_eq!(document.first_child(e), children.first().copied());
        assert_eq!(document.last_child(e), children.last().copied());
        for child in children {
            assert_eq!(document.parent(child), Some(e));
        }
    }
}

#[test]
fn what_xml_cannot_write_is_replaced_when_it_is_set() {
    let mut document = Document::new("cib");
    let root = document.root();
    for (given, kept) in [
        ("\u{1B}[31mbroken\u{1B}[0m", "\u{FFFD}[31mbroken\u{FFFD}[0m"),
        ("\0 \u{FFFE}\u{FFFF}", "\u{FFFD} \u{FFFD}\u{FFFD}"),
        (
            "a\tb\r\nc \u{7F}\u{85}\u{FEFF}é",
            "a\tb\r\nc \u{7F}\u{85}\u{FEFF}é",
        ),
    ] {
        document.set_attr(root, "exit-reason", given);
        assert_eq!(document.attr(root, "exit-reason"), Some(kept));
        let written = document.to_xml();
        let read = Document::parse(written.as_bytes(), &Limits::default())
            .expect("every document can be written and read again");
        assert_eq!(read.attr(read.root(), "exit-reason"), Some(kept));
    }
}

#[test]
fn elements_and_attributes_are_read_in_order() {
    let d = parse(
        "<cib epoch='1' other=\"2\"><status/><!-- no --><x:y xmlns:x='u' x:z='3'> </x:y></cib>",
    );
    let root = d.root();
    assert_eq!(d.name(root), "cib");
    assert!(d.is(root, names::CIB));
    assert_eq!(
        d.attrs(root).collect::<Vec<_>>(),
        [("epoch", "1"), ("other", "2")]
    );
    assert_eq!(d.attr(root, "other"), Some("2"));
    assert_eq!(d.attr(root, "unheard-of"), None);
    assert_eq!(d.attr_by(root, names::EPOCH), Some("1"));
    let children: Vec<&str> = d.children(root).map(|e| d.name(e)).collect();
    assert_eq!(children, ["status", "x:y"]);
    assert_eq!(d.child(root, "status"), d.child_by(root, names::STATUS));
    assert_consistent(&d);
}

#[test]
fn every_well_known_name_has_its_own_number() {
    let names = Names::default();
    for number in 0..names.len() as u32 {
        let text = names.text(Name(number));
        assert_eq!(names.find(text), Some(Name(number)), "{text}");
    }
    assert_eq!(names.text(names::LRM_RSC_OP), "lrm_rsc_op");
    assert_eq!(names.text(names::PATH), "path");
}

#[test]
fn values_are_decoded_and_normalised() {
    let d = parse(
        "<a b='&lt;&#65;&#x42;&amp;&quot;&apos;&gt;' c='x\ty\r\nz\n' d='&#10;' e='\"' f='ü\u{FFFD}'/>",
    );
    let values: Vec<&str> = d.attrs(d.root()).map(|(_, value)| value).collect();
    assert_eq!(values, ["<AB&\"'>", "x y z ", "\n", "\"", "ü\u{FFFD}"]);
}

#[test]
fn what_is_not_an_element_is_skipped() {
    let d = parse(
        "\u{FEFF}<?xml version=\"1.0\" encoding='utf-8' ?>\n<!-- <cib> - -->\n<?php <a> ?>\n\
         <cib>text &amp; ]] &#65;<![CDATA[<b/>]]><c/></cib>\n<!---->\n<?end?>\n",
    );
    assert_eq!(d.to_xml(), "<cib>\n  <c/>\n</cib>\n");
}

#[test]
fn faults_name_their_place() {
    #[rustfmt::skip]
    let cases: &[(&str, &str)] = &[
        ("", "line 1, column 1: there is no element"),
        ("  <!-- -->\n", "line 2, column 1: there is no element"),
        ("x<a/>", "line 1, column 1: there is text outside the root element"),
        ("<a/>\n x", "line 2, column 2: there is text outside the root element"),
        ("<a/><![CDATA[x]]>", "line 1, column 5: there is text outside the root element"),
        ("<a/>&amp;", "line 1, column 5: there is text outside the root element"),
        ("<a/>\n<b/>", "line 2, column 1: there is a second root element"),
        ("<a>\n<b>\n</a>", "line 3, column 1: '</a>' closes element 'b' of line 2"),
        ("<a></ab>", "line 1, column 4: '</ab>' closes element 'a' of line 1"),
        ("</a>", "line 1, column 1: '</a>' closes nothing"),
        ("<a>\n <b>", "line 2, column 5: element 'b' of line 2 is never closed"),
        ("<a b='1' b='2'/>", "line 1, column 10: attribute 'b' is given twice"),
        ("<a b='1'c='2'/>", "line 1, column 9: white space is missing before this attribute"),
        ("<a b/>", "line 1, column 5: attribute 'b' has no '='"),
        ("<a b=1/>", "line 1, column 6: the value of attribute 'b' is not quoted"),
        ("<a b='<'/>", "line 1, column 7: the value of attribute 'b' contains '<'"),
        ("<a b='1", "line 1, column 8: the text ends inside an attribute value"),
        ("<a b='1' ", "line 1, column 10: the text ends inside a tag"),
        ("<a", "line 1, column 3: the text ends inside a tag"),
        ("<", "line 1, column 2: the text ends inside markup"),
        ("<a/", "line 1, column 4: the text ends inside markup"),
        ("<a/b>", "line 1, column 4: '>' is expected here"),
        ("<a></a b>", "line 1, column 8: '>' is expected here"),
        ("<a></a", "line 1, column 7: the text ends inside markup"),
        ("< a/>", "line 1, column 2: a name is expected here"),
        ("<1/>", "line 1, column 2: a name is expected here"),
        ("<a ü÷='1'/>", "line 1, column 5: attribute 'ü' has no '='"),
        ("<a ='1'/>", "line 1, column 4: a name is expected here"),
        ("<a b='\u{1}'/>", "line 1, column 7: character U+0001 is not allowed in XML"),
        ("<a b='\u{FFFF}'/>", "line 1, column 7: character U+FFFF is not allowed in XML"),
        ("<a>\u{0}</a>", "line 1, column 4: character U+0000 is not allowed in XML"),
        ("<!--\u{2}--><a/>", "line 1, column 5: character U+0002 is not allowed in XML"),
        ("<a b='&nbsp;'/>", "line 1, column 7: the entity '&nbsp;' is not defined"),
        ("<a>&nbsp;</a>", "line 1, column 4: the entity '&nbsp;' is not defined"),
        ("<a b='x & y'/>", "line 1, column 9: '&' does not begin a reference"),
        ("<a b='&'/>", "line 1, column 7: '&' does not begin a reference"),
        ("<a b='&#0;'/>", "line 1, column 7: the character reference '&#0;' is not a character of XML"),
        ("<a b='&#xD800;'/>", "line 1, column 7: the character reference '&#xD800;' is not a character of XML"),
        ("<a b='&#+65;'/>", "line 1, column 7: the character reference '&#+65;' is not a character of XML"),
        ("<a b='&#x+1;'/>", "line 1, column 7: the character reference '&#x+1;' is not a character of XML"),
        ("<a>]]></a>", "line 1, column 4: ']]>' stands in text"),
        ("<!-- -- --><a/>", "line 1, column 6: '--' stands inside a comment"),
        ("<!-- --->", "line 1, column 6: '--' stands inside a comment"),
        ("<!-- ", "line 1, column 6: the text ends inside a comment"),
        ("<a><![CDATA[ ]]", "line 1, column 16: the text ends inside CDATA"),
        ("<?p", "line 1, column 4: the text ends inside a processing instruction"),
        ("<?a:b?><a/>", "line 1, column 1: the processing instruction is malformed"),
        ("<?xmlish?><a/>", "line 1, column 1: the processing instruction is malformed"),
        ("<?xml version='1.1'?><a/>", "line 1, column 1: the XML declaration is malformed"),
        ("<a xmlns:x='u'><x:.a/></a>", "line 1, column 17: a name is expected here"),
        ("<?1?><a/>", "line 1, column 1: the processing instruction is malformed"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "line 1, column 1: there is a document type declaration"),
        ("<!doctype a><a/>", "line 1, column 1: '<!' begins neither a comment nor CDATA"),
        (" <?xml version='1.0'?><a/>", "line 1, column 2: the XML declaration is malformed"),
        ("<?xml?><a/>", "line 1, column 1: the XML declaration is malformed"),
        ("<?xml version='2.0'?><a/>", "line 1, column 1: the XML declaration is malformed"),
        ("<?xml version='1.0' standalone='1'?><a/>", "line 1, column 1: the XML declaration is malformed"),
        ("<?xml version='1.0' encoding='utf-16'?><a/>", "line 1, column 1: the text declares the encoding 'utf-16'"),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a b='ü'/>", "line 1, column 1: the text declares the encoding 'iso-8859-1'"),
        ("<x:a/>", "line 1, column 1: the namespace prefix 'x' is not declared"),
        ("<a>\n<b x:c='1'/></a>", "line 2, column 1: the namespace prefix 'x' is not declared"),
        ("<:a/>", "line 1, column 2: a name is expected here"),
    ];
    for (text, expected) in cases {
        let error = fault(text.as_bytes());
        assert_eq!(error.to_string(), *expected, "{text}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn an_ascii_text_may_declare_an_ascii_encoding() {
    parse("<?xml version='1.0' encoding='ISO-8859-1'?><a/>");
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_offset() {
    let error = fault(b"<a>\n<b c='\xC3\x28'/></a>");
    assert_eq!(
        error.to_string(),
        "line 2, column 7: the text is not UTF-8 at byte offset 10"
    );
    let compressed = fault(b"BZh91AY&SY\xff\x00");
    assert!(compressed.hint().contains("compressed"));
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        bytes: 200,
        depth: 3,
        attributes: 2,
        name_bytes: 4,
        value_bytes: 5,
    };
    let with = |text: &str| {
        Document::parse(text.as_bytes(), &limits)
            .map(|_| ())
            .map_err(|e| e.kind)
    };
    assert_eq!(with("<a><a><a/></a></a>"), Ok(()));
    assert_eq!(
        with("<a><a><a><a/></a></a></a>"),
        Err(ErrorKind::TooDeep { limit: 3 })
    );
    assert_eq!(with("<abcd/>"), Ok(()));
    assert_eq!(with("<abcde/>"), Err(ErrorKind::NameTooLong { limit: 4 }));
    assert_eq!(with("<a b='1' c='12345'/>"), Ok(()));
    assert_eq!(
        with("<a b='123456'/>"),
        Err(ErrorKind::ValueTooLong { limit: 5 })
    );
    assert_eq!(with("<a b='&lt;&lt;&lt;&lt;&lt;'/>"), Ok(()));
    let many = ErrorKind::TooManyAttributes {
        element: "a".into(),
        limit: 2,
    };
    assert_eq!(with("<a b='' c='' d=''/>"), Err(many));
    assert_eq!(
        with(&" ".repeat(201)),
        Err(ErrorKind::TooLarge { limit: 200 })
    );
}

#[test]
fn depth_costs_no_stack() {
    let limits = Limits {
        depth: usize::MAX,
        ..Limits::default()
    };
    let depth = 200_000;
    let text = "<a>".repeat(depth) + &"</a>".repeat(depth);
    let document = Document::parse(text.as_bytes(), &limits).expect("well-formed");
    assert_eq!(document.subtree(document.root()).count(), depth);
    let mut copy = document.clone();
    let child = copy.first_child(copy.root()).expect("a child");
    copy.remove(child);
    assert_eq!(copy.to_xml(), "<a/>\n");
}

#[test]
fn positions_count_lines_and_characters() {
    let d = parse("<a>\n  <ü/><b c='d&amp;'\n e='f'/>\n</a>");
    let b = d.child(d.root(), "b").expect("b");
    assert_eq!(d.position(b), Some(Position { line: 2, column: 7 }));
    let name = |text: &str| d.find_name(text).expect("a name of the document");
    assert_eq!(
        d.attr_position(b, name("e")),
        Some(Position { line: 3, column: 5 })
    );
    assert_eq!(d.attr_position(b, name("c")), d.position(b));
}

#[test]
fn edits_change_what_they_name() {
    let mut d = parse("<a><b id='1'/><c/></a>");
    let (b, c) = (
        d.child(d.root(), "b").expect("b"),
        d.child(d.root(), "c").expect("c"),
    );
    d.set_attr(b, "id", "2");
    d.set_attr(b, "new", "x\"<\n>");
    let before = d.insert_before(c, "before");
    d.set_attr(before, "k", "v");
    let last = d.append(d.root(), "last");
    d.append(last, "leaf");
    d.copy_subtree(last, c);
    d.rename(c, "see");
    d.rename_attr(b, names::ID, "name");
    assert_eq!(d.position(before), None);
    assert_eq!(
        d.to_xml(),
        "<a>\n  <b name=\"2\" new=\"x&quot;&lt;&#x0A;&gt;\"/>\n  <before k=\"v\"/>\n  <see>\n    <last>\n      \
         <leaf/>\n    </last>\n  </see>\n  <last>\n    <leaf/>\n  </last>\n</a>\n"
    );
    d.move_before(last, b);
    d.move_to(b, c);
    d.remove(before);
    assert_eq!(
        d.remove_attr(b, d.find_name("new").expect("new"))
            .as_deref(),
        Some("x\"<\n>")
    );
    let expected = "<a>\n  <last>\n    <leaf/>\n  </last>\n  <see>\n    <last>\n      <leaf/>\n    </last>\n    \
                    <b name=\"2\"/>\n  </see>\n</a>\n";
    assert_eq!(d.to_xml(), expected);
    assert_consistent(&d);
    let mut packed = d.clone();
    packed.compact();
    assert_eq!(packed.to_xml(), expected);
    assert_eq!(packed.stale_bytes(), 0);
    assert_eq!(packed.element_count(), 7);
    assert_consistent(&packed);
}

#[test]
fn subtrees_copy_between_documents() {
    let from = parse("<x><y a='1'><z/><z b='2'><w/></z></y><y/></x>");
    let mut to = Document::new("cib");
    let y = from.child(from.root(), "y").expect("y");
    let copy = to.copy_from(&from, y, to.root());
    to.append(to.root(), "after");
    assert_eq!(to.name(copy), "y");
    assert_eq!(
        to.to_xml(),
        "<cib>\n  <y a=\"1\">\n    <z/>\n    <z b=\"2\">\n      <w/>\n    </z>\n  </y>\n  <after/>\n</cib>\n"
    );
    assert_consistent(&to);
}

#[test]
fn replacing_values_over_and_over_needs_bounded_room() {
    let mut d = parse("<a b='1'/>");
    let long = "x".repeat(1000);
    for round in 0..10_000 {
        d.set_attr(d.root(), "b", &format!("{long}{round}"));
        assert!(d.stale_bytes() < 1 << 20);
    }
    assert_eq!(d.attr(d.root(), "b"), Some(format!("{long}9999").as_str()));
}

#[test]
fn ids_are_found_by_element_name() {
    let d =
        parse("<a><b id='1'/><c id='1'/><b id='2'/><b id='2'/><b id-ref='1'/><b id-ref='2'/></a>");
    let index = IdIndex::new(&d);
    let children: Vec<ElementId> = d.children(d.root()).collect();
    let b = d.name_of(children[0]);
    assert_eq!(index.find(&d, b, "1"), Some(children[0]));
    assert_eq!(index.find(&d, b, "2"), None);
    assert_eq!(index.all(&d, b, "2").collect::<Vec<_>>(), children[2..4]);
    assert_eq!(index.find(&d, b, "3"), None);
    assert_eq!(index.resolve(&d, children[4]), Some(children[0]));
    assert_eq!(index.referent(&d, children[5]), Referent::Missing);
    assert_eq!(index.referent(&d, children[0]), Referent::Itself);
}

#[test]
fn sections_must_be_the_only_ones() {
    let d = parse("<cib><nodes/><x><tags/></x><tags/></cib>");
    assert!(d.only(names::NODES).is_some());
    assert_eq!(d.only(names::TAGS), None);
    assert_eq!(d.only(names::STATUS), None);
}

/// Texts that were cut, doubled and had bytes replaced never make the scanner panic, and what it
/// accepts another reader finds the same tags in.
#[test]
fn damaged_texts_are_refused_or_read_as_others_read_them() {
    let seed_text = "<?xml version=\"1.0\"?><cib epoch='1' a=\"x &lt; y\"><!-- c --><nodes><node id=\"n-1\" \
                     uname='ü'/></nodes>\n<status> t <![CDATA[ d ]]> &#65;</status></cib>";
    let mut state = 0x5EED_u64;
    println!("seed {state:#x}");
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let replacements = b"<>/'\"&;!-[]? =a\x00\xC3\n";
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut bytes = seed_text.as_bytes().to_vec();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes.truncate(at + 1),
                1 => bytes[at] = replacements[random(replacements.len())],
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, replacements[random(replacements.len())]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(document) = Document::parse(&bytes, &Limits::default()) {
            accepted += 1;
            assert_eq!(
                tags_by_quick_xml(&bytes),
                tags(&document),
                "{}",
                bytes.escape_ascii()
            );
            let again = parse(&document.to_xml());
            assert_eq!(tags(&again), tags(&document));
        }
    }
    assert!(accepted > 1000, "only {accepted} texts stayed well-formed");
}

type Tag = (String, Vec<(String, String)>);

fn tags(document: &Document) -> Vec<Tag> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    document
        .subtree(document.root())
        .map(|e| {
            (
                document.name(e).to_owned(),
                document.attrs(e).map(owned).collect(),
            )
        })
        .collect()
}

fn tags_by_quick_xml(bytes: &[u8]) -> Vec<Tag> {
    use quick_xml::events::Event;
    let text = std::str::from_utf8(bytes).expect("UTF-8, as it was accepted");
    let mut reader = quick_xml::Reader::from_str(text);
    let mut tags = Vec::new();
    loop {
        match reader
            .read_event()
            .expect("well-formed, as it was accepted")
        {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.expect("a well-formed attribute");
                    let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
                    (
                        attribute.key.as_ref().to_owned(),
                        value.expect("known references").into_owned(),
                    )
                });
                tags.push((name, attributes.collect()));
            }
            Event::Eof => return tags,
            _ => {}
        }
    }
}
