//! `audit`: is every plan safe, and is nothing left to do once it is carried out?

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use lockstep_testbed::convergence::{Opinion, Peer, Verdict, examine};
use lockstep_testbed::differential::case::{Bases, Case};
use lockstep_testbed::say;

/// Check plans, carry them out, and plan again: for CIBs of a folder, and for clusters made at random
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with CIBs: they are examined, and edited at random
    #[arg(long, value_name = "FOLDER")]
    cases: Option<PathBuf>,
    /// How many clusters to make at random
    #[arg(long, default_value_t = 0)]
    count: u64,
    /// What they follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder with Pacemaker's `crm_simulate`, to ask where something is left to do
    #[arg(long, value_name = "FOLDER")]
    peer: Option<PathBuf>,
    /// Keep here what is not as it should be
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
}

/// How many clusters had which verdict.
#[derive(Default)]
struct Count {
    settle: u64,
    agree: u64,
    fail: u64,
    unjudged: u64,
    loops: u64,
    refused: u64,
    bad: u64,
}

impl Count {
    fn note(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Settles => &mut self.settle,
            Verdict::Remains(_, Opinion::Agrees) => &mut self.agree,
            Verdict::Remains(_, Opinion::Fails) => &mut self.fail,
            Verdict::Remains(_, Opinion::NotAsked) => &mut self.unjudged,
            Verdict::Loops => &mut self.loops,
            Verdict::Refused(_) => &mut self.refused,
            Verdict::Unsafe(_) | Verdict::Remains(_, Opinion::Differs) => &mut self.bad,
        } += 1;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.agree + self.fail + self.unjudged;
        writeln!(f, "{:6}  safe, and nothing is left to do", self.settle)?;
        writeln!(f, "{left:6}  safe, and something is always left to do")?;
        writeln!(f, "{:6}    of these for the peer as well", self.agree)?;
        writeln!(f, "{:6}    of these where the peer fails", self.fail)?;
        writeln!(f, "{:6}  orderings that contradict each other", self.loops)?;
        writeln!(f, "{:6}  refused", self.refused)?;
        write!(f, "{:6}  not as they should be", self.bad)
    }
}

/// Runs the command.
///
/// # Errors
/// If files cannot be read or written, or the peer cannot be run.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    let bases = match &args.cases {
        Some(folder) => Bases::of(folder)?,
        None => Bases::default(),
    };
    let peer = args.peer.as_deref().map(Peer::new).transpose()?;
    let mut count = Count::default();
    for case in Case::all(&bases, args.count, args.seed) {
        let case = case?;
        let name = case.name();
        let text = case.cib.to_xml();
        let verdict = examine(&text, &case.date, peer.as_ref())?;
        count.note(&verdict);
        match &verdict {
            Verdict::Unsafe(findings) => {
                say!("{name}: unsafe at {}: {}", case.date, findings.join("; "));
            }
            Verdict::Remains(left, Opinion::Differs) => {
                let left: Vec<&str> = left.iter().map(String::as_str).collect();
                say!("{name}: left to do at {}: {}", case.date, left.join(", "));
            }
            _ => {}
        }
        if let Some(folder) = args.save.as_ref().filter(|_| !verdict.is_good()) {
            std::fs::create_dir_all(folder)?;
            std::fs::write(folder.join(format!("{name}.xml")), text)?;
        }
    }
    say!("{count}");
    Ok(if count.bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
