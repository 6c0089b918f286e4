//! A stack: everything with and after what it stands on.

use super::cib::{AGENTS, Cib, Role};

pub(super) fn make(nodes: usize, size: usize) -> String {
    let mut cib = Cib::new(nodes, &[1]);
    for number in 0..size {
        let id = format!("r{number}");
        let agent = AGENTS[number % AGENTS.len()];
        let primitive = cib.primitive(&id, agent, &[(1, Role::Started)]);
        cib.resources(&primitive);
        if number > 0 {
            let before = format!("r{}", number - 1);
            cib.order(&before, &id, "Mandatory", "");
            cib.colocation(&id, &before, "INFINITY", "");
        }
    }
    cib.write(true)
}
