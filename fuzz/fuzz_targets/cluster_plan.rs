//! Clusters with structure: planning never panics, gives the same bytes twice, and `audit` accepts
//! the plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::audit::{Finding, audit};
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::Timestamp;
use lockstep_engine::{Cluster, encode};
use lockstep_fuzz::Scene;

fuzz_target!(|scene: Scene| {
    let text = scene.to_cib();
    let cib = Document::parse(text.as_bytes(), &Limits::default()).expect("scenes are well-formed");
    let now = Timestamp::utc(1_700_000_000);
    let Ok(cluster) = Cluster::read(&cib, now) else {
        return;
    };
    let plan = cluster
        .plan(&cib, now)
        .expect("what can be read can be planned for");
    let again = Cluster::read(&cib, now)
        .and_then(|cluster| cluster.plan(&cib, now))
        .expect("as before");
    assert_eq!(
        encode::graph_xml(&plan.graph),
        encode::graph_xml(&again.graph),
        "{text}"
    );
    for finding in audit(&cib, &cluster, &plan.graph) {
        // Orderings that contradict each other make loops; that is for whoever wrote them.
        if !matches!(
            finding,
            Finding::Loop { .. } | Finding::WaitsForNothing { .. }
        ) {
            panic!("{finding}\n{text}");
        }
    }
});
