use super::*;
use crate::parse::Limits;

fn parse(xml: &str) -> Document {
    Document::parse(xml.as_bytes(), &Limits::default())
        .unwrap_or_else(|error| panic!("{xml}: {error}"))
}

/// A CIB of these resources and constraints.
fn cib(version: &str, resources: &str, constraints: &str) -> Document {
    parse(&format!(
        "<cib validate-with='pacemaker-{version}' admin_epoch='0' epoch='0' num_updates='0'>\
         <configuration><crm_config/><nodes/><resources>{resources}</resources>\
         <constraints>{constraints}</constraints></configuration><status/></cib>"
    ))
}

/// What is wrong with a document, without the place.
fn problem(document: &Document, version: &str) -> String {
    let version = Version::from_number(version).expect("a version");
    match validate(document, version) {
        Ok(()) => "valid".to_owned(),
        Err(violation) => format!("{}: {}", violation.element_text, violation.problem),
    }
}

/// Golden: `NAME.xml` becomes `NAME.upgraded.xml`, which says what Pacemaker makes of it
/// (`crm_simulate -x NAME.xml -I OUT`).
#[test]
fn documents_are_upgraded_as_the_peer_upgrades_them() {
    macro_rules! golden {
        ($($name:literal),*) => {
            [$((
                $name,
                include_str!(concat!("../../testdata/schema/", $name, ".xml")),
                include_str!(concat!("../../testdata/schema/", $name, ".upgraded.xml")),
            )),*]
        };
    }
    for (name, input, expected) in golden!["clones-and-nodes", "rules", "old-options", "old-acls"] {
        let mut document = parse(input);
        upgrade(&mut document).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(document.to_xml(), expected, "{name}");
        // There is nothing left to do.
        upgrade(&mut document).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(document.to_xml(), expected, "{name}");
    }
}

#[test]
fn versions_are_known_by_name_and_in_order() {
    let all: Vec<Version> = Version::all().collect();
    assert_eq!(
        (all[0], all[all.len() - 1]),
        (Version::FIRST, Version::LATEST)
    );
    for pair in all.windows(2) {
        assert!(pair[0] < pair[1]);
        assert_eq!(pair[0].next(), Some(pair[1]));
    }
    assert_eq!(Version::LATEST.next(), None);
    assert_eq!(
        Version::from_name("pacemaker-3.10").map(Version::number),
        Some("3.10")
    );
    assert!(Version::from_number("3.9") < Version::from_number("3.10"));
    for unknown in ["pacemaker-3.11", "3.10", "pacemaker-", ""] {
        assert_eq!(Version::from_name(unknown), None, "{unknown:?}");
    }
}

#[test]
fn violations_say_what_is_wrong() {
    const A: &str = "<primitive id='a' class='lsb' type='x'/>";
    let resources = |xml: &str| problem(&cib("4.0", xml, ""), "4.0");
    let constraints = |xml: &str| problem(&cib("4.0", A, xml), "4.0");
    assert_eq!(resources(A), "valid");
    assert_eq!(
        resources("<primitiv id='a'/>"),
        "primitiv 'a': element 'primitiv' is not allowed here, only primitive, template, group, \
         clone, bundle"
    );
    assert_eq!(
        resources("<primitive class='lsb' type='x'/>"),
        "primitive: attribute 'id' is missing"
    );
    assert_eq!(
        resources("<primitive id='a' class='ocf' type='x'/>"),
        "primitive 'a': attribute 'provider' is missing"
    );
    assert_eq!(
        resources("<primitive id='a'/>"),
        "primitive 'a': attribute 'class' or 'type' or 'template' is missing"
    );
    assert_eq!(
        resources("<primitive id='a' class='lsb' type='x' colour='red'/>"),
        "primitive 'a': attribute 'colour' is not allowed here, only id, class, provider, type, \
         template, description"
    );
    assert_eq!(
        resources("<primitive id='a' class='lsb' type='x' template='b'/>"),
        "primitive 'a': attribute 'template' does not go with the other attributes"
    );
    assert_eq!(
        resources("<primitive id='a' class='nagios' type='x'/>"),
        "primitive 'a': 'nagios' is not a valid 'class': it must be one of ocf, or one of lsb, \
         heartbeat, stonith, service, systemd"
    );
    assert_eq!(
        resources("<group id='g'/>"),
        "group 'g': it is not complete: primitive is missing"
    );
    assert_eq!(
        resources(&A.repeat(2)),
        "primitive 'a': the id 'a' is used more than once"
    );
    assert_eq!(
        constraints("<rsc_order id='o' first='a' then='b'/>"),
        "rsc_order 'o': 'then' refers to 'b', which does not exist"
    );
    assert_eq!(
        constraints("<rsc_location id='l' rsc='a' node='n' score='much'/>"),
        "rsc_location 'l': 'much' is not a valid 'score': it must be an integer, INFINITY or -INFINITY"
    );
    assert_eq!(
        problem(&parse("<cluster/>"), "4.0"),
        "cluster: the document is not a CIB: its outermost element must be 'cib'"
    );
    assert_eq!(
        problem(
            &parse(
                "<cib validate-with='pacemaker-4.0' admin_epoch='0' epoch='x' num_updates='0'/>"
            ),
            "4.0"
        ),
        "cib: 'x' is not a valid 'epoch': it must be an integer not below zero"
    );
    let anything = "<cib validate-with='none' admin_epoch='0' epoch='0' num_updates='0'><configuration>\
        <constraints/><crm_config/><nodes/><resources/></configuration><status a='b'><x id='1'/><x id='1'/></status></cib>";
    assert_eq!(problem(&parse(anything), "4.0"), "valid");
}

