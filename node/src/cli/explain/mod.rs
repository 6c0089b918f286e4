//! `lockstep explain`: why does the cluster do that, and why does it not do something else?

mod wire;

use std::path::PathBuf;

use lockstep_engine::Cluster;
use lockstep_engine::explain::{Explainer, Unknown};
use lockstep_engine::parse::Document;
use lockstep_engine::time::Timestamp;

use super::output::print;
use super::{Failure, Outcome, Target, simulate};
use crate::exit::Exit;

/// Say why a resource is where it is, why not elsewhere, why an action happens or not
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        lockstep explain -x cib.xml                      everything that happens or is amiss, and why\n  \
        lockstep explain -x cib.xml vip                  why vip is there, and not on each other node\n  \
        lockstep explain -x cib.xml vip --node node2     … as far as node2 is concerned\n  \
        lockstep explain -x cib.xml --node node2         what is the matter with node2\n  \
        lockstep explain -x cib.xml --action vip_stop_0  why that is done, or cannot be\n  \
        lockstep explain -L vip                          the same of the running cluster")]
pub(super) struct Args {
    #[command(flatten)]
    question: Question,
    /// Ask about the running cluster, as the controller that is asked knows it
    #[arg(short = 'L', long, conflicts_with_all = ["xml_file", "xml_pipe"])]
    live: bool,
    #[command(flatten)]
    target: Target,
    /// Read the CIB from FILE (plain or .bz2)
    #[arg(short = 'x', long, value_name = "FILE")]
    xml_file: Option<PathBuf>,
    /// Read the CIB from standard input (the default)
    #[arg(short = 'p', long)]
    xml_pipe: bool,
    /// Take DATETIME (ISO 8601) for the current time
    #[arg(short = 't', long, value_name = "DATETIME")]
    set_datetime: Option<String>,
}

/// What is to be explained, and how.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Question {
    /// The resource
    pub(super) resource: Option<String>,
    /// The node, or the node that is of interest
    #[arg(short = 'N', long, value_name = "NODE")]
    node: Option<String>,
    /// The action, as the transition graph calls it (RSC_TASK_MS, stonith-NODE-OPERATION, …)
    #[arg(long, value_name = "KEY", conflicts_with = "resource")]
    action: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl From<Unknown> for Failure {
    fn from(unknown: Unknown) -> Self {
        Failure::new(Exit::NoSuch, format!("explain: {unknown}"))
    }
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Outcome {
    let read = match args.live {
        true => simulate::read_live(&args.target),
        false => simulate::read(args.xml_file.as_deref()),
    };
    let (name, cib) = read
        .map_err(|failure| Failure::new(failure.exit, format!("explain: {}", failure.message)))?;
    let now = simulate::effective_time(args.set_datetime.as_deref(), &cib);
    about(&args.question, &name, &cib, now)
}

/// Answers a question about what the engine decides for a CIB at a time.
pub(super) fn about(question: &Question, name: &str, cib: &Document, now: Timestamp) -> Outcome {
    let config = |error| Failure::new(Exit::Config, format!("explain: {name}: {error}"));
    let cluster = Cluster::read(cib, now).map_err(config)?;
    let plan = cluster.plan_with_ledger(cib, now).map_err(config)?;
    let explainer = Explainer::new(&cluster, cib, &plan, now);
    let answer = answer(question, &explainer)?;
    if question.json {
        let text = serde_json::to_string_pretty(&answer.json)
            .map_err(|error| Failure::new(Exit::Software, error))?;
        print(&format!("{text}\n"))
    } else {
        print(&answer.text)
    }
}

/// An answer in both forms.
struct Answer {
    text: String,
    json: serde_json::Value,
}

fn answer(question: &Question, explainer: &Explainer<'_>) -> Result<Answer, Failure> {
    let node = question.node.as_deref();
    let node = node.map(|name| explainer.find_node(name)).transpose()?;
    if let Some(key) = &question.action {
        let found = explainer.find_actions(key, node)?;
        let explained: Vec<_> = found.into_iter().map(|id| explainer.action(id)).collect();
        return Ok(Answer {
            text: explained.iter().map(|action| action.text()).collect(),
            json: explained.iter().map(wire::action).collect(),
        });
    }
    match (&question.resource, node) {
        (Some(name), only) => {
            let explained = explainer.resource(explainer.find_resource(name)?, only);
            Ok(Answer {
                text: explained.text(),
                json: wire::resource(&explained),
            })
        }
        (None, Some(node)) => {
            let explained = explainer.node(node);
            Ok(Answer {
                text: explained.text(),
                json: wire::node(&explained),
            })
        }
        (None, None) => Ok(everything(explainer)),
    }
}

/// Every resource to which something happens or that is nowhere, and every node that is in trouble.
fn everything(explainer: &Explainer<'_>) -> Answer {
    let nodes = explainer.all_nodes().map(|node| explainer.node(node));
    let nodes: Vec<_> = nodes
        .filter(|node| !node.usable || !node.actions.is_empty())
        .collect();
    let resources = explainer.top().map(|id| explainer.resource(id, None));
    let resources: Vec<_> = resources
        .filter(|resource| {
            let idle = resource.changes.is_empty() && resource.actions.is_empty();
            !idle || resource.placed.is_empty()
        })
        .collect();
    let texts = nodes.iter().map(|node| node.text());
    let texts = texts.chain(resources.iter().map(|resource| resource.text()));
    let mut text = texts.collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        text = "Nothing is to be done, and every node can run resources.\n".to_owned();
    }
    Answer {
        text,
        json: serde_json::json!({
            "nodes": nodes.iter().map(wire::node).collect::<Vec<_>>(),
            "resources": resources.iter().map(wire::resource).collect::<Vec<_>>(),
        }),
    }
}
