//! Clusters with structure: planning never panics and gives the same bytes twice; `audit` accepts
//! the plan, and the one that follows when it is carried out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_fuzz::checks::plan_and_carry_out;
use lockstep_fuzz::scene::Scene;

fuzz_target!(|scene: Scene| plan_and_carry_out(&scene, |_| ()));
