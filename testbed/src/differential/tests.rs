//! Is a case the same whenever it is made, are clusters of every kind made, and is a difference
//! found, made small and kept?

use std::cell::Cell;
use std::io;

use super::case::{Bases, Case};
use super::coverage::Coverage;
use super::exceptions::EXCEPTIONS;
use super::generate;
use super::generate::themes::{PLAIN, THEMES};
use super::known::Known;
use super::mutate::{self, mutate};
use super::planner::{Answer, Engine, Outputs, Planner, Wanted};
use super::random::Random;
use super::run::{Settings, Trial};
use super::tree::Element;

fn case(seed: u64, index: u64) -> Case {
    Case::make(&Bases::default(), seed, index).expect("no files are read")
}

#[test]
fn a_case_follows_from_its_seed_and_number() {
    for index in 0..20 {
        let (one, two) = (case(7, index), case(7, index));
        assert_eq!(one.cib, two.cib, "seed 7, case {index}");
        assert_eq!(
            (one.date, one.story),
            (two.date, two.story),
            "seed 7, case {index}"
        );
    }
    assert_ne!(case(7, 0).cib, case(7, 1).cib);
    assert_ne!(case(7, 0).cib, case(8, 0).cib);
}

#[test]
fn every_kind_of_thing_is_made() {
    const KINDS: [&str; 24] = [
        "primitive",
        "group",
        "clone",
        "bundle",
        "template",
        "rsc_location",
        "rsc_colocation",
        "rsc_order",
        "rsc_ticket",
        "resource_set",
        "rule",
        "date_expression",
        "fencing-level",
        "utilization",
        "tag",
        "ticket_state",
        "transient_attributes",
        "lrm_rsc_op",
        "rsc_defaults",
        "op_defaults",
        "op",
        "storage-mapping",
        "port-mapping",
        "date_spec",
    ];
    let cases: Vec<Case> = (0..150).map(|index| case(11, index)).collect();
    for kind in KINDS {
        let made = cases
            .iter()
            .any(|case| !case.cib.find_all(|e| e.name == kind).is_empty());
        assert!(made, "no {kind} in 150 cases of seed 11");
    }
    let named = |name: &str| {
        cases.iter().any(|case| {
            !case
                .cib
                .find_all(|e| e.get("name") == Some(name))
                .is_empty()
        })
    };
    assert!(named("remote-node") && named("promotable") && named("globally-unique"));
}

#[test]
fn edits_change_what_they_say() {
    let mut random = Random::new(3);
    for _ in 0..50 {
        let mut cib = generate::configured(&mut random, &PLAIN);
        let before = cib.clone();
        let done = mutate(&mut random, &mut cib, 1, &PLAIN);
        assert!(done.len() <= 1);
        assert!(
            done.len() == 1 || cib == before,
            "an edit that was not told"
        );
    }
}

#[test]
fn the_engine_answers_for_clusters_from_nothing() {
    let planned = (0..20).filter(|index| {
        let case = case(5, *index);
        let answer = Engine
            .plan(&case.cib.to_xml(), &case.date, Wanted::ALL)
            .expect("no files are read");
        matches!(answer, Answer::Planned(outputs) if outputs.graph.contains("transition_graph"))
    });
    assert!(planned.count() > 15);
}

/// A peer that says `odd` of every cluster with a clone, and nothing of others.
struct Fake<'a> {
    odd: &'a str,
    asked: Cell<usize>,
}

impl Planner for Fake<'_> {
    fn version(&self) -> &str {
        self.odd
    }

    fn plan(&self, cib: &str, _: &str, _: Wanted) -> io::Result<Answer> {
        self.asked.set(self.asked.get() + 1);
        let scores = if cib.contains("<clone ") {
            self.odd
        } else {
            ""
        };
        Ok(Answer::Planned(Outputs {
            scores: scores.to_owned(),
            ..Outputs::default()
        }))
    }
}

