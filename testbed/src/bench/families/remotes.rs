//! Many remote nodes, with one resource each.

use super::cib::{AGENTS, Cib, REMOTE, Role};

/// `nodes` cluster nodes and `size` remote nodes, each with a resource that nothing allows
/// elsewhere: no cluster has hundreds of nodes on which hundreds of resources may run.
pub(super) fn make(nodes: usize, size: usize) -> String {
    let mut cib = Cib::new(nodes, &[1]);
    for number in 0..size {
        let name = format!("remote{number}");
        let connection = cib.primitive(&name, REMOTE, &[(number % nodes, Role::Started)]);
        cib.resources(&connection);
        let remote = cib.remote_node(&name);
        let id = format!("r{number}");
        let agent = AGENTS[number % AGENTS.len()];
        let primitive = cib.primitive(&id, agent, &[(remote, Role::Started)]);
        cib.resources(&primitive);
        cib.only_on(&id, remote);
    }
    cib.write(true)
}
