//! Placement as a whole: small clusters in `testdata/assign`, each with the scores that Pacemaker
//! shows for it.

use std::path::PathBuf;

use super::{Placement, assign_into};
use crate::Cluster;
use crate::constraint::{self, Constraints};
use crate::parse::{Document, Limits};
use crate::score::{Ledger, ScoreTable};
use crate::time::Timestamp;

/// A cluster with the documents it was read from.
struct Case {
    document: Document,
    cluster: Cluster,
    constraints: Constraints,
    now: Timestamp,
}

impl Case {
    fn read(xml: &str) -> Case {
        let document = Document::parse(xml.as_bytes(), &Limits::default()).expect("well-formed");
        let now = document.attr(document.root(), "execution-date");
        let now = Timestamp::utc(now.map_or(0, |now| now.parse().expect("seconds")));
        let cluster = Cluster::read(&document, now).expect("a configuration");
        let constraints = constraint::unpack(&document, &cluster.config, &cluster.state, now);
        Case {
            document,
            cluster,
            constraints,
            now,
        }
    }

    fn assign(&self) -> Placement {
        let cluster = &self.cluster;
        let world = cluster.world(&self.document, &self.constraints, self.now);
        assign_into(world, Ledger::recording())
    }

    fn lines(&self, placement: &Placement) -> String {
        let world = self
            .cluster
            .world(&self.document, &self.constraints, self.now);
        let lines = placement.report.lines(world, true, true);
        lines
            .iter()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    /// Where a primitive goes.
    fn node_of(&self, placement: &Placement, id: &str) -> Option<&str> {
        let state = &self.cluster.state;
        let (resource, _) = state
            .resources
            .enumerate()
            .find(|(_, resource)| resource.id == id)
            .expect("a known resource");
        let node = placement.resource[resource].node?;
        Some(&state.nodes[node].name)
    }
}

/// Names of the cases with their files, without extension.
fn cases() -> Vec<(String, PathBuf)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/assign");
    let files = std::fs::read_dir(folder).expect("a folder of cases");
    let mut cases: Vec<(String, PathBuf)> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .map(|path| {
            (
                path.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                path,
            )
        })
        .collect();
    cases.sort();
    cases
}

fn read(path: &PathBuf) -> String {
    std::fs::read_to_string(path).expect("a readable case")
}

#[test]
fn scores_are_those_that_pacemaker_shows() {
    let cases = cases();
    assert!(cases.len() >= 30, "only {} cases found", cases.len());
    let mut failed = Vec::new();
    for (name, path) in cases {
        let case = Case::read(&read(&path));
        let expected = read(&path.with_extension("scores"));
        let shown = case.lines(&case.assign());
        if shown != expected {
            let lines = shown.lines().zip(expected.lines());
            let first = lines
                .into_iter()
                .find(|(shown, expected)| shown != expected);
            failed.push(format!(
                "{name}: shown and expected first differ in {first:#?}"
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
#[ignore = "writes the expected outputs anew: run it after a change that is meant, and look at the diff"]
fn update_expected_scores() {
    for (_, path) in cases() {
        let case = Case::read(&read(&path));
        let shown = case.lines(&case.assign());
        std::fs::write(path.with_extension("scores"), shown).expect("a writable case");
    }
}

#[test]
fn the_ledger_explains_every_score() {
    for (name, path) in cases() {
        let case = Case::read(&read(&path));
        let placement = case.assign();
        let state = &case.cluster.state;
        let mut tables: crate::id::Table<crate::id::ResourceId, ScoreTable> = state
            .resource
            .iter()
            .map(|resource| resource.allowed.clone())
            .collect();
        for entry in placement.ledger.entries() {
            let base = state.nodes[entry.node].base_score;
            let slot = tables[entry.resource].entry(entry.node, base);
            slot.score = entry.change.apply(slot.score);
        }
        for (resource, placed) in placement.resource.enumerate() {
            let scores = |table: &ScoreTable| -> Vec<_> {
                table
                    .iter()
                    .map(|(node, entry)| (node, entry.score))
                    .collect()
            };
            let id = &state.resources[resource].id;
            assert_eq!(
                scores(&tables[resource]),
                scores(&placed.allowed),
                "{id} in {name}"
            );
        }
    }
}

#[test]
fn the_same_cluster_is_placed_the_same_way_again() {
    for (name, path) in cases() {
        let case = Case::read(&read(&path));
        let (once, again) = (case.assign(), case.assign());
        assert_eq!(case.lines(&once), case.lines(&again), "{name}");
        assert_eq!(once.ledger.entries(), again.ledger.entries(), "{name}");
        assert_eq!(once.assigned, again.assigned, "{name}");
    }
}

fn cib(resources: &str, constraints: &str) -> String {
    let node = |id: u32| {
        format!(
            r#"<node_state id="{id}" uname="n{id}" in_ccm="true" crmd="online" join="member"
               expected="member"><lrm id="{id}"><lrm_resources/></lrm></node_state>"#
        )
    };
    format!(
        r#"<cib validate-with="pacemaker-4.0" have-quorum="1" execution-date="1700000000"><configuration>
           <crm_config><cluster_property_set id="options">
             <nvpair id="fencing" name="fencing-enabled" value="false"/>
           </cluster_property_set></crm_config>
           <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
           <resources>{resources}</resources><constraints>{constraints}</constraints>
           </configuration><status>{}{}</status></cib>"#,
        node(1),
        node(2),
    )
}

/// Pacemaker crashes on this one.
#[test]
fn what_is_in_a_bundle_can_be_colocated_with_the_bundle() {
    let case = Case::read(&cib(
        r#"<bundle id="b"><podman image="i" replicas="2"/><network ip-range-start="10.0.0.1"/>
           <primitive id="p" class="ocf" provider="heartbeat" type="Dummy"/></bundle>"#,
        r#"<rsc_colocation id="c" rsc="p" with-rsc="b" score="INFINITY"/>"#,
    ));
    let placement = case.assign();
    assert_eq!(case.node_of(&placement, "b-podman-0"), Some("n1"));
    assert_eq!(case.node_of(&placement, "b-podman-1"), Some("n2"));
    assert_eq!(case.node_of(&placement, "p:0"), Some("b-0"));
}

#[test]
fn a_long_chain_of_colocations_ends_on_one_node() {
    let count = 1_000;
    let id = |index| format!("r{index}");
    let resources: String = (0..count)
        .map(|index| {
            let id = id(index);
            format!(r#"<primitive id="{id}" class="ocf" provider="heartbeat" type="Dummy"/>"#)
        })
        .collect();
    let mut constraints: String = (1..count)
        .map(|index| {
            let (this, with) = (id(index - 1), id(index));
            format!(
                r#"<rsc_colocation id="c{index}" rsc="{this}" with-rsc="{with}" score="INFINITY"/>"#
            )
        })
        .collect();
    constraints += r#"<rsc_location id="l" rsc="r0" node="n2" score="1"/>"#;
    let case = Case::read(&cib(&resources, &constraints));
    let placement = case.assign();
    for index in 0..count {
        assert_eq!(
            case.node_of(&placement, &id(index)),
            Some("n2"),
            "{}",
            id(index)
        );
    }
}
