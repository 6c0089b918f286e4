//! A planted bug: an engine that starts something twice once it has two things to start. This target *must* fail: if it does
//! not, then the others prove nothing either. `.ci/fuzz` sees to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::graph::Graph;
use lockstep_fuzz::checks::plan_and_carry_out;
use lockstep_fuzz::scene::Scene;

fuzz_target!(|scene: Scene| plan_and_carry_out(&scene, start_twice));

fn start_twice(graph: &mut Graph) {
    let starts = graph.synapses.iter().filter(|s| s.action.task == "start");
    if let Some(second) = starts.cloned().nth(1) {
        graph.synapses.push(second);
    }
}
