//! What would Pacemaker do, once it has done all?

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockstep_engine::parse::{Document, Limits};

use super::BOOKKEEPING;

/// A released `crm_simulate`.
#[derive(Debug)]
pub struct Peer {
    program: PathBuf,
    scratch: tempfile::TempDir,
}

impl Peer {
    /// The peer in a folder of programs.
    ///
    /// # Errors
    /// If there is no place for scratch files.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Peer {
            program: folder.join("crm_simulate"),
            scratch: tempfile::tempdir()?,
        })
    }

    /// Keys of the actions that are left when it carries out a plan and plans again; `None` if it
    /// fails.
    pub(super) fn remaining(&self, cib: &str, date: &str) -> io::Result<Option<BTreeSet<String>>> {
        let [before, after, graph] =
            ["before.xml", "after.xml", "graph.xml"].map(|name| self.scratch.path().join(name));
        fs::write(&before, cib)?;
        let ran = |input: &Path, option: &str, output: &Path| -> io::Result<bool> {
            if let Err(error) = fs::remove_file(output)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut command = Command::new(&self.program);
            command.args(["-S", "-Q", "-t", date, "-x"]).arg(input);
            command.arg(option).arg(output);
            command.env("LC_ALL", "C").env("TZ", "UTC");
            command.env("CIB_shadow_dir", self.scratch.path());
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
            quiet.stderr(Stdio::null()).status()?;
            Ok(output.exists())
        };
        if !ran(&before, "-O", &after)? || !ran(&after, "-G", &graph)? {
            return Ok(None);
        }
        Ok(keys(&fs::read(&graph)?))
    }
}

/// The keys of what a transition graph does, but for pseudo actions and bookkeeping.
fn keys(graph: &[u8]) -> Option<BTreeSet<String>> {
    let graph = Document::parse(graph, &Limits::default()).ok()?;
    let sets = graph.descendants(graph.root());
    let actions = sets
        .filter(|&e| graph.name(e) == "action_set")
        .flat_map(|set| graph.children(set));
    let real = actions.filter(|&e| {
        let task = graph.attr(e, "operation").unwrap_or_default();
        graph.name(e) != "pseudo_event" && !BOOKKEEPING.contains(&task)
    });
    Some(
        real.filter_map(|e| graph.attr(e, "operation_key"))
            .map(str::to_owned)
            .collect(),
    )
}
