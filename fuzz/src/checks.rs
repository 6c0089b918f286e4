//! What must hold for every document and every plan?

use lockstep_engine::audit::{Finding, audit};
use lockstep_engine::graph::Graph;
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::simulate::{self, Settings};
use lockstep_engine::time::Timestamp;
use lockstep_engine::{Cluster, encode};

use crate::scene::Scene;

/// The time of all plans: results and events of the targets are from before or after it.
pub const NOW: Timestamp = Timestamp::utc(1_700_000_000);

/// Reads a text that must be a document.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), &Limits::default())
        .unwrap_or_else(|error| panic!("what was written cannot be read: {error}\n{text}"))
}

/// Writes a document and reads it again: nothing is lost or added.
///
/// # Panics
/// If something is.
#[must_use]
pub fn written_and_read(document: &Document) -> Document {
    let written = document.to_xml();
    let again = parse(&written);
    assert_eq!(written, again.to_xml(), "writing is stable");
    again
}

/// The graph for a document as XML; `None` if it is no configuration.
#[must_use]
pub fn graph_of(cib: &Document) -> Option<String> {
    let cluster = Cluster::read(cib, NOW).ok()?;
    let plan = cluster
        .plan(cib, NOW)
        .expect("what is read can be planned for");
    Some(encode::graph_xml(&plan.graph))
}

/// Plans, lets `audit` judge the plan, carries it out, plans and judges again. `tamper` may spoil
/// graphs before they are judged: the canary does.
///
/// # Panics
/// If a plan is not the same twice, or breaks a promise.
pub fn plan_and_carry_out(scene: &Scene, tamper: impl Fn(&mut Graph)) {
    let text = scene.to_cib();
    let mut cib = parse(&text);
    if !completes(&cib, &text, &tamper) {
        return;
    }
    let settings = Settings {
        schedule: true,
        execute: true,
        // Results are newer than anything in the CIB.
        wall_clock: NOW.seconds + 86_400,
        ..Settings::default()
    };
    simulate::run(&mut cib, NOW, &settings).expect("what was planned can be carried out");
    let carried_out = written_and_read(&cib);
    completes(&carried_out, &carried_out.to_xml(), &tamper);
}

/// Judges the plan for a document, of which `text` is the same. Whether there is one, and it completes:
/// orderings that contradict each other make loops; that is for whoever wrote them.
fn completes(cib: &Document, text: &str, tamper: impl Fn(&mut Graph)) -> bool {
    let Ok(cluster) = Cluster::read(cib, NOW) else {
        return false;
    };
    let plan = cluster
        .plan(cib, NOW)
        .expect("what is read can be planned for");
    let mut graph = plan.graph;
    assert_eq!(
        Some(encode::graph_xml(&graph)),
        graph_of(&parse(text)),
        "another plan for the same\n{text}"
    );
    tamper(&mut graph);
    // What waits for an action that cannot run is held back.
    let mut synapses = graph.synapses.iter();
    let mut completes = synapses.all(|synapse| synapse.missing_inputs.is_empty());
    for finding in audit(cib, &cluster, &graph) {
        match finding {
            Finding::Loop { .. } | Finding::WaitsForNothing { .. } => completes = false,
            finding => panic!("{finding}\n{text}"),
        }
    }
    completes
}