#[test]
fn a_difference_is_found_made_small_and_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = Settings {
        peer: "peer".into(),
        cases: "cases".into(),
        count: 1,
        first: 0,
        seed: 7,
        jobs: 1,
        known: None,
        save: Some(folder.path().to_owned()),
        each: 1,
        shrink_budget: 500,
    };
    let fake = |odd| Fake {
        odd,
        asked: Cell::new(0),
    };
    let trial = Trial {
        settings: &settings,
        peer: fake("a: 1\n"),
        engine: fake("a: 2\n"),
        known: &Known::default(),
    };
    let case = (0..)
        .map(|index| case(7, index))
        .find(|case| !case.cib.find_all(|e| e.name == "clone").is_empty());
    let case = case.expect("an endless supply");
    let report = std::sync::Mutex::default();
    trial
        .run(&case, &report, &|_| {})
        .expect("only the temporary folder is written");

    let report = report.into_inner().expect("no thread panicked");
    assert_eq!((report.tried, report.differing()), (1, 1));
    let signature = report.differences.keys().next().expect("one difference");
    assert_eq!(signature, "scores: peer a:# | engine a:#");
    let kept = folder.path().join(format!("scores-7-{}", case.index));
    let small = std::fs::read_to_string(kept.join("cib.xml")).expect("it was kept");
    assert!(
        small.contains("<clone ") && small.lines().count() < 15,
        "not small:\n{small}"
    );
    let story = std::fs::read_to_string(kept.join("story")).expect("it was kept");
    assert!(story.contains("only peer: a:1") && story.contains("--seed 7"));
    assert!(trial.peer.asked.get() > 5);

    let agreeing = Trial {
        settings: &settings,
        peer: fake("a: 1\n"),
        engine: fake("a: 1\n"),
        known: &Known::default(),
    };
    let report = std::sync::Mutex::default();
    agreeing
        .run(&case, &report, &|_| {})
        .expect("nothing is written");
    assert_eq!(
        report.into_inner().expect("no thread panicked").differing(),
        0
    );
}

#[test]
fn elements_survive_being_written_and_read() {
    let tree = Element::new("cib")
        .with("a", "<\"&'\n>")
        .containing(Element::new("status"));
    let text = tree.to_xml();
    let document = lockstep_engine::parse::Document::parse(text.as_bytes(), &Default::default());
    let document = document.expect("what was written can be read");
    assert_eq!(Element::of(&document, document.root()), tree);
}

#[test]
fn exceptions_are_told_of_in_the_documentation() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/differences.md");
    let page = std::fs::read_to_string(page).expect("the page of differences");
    let told: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .filter(|heading| !heading.contains(' '))
        .collect();
    let named: Vec<&str> = EXCEPTIONS.iter().map(|exception| exception.name).collect();
    assert_eq!(told, named);
}

#[test]
fn themes_draw_from_edits_that_there_are() {
    for theme in THEMES {
        for edit in theme.edits {
            assert!(mutate::is_known(edit), "{}: no edit {edit}", theme.name);
        }
    }
}

#[test]
fn every_feature_is_drawn() {
    let mut coverage = Coverage::default();
    for index in 0..600 {
        coverage.add(&case(12, index).cib);
    }
    // What only clusters have that were edited from others.
    let rare = ["bundle in history", "remote node fenced"];
    let missing: Vec<&str> = coverage
        .missing()
        .filter(|name| !rare.contains(name))
        .collect();
    assert_eq!(missing, [""; 0], "in 600 clusters of seed 12");
}

#[test]
fn a_peer_that_cannot_be_run_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = Settings {
        peer: folder.path().join("nothing"),
        cases: folder.path().to_owned(),
        count: 1,
        first: 0,
        seed: 1,
        jobs: 1,
        known: None,
        save: None,
        each: 1,
        shrink_budget: 1,
    };
    for peer in [folder.path().join("nothing"), "/bin/true".into()] {
        let settings = Settings {
            peer,
            ..settings.clone()
        };
        let error = super::run::run(&settings, &|_| {}).expect_err("no peer");
        assert!(error.to_string().contains("cannot be run"), "{error}");
    }
}

#[test]
fn what_is_known_is_not_asked_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("known");
    let answer = |scores: &str| {
        Answer::Planned(Outputs {
            scores: scores.to_owned(),
            ..Outputs::default()
        })
    };
    let known = Known::of(&file).expect("a new file");
    assert!(!known.is(1, &answer("a: 1\n")));
    known.note(1, &answer("a: 1\n")).expect("written");
    let broken = Answer::Broken("by a signal".to_owned());
    known.note(2, &broken).expect("left out");
    let again = Known::of(&file).expect("the same file");
    assert!(again.is(1, &answer("a: 1\n")) && !again.is(1, &answer("a: 2\n")));
    assert!(!again.is(2, &broken) && !again.is(3, &answer("a: 1\n")));
}