#[test]
fn violations_name_their_place() {
    let document =
        parse("<cib validate-with='pacemaker-4.0' admin_epoch='0'\n  epoch='x' num_updates='0'/>");
    let violation = validate(&document, Version::LATEST).expect_err("a bad epoch");
    assert_eq!(
        violation.to_string(),
        "line 2, column 10: cib: 'x' is not a valid 'epoch': it must be an integer not below zero"
    );
}

#[test]
fn versions_permit_what_they_introduced_and_have_not_dropped() {
    const A: &str = "<primitive id='a' class='lsb' type='x'/>";
    // Resources, constraints, first and last version in which they are valid.
    for (resources, constraints, first, last) in [
        (A, "", "1.0", "4.0"),
        (
            "<master id='m'><primitive id='a' class='lsb' type='x'/></master>",
            "",
            "1.0",
            "3.10",
        ),
        ("<template id='t' class='lsb' type='x'/>", "", "1.2", "4.0"),
        (
            "<bundle id='b'><docker image='x'/></bundle>",
            "",
            "2.8",
            "4.0",
        ),
        (
            "<bundle id='b'><docker image='x' masters='1'/></bundle>",
            "",
            "2.8",
            "3.10",
        ),
        (
            "<bundle id='b'><rkt image='x'/></bundle>",
            "",
            "2.10",
            "3.10",
        ),
        (
            "<bundle id='b'><podman image='x'/></bundle>",
            "",
            "3.2",
            "4.0",
        ),
        (
            A,
            "<rsc_location id='l' rsc-pattern='x' node='n' score='1'/>",
            "2.6",
            "4.0",
        ),
        (A, "<rsc_ticket id='t' rsc='a' ticket='x'/>", "1.2", "4.0"),
        (
            A,
            "<rsc_location id='l' rsc='a' node='n' score='1' resource-discovery='never'/>",
            "2.2",
            "4.0",
        ),
    ] {
        let document = cib("4.0", resources, constraints);
        let valid: Vec<&str> = Version::all()
            .filter(|&version| validate(&document, version).is_ok())
            .map(Version::number)
            .collect();
        assert_eq!(
            (valid.first(), valid.last()),
            (Some(&first), Some(&last)),
            "{resources} {constraints}"
        );
    }
}

#[test]
fn an_older_label_is_forgiven_and_a_newer_one_is_not() {
    let bundle = "<bundle id='b'><podman image='x'/></bundle>";
    let mut labelled_older = cib("2.0", bundle, "");
    let upgraded = upgrade(&mut labelled_older).expect("valid from 3.2 on");
    assert_eq!(upgraded.from.map(Version::number), Some("2.0"));
    assert_eq!(
        labelled_older.attr(labelled_older.root(), "validate-with"),
        Some("pacemaker-4.0")
    );
    let master = "<master id='m'><primitive id='a' class='lsb' type='x'/></master>";
    let mut labelled_newer = cib("4.0", master, "");
    let error = upgrade(&mut labelled_newer).expect_err("masters are gone");
    assert_eq!(error.to_string(), "CIB did not pass schema validation");
    assert!(error.position().is_some());
}

