//! Many promotable clones, as databases are run.

use super::cib::{Cib, Role, STATEFUL};

pub(super) fn make(nodes: usize, size: usize) -> String {
    let mut cib = Cib::new(nodes, &[1]);
    for number in 0..size {
        let id = format!("promotable{number}");
        let runs = [
            (number % nodes, Role::Promoted),
            ((number + 1) % nodes, Role::Unpromoted),
            ((number + 3) % nodes, Role::Unpromoted),
        ];
        let primitive = cib.primitive(&format!("p{number}"), STATEFUL, &runs);
        let meta = [
            ("promotable", "true"),
            ("clone-max", "3"),
            ("notify", "true"),
        ];
        cib.clone_of(&id, &meta, &primitive);
        for (node, role) in runs {
            let score = if role == Role::Promoted { "10" } else { "5" };
            cib.attribute(node, &format!("master-p{number}"), score);
            cib.location(&id, node, 200);
        }
    }
    cib.write(true)
}
