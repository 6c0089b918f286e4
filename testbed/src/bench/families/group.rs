//! One large group.

use super::cib::{AGENTS, Cib, Role};

pub(super) fn make(nodes: usize, size: usize) -> String {
    let mut cib = Cib::new(nodes, &[1]);
    let members: String = (0..size)
        .map(|number| {
            let agent = AGENTS[number % AGENTS.len()];
            cib.primitive(&format!("m{number}"), agent, &[(1, Role::Started)])
        })
        .collect();
    cib.resources(&format!("<group id=\"group\">\n{members}</group>\n"));
    cib.location("group", 1, 100);
    cib.write(true)
}
