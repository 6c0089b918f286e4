//! Which cluster does a lab run?

use std::path::{Path, PathBuf};

use super::LabError;
use crate::clock::Clock;
use crate::cluster::status;
use crate::config::Timers;
use crate::exit::Exit;
use crate::policy;

/// In a CIB this stands for the lab's own folder.
pub(super) const FOLDER: &str = "@FOLDER@";

/// A controller needs a majority of these.
const CONTROLLERS: usize = 3;
/// More nodes than this are too many processes for one host.
const MAX_NODES: usize = 16;

/// What the lab is to run.
#[derive(Debug)]
pub struct LabCluster {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub cib: String,
    /// Nodes with a controller, and whether they have an executor as well.
    pub controllers: Vec<(String, bool)>,
    /// Nodes with an executor only.
    pub others: Vec<String>,
    /// Whether bundled agents play every resource.
    pub stand_in: bool,
    /// Where OCF agents are, if not where systems have them.
    pub ocf_root: Option<PathBuf>,
    /// How fast its processes notice things.
    pub timers: Timers,
    /// The `lockstep` that its processes run; this program if not given.
    pub program: Option<PathBuf>,
}

/// The built-in cluster: three nodes and eight services, played by bundled agents.
#[must_use]
pub fn built_in() -> LabCluster {
    let nodes = ["n1", "n2", "n3"].map(str::to_owned);
    from_nodes(BUILT_IN.to_owned(), nodes.into())
}

/// What a CIB of the user's becomes: the same nodes, with bundled agents in all roles.
///
/// # Errors
/// If the file cannot be read, is no CIB, or has too many nodes for one host.
pub fn from_file(path: &Path) -> Result<LabCluster, LabError> {
    let named = |exit, text: String| LabError::new(exit, format!("{}: {text}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| named(Exit::NoInput, error.to_string()))?;
    let admitted = policy::admit(&bytes, Clock::start().local()).map_err(|error| {
        let exit = match error.malformed {
            true => Exit::BadData,
            false => Exit::Config,
        };
        let hint = error.hint.as_ref().map(|hint| format!("\n{hint}"));
        named(exit, format!("{error}{}", hint.unwrap_or_default()))
    })?;
    let mut cib = admitted.cib;
    let root = cib.root();
    // What that cluster did elsewhere is not what this one does.
    while let Some(old) = cib.child(root, "status") {
        cib.remove(old);
    }
    let nodes = status::node_names(&cib);
    if nodes.len() > MAX_NODES {
        let text = format!("{} nodes: the lab runs at most {MAX_NODES}", nodes.len());
        return Err(named(Exit::Config, text));
    }
    let mut cluster = from_nodes(cib.to_xml(), nodes);
    cluster.stand_in = true;
    Ok(cluster)
}

fn from_nodes(cib: String, nodes: Vec<String>) -> LabCluster {
    let mut nodes = nodes.into_iter();
    let mut controllers: Vec<_> = nodes
        .by_ref()
        .take(CONTROLLERS)
        .map(|n| (n, true))
        .collect();
    // A cluster of one or two nodes still has three controllers; the others only vote and plan.
    for number in controllers.len()..CONTROLLERS {
        controllers.push((format!("arbiter{}", number + 1), false));
    }
    LabCluster {
        name: "demo".to_owned(),
        cib,
        controllers,
        others: nodes.collect(),
        stand_in: false,
        ocf_root: None,
        timers: Timers::default(),
        program: None,
    }
}

/// A database with an address, two services on top of it, a web server that stays away from the
/// database, and two services that run anywhere. Starting and stopping takes a moment, so that one
/// can watch.
const BUILT_IN: &str = include_str!("cluster.xml");
