//! Runs simulated groups by seed: `sim 0..1000`, or one of them with all that happens in it:
//! `sim 42 --trace`.

use lockstep_consensus::sim::{Settings, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let trace = arguments.iter().any(|argument| argument == "--trace");
    let seeds = arguments
        .first()
        .ok_or("usage: sim SEED | FROM..TO [--trace]")?;
    let (from, to) = match seeds.split_once("..") {
        Some((from, to)) => (from.parse()?, to.parse()?),
        None => (seeds.parse::<u64>()?, seeds.parse::<u64>()? + 1),
    };
    let mut failed = 0;
    for seed in from..to {
        let settings = Settings {
            trace,
            ..Settings::new(seed)
        };
        match run(&settings) {
            Ok(summary) if trace => println!("{summary:#?}"),
            Ok(_) => {}
            Err(violation) => {
                failed += 1;
                println!("{violation}");
            }
        }
    }
    println!("{} seeds, {failed} failed", to - from);
    if failed > 0 {
        Err("promises were broken".into())
    } else {
        Ok(())
    }
}
