//! A planted bug: an engine that forgets to wait for fencing. This target *must* fail: if it does
//! not, then the others prove nothing either. `.ci/fuzz` sees to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::graph::Graph;
use lockstep_fuzz::checks::plan_and_carry_out;
use lockstep_fuzz::scene::Scene;

fuzz_target!(|scene: Scene| plan_and_carry_out(&scene, wait_for_no_fencing));

fn wait_for_no_fencing(graph: &mut Graph) {
    if !graph.synapses.iter().any(|s| s.action.task == "stonith") {
        return;
    }
    for synapse in &mut graph.synapses {
        if synapse.action.task == "start" {
            synapse.inputs.clear();
        }
    }
}
