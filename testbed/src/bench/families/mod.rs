//! Which clusters are measured?
//!
//! A family makes clusters of any size that are hard in the same way: one file a family. Nothing
//! here is drawn at random: a family and a size are one CIB. The text is all there is, so that the
//! benchmark of the engine's passes can take in this folder as it is.

mod bundles;
mod cib;
mod clones;
mod group;
mod mixture;
mod promotables;
mod remotes;
mod stack;
mod star;

/// Clusters that are hard in the same way.
#[derive(Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What grows with the size.
    pub about: &'static str,
    /// A size at which planning takes long enough to be measured.
    pub size: usize,
    /// Makes the CIB of a size.
    pub make: fn(usize) -> String,
}

/// Every family.
pub const ALL: &[Family] = &[
    Family {
        name: "lost node",
        about: "resources of a mixed cluster of 16 nodes, one lost",
        size: 500,
        make: |size| mixture::make(16, size, true),
    },
    Family {
        name: "cold start",
        about: "resources of the same, never started",
        size: 1000,
        make: |size| mixture::make(16, size, false),
    },
    Family {
        name: "clone chain",
        about: "interleaved clones on 8 nodes, each with and after the one before",
        size: 100,
        make: |size| clones::make(8, size),
    },
    Family {
        name: "stack",
        about: "primitives, each with and after the one before, whose node is lost",
        size: 500,
        make: |size| stack::make(8, size),
    },
    Family {
        name: "star",
        about: "primitives that are with and after one, whose node is lost",
        size: 500,
        make: |size| star::make(8, size),
    },
    Family {
        name: "group",
        about: "members of one group, whose node is lost",
        size: 500,
        make: |size| group::make(8, size),
    },
    Family {
        name: "promotables",
        about: "promotable clones of 3 on 8 nodes, one lost",
        size: 200,
        make: |size| promotables::make(8, size),
    },
    Family {
        name: "remote nodes",
        about: "remote nodes with a resource each, of a cluster of 4 nodes, one lost",
        size: 50,
        make: |size| remotes::make(4, size),
    },
    Family {
        name: "bundles",
        about: "bundles of 3 replicas on 8 nodes, never started",
        size: 100,
        make: |size| bundles::make(8, size),
    },
];

/// The mixed cluster with one node lost, of any number of nodes above five.
#[must_use]
pub fn lost_node(nodes: usize, resources: usize) -> String {
    mixture::make(nodes, resources, true)
}
