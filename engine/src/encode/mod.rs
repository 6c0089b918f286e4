//! encode: the graph as bytes: XML for those who carry it out, dot for those who look at it, a
//! digest for those who compare.

mod dot;
mod xml;

pub use dot::dot;
pub use xml::graph_xml;

use crate::graph::Graph;

/// A digest of a graph: BLAKE3 of its XML.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The digest of a graph. Equal graphs have equal digests on every machine.
#[must_use]
pub fn digest(graph: &Graph) -> Digest {
    Digest(*blake3::hash(graph_xml(graph).as_bytes()).as_bytes())
}
