//! `lockstep history`: what was planned and why, and is it planned so again?
//!
//! The inputs come from the controller that is asked; the engine that runs on them is this
//! program's own. That both agree is what `replay` shows.

use lockstep_engine::encode::{self, graph_xml};
use lockstep_engine::graph::GraphActionKind;
use lockstep_engine::parse::Document;
use lockstep_engine::simulate::{self, Settings};
use lockstep_engine::time::{Date, Timestamp};
use lockstep_engine::{Cluster, Plan};
use serde::Serialize;

use super::live::Live;
use super::{Failure, Outcome, Target, explain, output};
use crate::clock;
use crate::exit::Exit;
use crate::http::types::{ProgressText, SavedPlanText, hex};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    lockstep history list                what was planned, and why\n  \
    lockstep history show 17             what plan 17 did, and how far it came\n  \
    lockstep history show                the same of the latest plan\n  \
    lockstep history replay 17           plan 17 again and compare\n  \
    lockstep history explain 17 db       why did it do that to db?\n  \
    lockstep history graph 17 --dot      its graph, for Graphviz\n  \
    lockstep history input 17 > cib.xml  what it was made from, for `lockstep simulate -x`")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the saved plans, the latest last
    #[command(after_help = "Example: lockstep history list -n 5")]
    List {
        /// So many of the latest
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        last: usize,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Show what a plan was to do, and how far it came
    #[command(after_help = "Example: lockstep history show 17")]
    Show {
        #[command(flatten)]
        which: Which,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a plan's graph, as XML or for Graphviz
    #[command(after_help = "Example: lockstep history graph 17 --dot")]
    Graph {
        #[command(flatten)]
        which: Which,
        /// For Graphviz
        #[arg(long)]
        dot: bool,
    },
    /// Print the CIB that a plan was made from
    #[command(after_help = "Example: lockstep history input 17")]
    Input {
        #[command(flatten)]
        which: Which,
    },
    /// Say why a plan did what it did: about a resource, a node or an action, or everything
    #[command(after_help = "Example: lockstep history explain 17 db")]
    Explain {
        /// The plan's number, as `history list` shows it
        plan: u64,
        #[command(flatten)]
        question: explain::Question,
        #[command(flatten)]
        target: Target,
    },
    /// Make a plan again from its saved input, and compare the digests
    #[command(after_help = "Example: lockstep history replay 17")]
    Replay {
        #[command(flatten)]
        which: Which,
        /// All that are saved
        #[arg(long, conflicts_with = "plan")]
        all: bool,
    },
}

/// Which plan.
#[derive(Debug, clap::Args)]
struct Which {
    /// Its number, as `history list` shows it; the latest if not given
    plan: Option<u64>,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(arguments: Args) -> Outcome {
    match arguments.command {
        Command::List { last, json, target } => list(&target, last, json),
        Command::Show { which, json } => show(&which, json),
        Command::Graph { which, dot } => {
            let (live, told) = find(&which)?;
            let saved = Saved::read(&live, told)?;
            let (cluster, plan) = saved.plan()?;
            if dot {
                let world = cluster.world(&saved.cib, &plan.constraints, saved.now());
                return output::print(&encode::dot(world, &plan.transition, false, false));
            }
            output::print(&graph_xml(&plan.graph))
        }
        Command::Input { which } => {
            let (live, told) = find(&which)?;
            let path = format!("/v1/history/{}/cib", told.transition);
            output::print(&live.text(&path)?)
        }
        Command::Explain {
            plan,
            question,
            target,
        } => {
            let plan = Some(plan);
            let (live, told) = find(&Which { plan, target })?;
            let saved = Saved::read(&live, told)?;
            let name = format!("plan {}", saved.told.transition);
            explain::about(&question, &name, &saved.cib, saved.now())
        }
        Command::Replay { which, all } => replay(&which, all),
    }
}

/// All saved plans, oldest first.
fn all(live: &Live) -> Result<Vec<SavedPlanText>, Failure> {
    live.get("/v1/history")
}

fn find(which: &Which) -> Result<(Live, SavedPlanText), Failure> {
    let live = Live::new(&which.target)?;
    let told = match which.plan {
        Some(plan) => live.get(&format!("/v1/history/{plan}"))?,
        None => all(&live)?
            .pop()
            .ok_or_else(|| Failure::new(Exit::NoSuch, "nothing was planned yet"))?,
    };
    Ok((live, told))
}

/// A saved input with what the controller tells about it.
struct Saved {
    told: SavedPlanText,
    cib: Document,
}

impl Saved {
    fn read(live: &Live, told: SavedPlanText) -> Result<Self, Failure> {
        let cib = live.document(&format!("/v1/history/{}/cib", told.transition))?;
        Ok(Self { told, cib })
    }

    fn now(&self) -> Timestamp {
        Timestamp {
            seconds: self.told.now,
            offset: self.told.utc_offset,
        }
    }

    /// Plans again, as the controllers did.
    fn plan(&self) -> Result<(Cluster, Plan), Failure> {
        let refused = |error: lockstep_engine::PlanError| {
            let message = format!("plan {}: {error}", self.told.transition);
            Failure::new(Exit::Config, message)
        };
        let cluster = Cluster::read(&self.cib, self.now()).map_err(refused)?;
        let mut plan = cluster.plan(&self.cib, self.now()).map_err(refused)?;
        plan.graph.attributes.transition_id = self.told.transition;
        Ok((cluster, plan))
    }
}

fn when(seconds: i64) -> String {
    Date::new(clock::local(seconds)).to_string()
}

fn count(told: &SavedPlanText, wanted: ProgressText) -> usize {
    told.progress.iter().filter(|at| **at == wanted).count()
}

fn list(target: &Target, last: usize, json: bool) -> Outcome {
    let all = all(&Live::new(target)?)?;
    let shown = &all[all.len().saturating_sub(last)..];
    if json {
        return output::json(&shown);
    }
    let lines = shown.iter().map(|told| {
        let digest = told.digest.as_deref().and_then(|digest| digest.get(..8));
        let failed = match count(told, ProgressText::Failed) {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        vec![
            told.transition.to_string(),
            when(told.now),
            digest.unwrap_or("-").to_owned(),
            format!("{}{failed}", told.state),
            told.reason.clone(),
        ]
    });
    output::print(&output::table(&lines.collect::<Vec<_>>()))
}

/// An action of a saved plan, as `history show --json` prints it.
#[derive(Debug, Serialize)]
struct ActionRow {
    action: u32,
    key: String,
    node: Option<String>,
    progress: Option<ProgressText>,
}

/// A saved plan, as `history show --json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    told: SavedPlanText,
    actions: Vec<ActionRow>,
}

fn show(which: &Which, json: bool) -> Outcome {
    let (live, told) = find(which)?;
    let saved = Saved::read(&live, told)?;
    let (_, plan) = saved.plan()?;
    let synapses = plan.graph.synapses.iter().enumerate();
    let real = synapses.filter(|(_, synapse)| synapse.action.kind != GraphActionKind::Pseudo);
    let actions: Vec<_> = real
        .map(|(at, synapse)| ActionRow {
            action: synapse.action.id,
            key: synapse.action.key.clone(),
            node: synapse.action.node.as_ref().map(|node| node.name.clone()),
            progress: saved.told.progress.get(at).copied(),
        })
        .collect();
    if json {
        let told = saved.told;
        return output::json(&Shown { told, actions });
    }
    let told = &saved.told;
    let mut text = format!(
        "Plan {} of {}, log index {}, because {}\nIt is {}",
        told.transition,
        when(told.now),
        told.index,
        told.reason,
        told.state
    );
    match &told.abandoned {
        Some(reason) => text += &format!(": {reason}\n"),
        None => text.push('\n'),
    }
    let rows = actions.iter().map(|action| {
        let progress = match action.progress {
            Some(ProgressText::Done) => "done",
            Some(ProgressText::Failed) => "FAILED",
            Some(ProgressText::Waiting) => "not done",
            None => "?",
        };
        vec![
            format!("{}:{}", told.transition, action.action),
            action.key.clone(),
            action.node.clone().unwrap_or_else(|| "-".into()),
            progress.to_owned(),
        ]
    });
    text += &format!("\n{}", output::table(&rows.collect::<Vec<_>>()));
    let mut after = saved.cib.clone();
    let settings = Settings {
        schedule: true,
        wall_clock: told.now,
        ..Settings::default()
    };
    if let Ok(simulated) = simulate::run(&mut after, saved.now(), &settings) {
        text += &format!("\n{}", simulated.output.trim_start());
    }
    output::print(&text)
}

fn replay(which: &Which, every: bool) -> Outcome {
    let (live, chosen) = match every {
        true => {
            let live = Live::new(&which.target)?;
            let chosen = all(&live)?;
            (live, chosen)
        }
        false => find(which).map(|(live, told)| (live, vec![told]))?,
    };
    let mut different = 0;
    for told in chosen {
        let saved = Saved::read(&live, told)?;
        let computed = saved
            .plan()
            .ok()
            .map(|(_, plan)| hex(&encode::digest(&plan.graph).0));
        let equal = computed == saved.told.digest;
        different += usize::from(!equal);
        let shown = |digest: &Option<String>| match digest {
            Some(digest) => digest.clone(),
            None => "refused".to_owned(),
        };
        let (number, told) = (saved.told.transition, shown(&saved.told.digest));
        output::print(&match equal {
            true => format!("plan {number} [{told}]: equal\n"),
            false => format!(
                "plan {number}: DIFFERENT: the controller has {told}, this program {}\n",
                shown(&computed)
            ),
        })?;
    }
    match different {
        0 => Ok(()),
        // As the digest check of Pacemaker's tools fails.
        _ => Err(Failure::new(
            Exit::DigestMismatch,
            "another engine made this plan: compare `lockstep --version` here and there",
        )),
    }
}
