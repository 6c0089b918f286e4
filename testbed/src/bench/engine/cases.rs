//! Many small CIBs: what does a process cost before and beside planning?
//!
//! A small plan takes a thousandth of a second, in which it matters what ran before: the first of several
//! runs finds in the processor's caches what the other side left there, those after it what they left
//! themselves. So each side runs each case some times in a row, one side as often as the other, and
//! the table tells what the first runs were as well.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::process::{Cost, Run};
use super::{Bench, LIMIT, ratio, time};

/// How often all cases are measured: a machine that is shared is slow for minutes, not only for a moment.
const ROUNDS: u32 = 2;
/// How often a side runs after the first time, in each round.
const MORE: u32 = 2;

/// The lowest of many ratios are mostly those that were disturbed most, so this many are measured again,
const AGAIN: usize = 48;
/// this often.
const AGAIN_ROUNDS: u32 = 8;

/// How many of the lowest ratios are listed.
const LISTED: usize = 12;

/// What both sides took for one case.
#[derive(Clone, Copy)]
struct Sides {
    engine: Cost,
    peer: Cost,
}

impl Sides {
    fn lowest(self, other: Sides) -> Sides {
        Sides {
            engine: self.engine.lowest(other.engine),
            peer: self.peer.lowest(other.peer),
        }
    }

    fn ratio(self) -> f64 {
        ratio(self.peer.wall_us, self.engine.wall_us)
    }
}

/// The lowest of what a case took.
#[derive(Clone, Copy)]
struct Lowest {
    /// When the other side had run before.
    first: Sides,
    /// Of all runs.
    any: Sides,
}

impl Lowest {
    fn lowest(self, other: Lowest) -> Lowest {
        Lowest {
            first: self.first.lowest(other.first),
            any: self.any.lowest(other.any),
        }
    }
}

/// A CIB that neither side refuses.
struct Case {
    file: PathBuf,
    lowest: Lowest,
}

impl Case {
    fn name(&self) -> String {
        let name = self.file.file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn measure_again(&mut self, bench: &Bench<'_>) -> io::Result<()> {
        // That it does not end this time tells nothing about how fast it is.
        if let Some(now) = once(bench, &self.file)? {
            self.lowest = self.lowest.lowest(now);
        }
        Ok(())
    }
}

/// Measures every CIB of a folder.
pub(super) fn measure(bench: &Bench<'_>, folder: &Path) -> io::Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "xml"));
    files.sort();
    if bench.settings.quick {
        files = files.into_iter().step_by(20).collect();
    }
    let all = files.len();
    let mut cases = Vec::new();
    for file in files {
        if let Some(lowest) = once(bench, &file)? {
            cases.push(Case { file, lowest });
        }
    }
    for _ in 1..ROUNDS {
        for case in &mut cases {
            case.measure_again(bench)?;
        }
    }
    let by_ratio = |a: &Case, b: &Case| a.lowest.any.ratio().total_cmp(&b.lowest.any.ratio());
    cases.sort_by(by_ratio);
    for _ in 0..bench.runs(AGAIN_ROUNDS).get() {
        for case in cases.iter_mut().take(AGAIN) {
            case.measure_again(bench)?;
        }
    }
    let sum = |of: fn(&Sides) -> u64| cases.iter().map(|case| of(&case.lowest.any)).sum();
    let engine_us: u64 = sum(|sides| sides.engine.wall_us);
    let peer_us: u64 = sum(|sides| sides.peer.wall_us);
    bench.say(format!(
        "\n{} cases of {}: {} in all, the peer {}: {:.0}×",
        cases.len(),
        folder.display(),
        time(engine_us),
        time(peer_us),
        ratio(peer_us, engine_us)
    ));
    if cases.len() < all {
        bench.say(format!(
            "{} more that one of the two refused or did not end",
            all - cases.len()
        ));
    }
    tell(bench, &cases, "", |lowest| lowest.any);
    tell(bench, &cases, "of the first runs, ", |lowest| lowest.first);
    Ok(())
}

/// Runs each side on one file, if neither refuses it and both end.
fn once(bench: &Bench<'_>, file: &Path) -> io::Result<Option<Lowest>> {
    let Some((engine_first, engine)) = in_a_row(|runs| bench.plan(file, runs))? else {
        return Ok(None);
    };
    let Some((peer_first, peer)) = in_a_row(|runs| bench.peer(file, runs, LIMIT))? else {
        return Ok(None);
    };
    Ok(Some(Lowest {
        first: Sides {
            engine: engine_first,
            peer: peer_first,
        },
        any: Sides { engine, peer },
    }))
}

/// What a side takes the first time, and of all times at least.
fn in_a_row(run: impl Fn(u32) -> io::Result<Run>) -> io::Result<Option<(Cost, Cost)>> {
    let Run::Done(first) = run(1)? else {
        return Ok(None);
    };
    let Run::Done(more) = run(MORE)? else {
        return Ok(None);
    };
    Ok(Some((first, first.lowest(more))))
}

/// Says how the two sides compare, and where least.
fn tell(bench: &Bench<'_>, cases: &[Case], which: &str, of: fn(&Lowest) -> Sides) {
    let ratios = cases.iter().map(|case| (of(&case.lowest).ratio(), case));
    let mut ratios: Vec<(f64, &Case)> = ratios.collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some((median, _)) = ratios.get(ratios.len() / 2) else {
        return;
    };
    let below = ratios.iter().filter(|(ratio, _)| *ratio < 20.0).count();
    bench.say(format!(
        "{which}the median is {median:.0}×; below 20× are {below}"
    ));
    for (ratio, case) in ratios.iter().take(LISTED) {
        bench.say(format!("    {ratio:>5.1}×  {}", case.name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_of_each_side_counts() {
        let cost = |us| Cost {
            wall_us: us,
            cpu_us: us,
            peak_kib: us,
        };
        let sides = |engine, peer| Sides {
            engine: cost(engine),
            peer: cost(peer),
        };
        let lowest = sides(2, 90).lowest(sides(3, 60));
        assert_eq!((lowest.engine.wall_us, lowest.peer.wall_us), (2, 60));
        assert!((lowest.ratio() - 30.0).abs() < f64::EPSILON);
    }
}
