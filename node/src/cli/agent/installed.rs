//! Which agents are installed on this machine?

use std::path::Path;

use crate::agent::process::is_program;
use crate::agent::{AgentName, Site, power};

/// Where fence agents are installed.
const FENCE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];
/// Programs beside fence agents that are none.
const NO_FENCE_AGENTS: [&str; 4] = [
    "fence_ack_manual",
    "fence_legacy",
    "fence_node",
    "fence_tool",
];

/// All of them, in order: the bundled ones and systemd's `units` too.
pub(super) fn all(site: &Site, units: Vec<String>) -> Vec<AgentName> {
    let mut found = Vec::new();
    let resource_d = site.ocf_root.join("resource.d");
    let mut add = |class: &str, provider: Option<&str>, kind: &str| {
        found.push(AgentName {
            class: class.to_owned(),
            provider: provider.map(str::to_owned),
            kind: kind.to_owned(),
        });
    };
    for provider in entries(&resource_d) {
        for kind in entries(&resource_d.join(&provider)) {
            if is_program(&resource_d.join(&provider).join(&kind)) {
                add("ocf", Some(&provider), &kind);
            }
        }
    }
    for kind in ["Dummy", "Stateful"] {
        add("ocf", Some("lockstep"), kind);
    }
    for folder in FENCE_FOLDERS.map(Path::new) {
        let agents = entries(folder).into_iter();
        let agents = agents.filter(|name| name.starts_with("fence_"));
        for kind in agents.filter(|name| !NO_FENCE_AGENTS.contains(&name.as_str())) {
            if is_program(&folder.join(&kind)) {
                add("stonith", None, &kind);
            }
        }
    }
    add("stonith", None, power::NAME);
    for kind in units {
        add("systemd", None, &kind);
    }
    let scripts = &site.services.init_folder;
    for kind in entries(scripts) {
        if is_program(&scripts.join(&kind)) {
            add("lsb", None, &kind);
        }
    }
    found.sort_by_key(AgentName::to_string);
    // Folders may be links to each other.
    found.dedup();
    found
}

/// What is in a folder, but for what is hidden; nothing if it cannot be read.
fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}
