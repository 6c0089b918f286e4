//! How long does each pass take, and a whole plan, for each family of clusters?
//!
//!     cargo bench -p lockstep-engine [-- FAMILY]
//!
//! Prints the fastest of some runs, in milliseconds. Nothing is judged here: the testbed's
//! `bench engine` measures whole processes beside Pacemaker's.

// Plain text that knows nothing of the testbed, which depends on the engine.
#[path = "../../testbed/src/bench/families/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "the testbed uses more of it")]
mod families;

use std::hint::black_box;

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::Timestamp;
use lockstep_engine::{
    Cluster, action, assign, config, constraint, encode, graph, schema, settle, state,
};

/// In the order of the columns.
const PASSES: [&str; 11] = [
    "parse",
    "upgrade",
    "resolve",
    "unpack",
    "constrain",
    "assign",
    "act",
    "settle",
    "graph",
    "encode",
    "all",
];
/// A family is run so often, or so long.
const RUNS: usize = 15;
const MAX_MS: f64 = 3000.0;

fn main() {
    // Cargo gives `--bench` to every benchmark.
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    print!("{:14}{:>6}", "family", "size");
    PASSES.iter().for_each(|pass| print!("{pass:>10}"));
    println!("   (ms)");
    for family in families::ALL {
        if only
            .as_ref()
            .is_some_and(|name| !family.name.contains(name))
        {
            continue;
        }
        for size in [family.size, family.size * 2] {
            let times = measure(&(family.make)(size));
            print!("{:14}{size:>6}", family.name);
            times.iter().for_each(|ms| print!("{ms:>10.3}"));
            println!();
        }
    }
}

/// The fastest time of each pass.
fn measure(cib: &str) -> [f64; PASSES.len()] {
    let mut best = [f64::INFINITY; PASSES.len()];
    let mut spent = 0.0;
    for _ in 0..RUNS {
        let times = run(cib);
        for (best, ms) in best.iter_mut().zip(times) {
            *best = best.min(ms);
        }
        spent += times[PASSES.len() - 1];
        if spent > MAX_MS {
            break;
        }
    }
    best
}

fn run(cib: &str) -> [f64; PASSES.len()] {
    let mut lap = Lap::new();
    let now = Timestamp::utc(1_767_225_600);
    let parsed = Document::parse_owned(cib.as_bytes().to_owned(), &Limits::default());
    let mut document = parsed.expect("a family makes well-formed documents");
    lap.next();
    schema::upgrade(&mut document).expect("a family makes valid CIBs");
    lap.next();
    let mut config = config::resolve(&document, now).expect("a family makes configurations");
    lap.next();
    let state = state::unpack(&document, &mut config, now);
    lap.next();
    let constraints = constraint::unpack(&document, &config, &state, now);
    lap.next();
    let cluster = Cluster { config, state };
    let world = cluster.world(&document, &constraints, now);
    let placement = assign::assign(world);
    lap.next();
    let draft = action::act(world, &placement);
    lap.next();
    let settled = settle::settle(world, &placement, draft);
    lap.next();
    let transition = graph::build(world, &placement, settled);
    let (graph, _) = graph::describe(world, &placement, &transition);
    lap.next();
    black_box(encode::graph_xml(&graph));
    lap.next();
    lap.finish()
}

/// Times from one pass to the next: the processor's, so that other work on the machine counts for
/// little.
struct Lap {
    last_ms: f64,
    times: Vec<f64>,
}

impl Lap {
    fn new() -> Self {
        Self {
            last_ms: processor_ms(),
            times: Vec::new(),
        }
    }

    fn next(&mut self) {
        let now_ms = processor_ms();
        self.times.push(now_ms - self.last_ms);
        self.last_ms = now_ms;
    }

    fn finish(self) -> [f64; PASSES.len()] {
        let sum = self.times.iter().sum();
        let mut times = [sum; PASSES.len()];
        times[..self.times.len()].copy_from_slice(&self.times);
        times
    }
}

/// The time that the processor has given to this thread.
fn processor_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
