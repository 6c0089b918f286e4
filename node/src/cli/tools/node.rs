//! `crm_node`: which nodes are there, and which one is this?

use clap::Parser;
use lockstep_engine::parse::Document;

use super::super::{Failure, Outcome, output};
use super::{Place, no_such};
use crate::cluster::status;
use crate::exit::Exit;

/// Low-level information about the cluster's nodes
#[derive(Debug, Parser)]
#[command(name = "crm_node", version, disable_version_flag = true)]
#[group(multiple = true)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Id of this node
    #[arg(short = 'i', long)]
    cluster_id: bool,
    /// All known nodes
    #[arg(short, long)]
    list: bool,
    /// Name of this node
    #[arg(short, long)]
    name: bool,
    /// Nodes that are members
    #[arg(short, long)]
    partition: bool,
    /// 1 with quorum, 0 without
    #[arg(short, long)]
    quorum: bool,
    /// Name of the node with that id
    #[arg(short = 'N', long, value_name = "ID")]
    name_for_id: Option<String>,
}

pub(super) fn run(arguments: Args) -> Outcome {
    let live = arguments.place.live()?;
    // The last one of several would count there; agents give one.
    if arguments.name {
        return output::print(&format!("{}\n", arguments.place.own_node(&live)?));
    }
    let cib = live.cib()?;
    let text = if arguments.partition {
        let names = members(&cib).into_iter().filter(|node| node.is_member);
        names.map(|node| node.name).collect::<Vec<_>>().join(" ")
    } else if arguments.list {
        let lines = members(&cib).into_iter().map(|node| {
            let state = if node.is_member { "member" } else { "lost" };
            format!("{} {} {state}", node.id, node.name)
        });
        lines.collect::<Vec<_>>().join("\n")
    } else if arguments.quorum {
        let leader = live.status()?.controller.leader;
        u8::from(leader.is_some()).to_string()
    } else if arguments.cluster_id {
        let own = arguments.place.own_node(&live)?;
        status::node_id(&cib, &own).ok_or_else(no_such)?
    } else if let Some(id) = &arguments.name_for_id {
        let found = members(&cib).into_iter().find(|node| node.id == *id);
        found.ok_or_else(no_such)?.name
    } else {
        return Err(Failure::new(Exit::Usage, "say what to print, as with -n"));
    };
    output::print(&format!("{text}\n"))
}

struct Member {
    id: String,
    name: String,
    is_member: bool,
}

/// All nodes of the cluster, by name.
fn members(cib: &Document) -> Vec<Member> {
    let mut names = status::node_names(cib);
    names.sort();
    let described = names.into_iter().map(|name| {
        let state = status::find_state(cib, &name);
        let since = state.and_then(|state| cib.attr(state, "in_ccm"));
        Member {
            id: status::node_id(cib, &name).unwrap_or_default(),
            is_member: since.is_some_and(|since| since != "0" && since != "false"),
            name,
        }
    });
    described.collect()
}