#[test]
fn documents_that_cannot_be_used_are_refused_and_stay_as_they_are() {
    let mut not_a_cib = parse("<cluster/>");
    let error = upgrade(&mut not_a_cib).expect_err("not a CIB");
    assert_eq!(
        error.to_string(),
        "Input is not a CIB (outermost element is cluster not cib)"
    );

    for (label, word) in [
        ("", "missing"),
        ("validate-with='pacemaker-0.6'", "unknown"),
    ] {
        let mut unlabelled = parse(&format!("<cib {label}/>"));
        let error = upgrade(&mut unlabelled).expect_err("no schema");
        let expected = format!(
            "Cannot validate CIB with {word} validate-with (manually edit to use a known schema)"
        );
        assert_eq!(error.to_string(), expected);
        assert!(error.position().is_some());
    }

    let mut invalid = cib("3.0", "<primitive/>", "");
    let before = invalid.to_xml();
    let error = upgrade(&mut invalid).expect_err("an invalid resource");
    assert_eq!(
        error.to_string(),
        "Cannot upgrade configuration (claiming pacemaker-3.0 schema) to at least pacemaker-4.0 \
         because it does not validate with any schema from pacemaker-3.0 to the latest"
    );
    assert_eq!(error.violation().map(|v| v.version.number()), Some("3.0"));
    assert_eq!(invalid.to_xml(), before);

    // What is in a dropped bundle cannot be constrained any more.
    let inner = "<bundle id='b'><rkt image='x'/><primitive id='a' class='lsb' type='x'/></bundle>";
    let location = "<rsc_location id='l' rsc='a' node='n' score='1'/>";
    let mut stuck = cib("3.0", inner, location);
    let before = stuck.to_xml();
    let error = upgrade(&mut stuck).expect_err("a dangling reference");
    assert!(
        error
            .to_string()
            .ends_with("because it would not upgrade past pacemaker-3.10"),
        "{error}"
    );
    assert!(!error.hint().is_empty());
    assert_eq!(stuck.to_xml(), before);
}

#[test]
fn a_document_may_want_no_validation() {
    let mut document = parse("<cib validate-with='none'><anything/></cib>");
    let upgraded = upgrade(&mut document).expect("not validated");
    assert_eq!(upgraded.from, None);
    assert_eq!(upgraded.notes.len(), 1);
    assert_eq!(
        document.attr(document.root(), "validate-with"),
        Some("none")
    );
}

/// References that go in circles, or that multiply, end the upgrade instead of filling the memory.
#[test]
fn references_in_circles_are_refused() {
    let location = "<rsc_location id='l' rsc='a'>\
        <rule id='r' score='0'><expression id='e' attribute='x' operation='defined'/><rule id-ref='r'/></rule>\
        <rule id='s' score='0'><expression id='f' attribute='x' operation='defined'/></rule></rsc_location>";
    let mut document = cib("3.10", "<primitive id='a' class='lsb' type='x'/>", location);
    assert!(matches!(
        upgrade(&mut document),
        Err(SchemaError::Stuck { .. })
    ));
}

/// One validator that goes from version to version, and remembers, says in each what a new one says.
#[test]
fn what_is_remembered_of_a_version_holds_in_the_others() {
    let attributes = "<meta_attributes id='m'><rule id='q' score='1' boolean-op='or'>\
        <expression id='e' attribute='a' operation='defined'/></rule>\
        <nvpair id='n' name='x' value='y'/></meta_attributes>";
    let primitive = |id: &str, inside: &str| {
        format!("<primitive id='{id}' class='ocf' provider='p' type='t'>{inside}</primitive>")
    };
    let colocation = "<rsc_colocation id='c' rsc='r' with-rsc='s' score='1'/>";
    let location = "<rsc_location id='l' rsc='r' node='a' score='1' resource-discovery='never'/>";
    let documents = [
        cib("1.0", &primitive("r", ""), ""),
        cib("1.0", &primitive("r", attributes), ""),
        cib("1.0", &primitive("r", attributes), colocation),
        cib(
            "1.0",
            &(primitive("r", attributes) + &primitive("s", "")),
            colocation,
        ),
        cib(
            "1.0",
            &(primitive("r", "") + &primitive("s", "")),
            &(colocation.to_owned() + location),
        ),
        cib("1.0", &primitive("n", attributes), ""),
        cib(
            "1.0",
            "<master id='m'><primitive id='r' class='lsb' type='t'/></master>",
            "",
        ),
        cib("1.0", "<bundle id='b'><podman image='i'/></bundle>", ""),
    ];
    for document in &documents {
        let mut remembering = validate::Validator::new(Version::FIRST);
        for version in Version::all() {
            remembering.set_version(version);
            let again = remembering.validate(document);
            let anew = validate::Validator::new(version).validate(document);
            match (again, anew) {
                // What is remembered may be known of fewer versions.
                (Ok(again), Ok(anew)) => assert!(again >= version && again <= anew, "{version:?}"),
                (again, anew) => assert_eq!(again, anew, "{version:?}"),
            }
        }
    }
}
