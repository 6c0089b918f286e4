//! A star: one address or file system that everything else needs.

use super::cib::{AGENTS, Cib, DUMMY, Role};

pub(super) fn make(nodes: usize, size: usize) -> String {
    let mut cib = Cib::new(nodes, &[1]);
    let centre = cib.primitive("centre", DUMMY, &[(1, Role::Started)]);
    cib.resources(&centre);
    for number in 0..size {
        let id = format!("r{number}");
        let agent = AGENTS[number % AGENTS.len()];
        let primitive = cib.primitive(&id, agent, &[(1, Role::Started)]);
        cib.resources(&primitive);
        cib.order("centre", &id, "Mandatory", "");
        cib.colocation(&id, "centre", "INFINITY", "");
    }
    cib.write(true)
}
