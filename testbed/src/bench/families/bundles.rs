//! Many bundles: containers with guests inside.

use super::cib::{Cib, DUMMY};

pub(super) fn make(nodes: usize, size: usize) -> String {
    let mut cib = Cib::new(nodes, &[]);
    for number in 0..size {
        let id = format!("bundle{number}");
        let primitive = cib.primitive(&format!("b{number}"), DUMMY, &[]);
        cib.resources(&format!(
            "<bundle id=\"{id}\"><docker image=\"image\" replicas=\"3\"/>\
             <network control-port=\"{}\"/>\n{primitive}</bundle>\n",
            10_000 + number
        ));
    }
    cib.write(false)
}
