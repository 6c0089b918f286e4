//! Chains of clones: file systems over volumes over locks.

use super::cib::{Cib, DUMMY, Role};

pub(super) fn make(nodes: usize, size: usize) -> String {
    let mut cib = Cib::new(nodes, &[1]);
    let everywhere: Vec<_> = (0..nodes).map(|node| (node, Role::Started)).collect();
    for number in 0..size {
        let id = format!("clone{number}");
        let primitive = cib.primitive(&format!("c{number}"), DUMMY, &everywhere);
        cib.clone_of(&id, &[("interleave", "true")], &primitive);
        if number > 0 {
            let before = format!("clone{}", number - 1);
            cib.order(&before, &id, "Mandatory", "");
            cib.colocation(&id, &before, "INFINITY", "");
        }
    }
    cib.write(true)
}
