//! Documents that are valid, or nearly: a cluster's CIB, and changes that people and programs make
//! to such documents, the wrong ones included.

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use lockstep_engine::parse::{Document, ElementId};
use lockstep_engine::schema::Version;

use crate::checks::parse;
use crate::few;
use crate::scene::Scene;

/// A document with its history of changes.
#[derive(Clone, Debug, Arbitrary)]
pub struct Draft {
    scene: Scene,
    version: u8,
    #[arbitrary(with = few::<Edit, 12>)]
    edits: Vec<Edit>,
}

impl Draft {
    /// The document, in memory as the edits have left it.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut document = parse(&self.scene.to_cib());
        let versions: Vec<Version> = Version::all().collect();
        // Mostly the latest one, which the scene is written for.
        let version = versions.get(usize::from(self.version)).copied();
        let version = version.unwrap_or(Version::LATEST);
        document.set_attr(document.root(), "validate-with", &version.name());
        apply(&mut document, &self.edits);
        document
    }
}

/// One change; numbers choose among what is there.
#[derive(Clone, Debug, Arbitrary)]
pub enum Edit {
    /// Sets an attribute to a value that means something somewhere.
    SetWord { at: u16, name: u8, value: u8 },
    /// Sets an attribute to any text.
    SetText { at: u16, name: u8, value: String },
    /// Sets an attribute to a number.
    SetNumber { at: u16, name: u8, value: i64 },
    /// Takes an attribute away.
    Unset { at: u16, which: u8 },
    /// Adds an element.
    Append { at: u16, name: u8 },
    /// Gives an element another name.
    Rename { at: u16, name: u8 },
    /// Takes an element away.
    Remove { at: u16 },
    /// Copies an element with all in it to the end of another one.
    Copy { at: u16, to: u16 },
    /// Moves an element to the end of another one.
    Move { at: u16, to: u16 },
    /// Moves an element before another one.
    MoveBefore { at: u16, sibling: u16 },
}

/// Elements that a CIB may have, of any version.
const ELEMENTS: [&str; 40] = [
    "cib",
    "configuration",
    "crm_config",
    "cluster_property_set",
    "nvpair",
    "nodes",
    "node",
    "resources",
    "primitive",
    "group",
    "clone",
    "master",
    "bundle",
    "podman",
    "docker",
    "network",
    "port-mapping",
    "storage",
    "storage-mapping",
    "template",
    "meta_attributes",
    "instance_attributes",
    "utilization",
    "operations",
    "op",
    "constraints",
    "rsc_location",
    "rsc_colocation",
    "rsc_order",
    "rsc_ticket",
    "resource_set",
    "resource_ref",
    "rule",
    "expression",
    "date_expression",
    "date_spec",
    "fencing-topology",
    "fencing-level",
    "tags",
    "lrm_rsc_op",
];

/// Attributes that a CIB may have.
const ATTRIBUTES: [&str; 48] = [
    "id",
    "id-ref",
    "name",
    "value",
    "score",
    "rsc",
    "with-rsc",
    "node",
    "first",
    "then",
    "kind",
    "symmetrical",
    "role",
    "rsc-role",
    "with-rsc-role",
    "first-action",
    "then-action",
    "class",
    "provider",
    "type",
    "template",
    "interval",
    "timeout",
    "on-fail",
    "start-delay",
    "attribute",
    "operation",
    "start",
    "end",
    "boolean-op",
    "rsc-pattern",
    "node-attribute",
    "target",
    "index",
    "devices",
    "ticket",
    "loss-policy",
    "sequential",
    "require-all",
    "action",
    "uname",
    "crmd",
    "in_ccm",
    "expected",
    "transition-magic",
    "transition-key",
    "op-digest",
    "rc-code",
];

/// Values that mean something somewhere.
const WORDS: [&str; 44] = [
    "",
    "true",
    "false",
    "INFINITY",
    "-INFINITY",
    "0",
    "1",
    "-1",
    "2147483648",
    "n1",
    "n2",
    "p0",
    "p1",
    "g0",
    "c0",
    "p0x0",
    "#uname",
    "Started",
    "Promoted",
    "Master",
    "Slave",
    "Stopped",
    "start",
    "stop",
    "promote",
    "demote",
    "monitor",
    "10s",
    "PT10M",
    "lt",
    "in_range",
    "date_spec",
    "ocf",
    "stonith",
    "systemd",
    "remote",
    "pacemaker",
    "fence",
    "member",
    "online",
    "standby",
    "0:0;1:1:0:x",
    "2030-01-01",
    "%1",
];

/// Makes the changes, one after the other. What cannot be done is left out: an element does not go
/// into itself, and the root stays.
pub fn apply(document: &mut Document, edits: &[Edit]) {
    for edit in edits {
        make(document, edit);
    }
}

fn make(document: &mut Document, edit: &Edit) {
    let elements: Vec<ElementId> = document.subtree(document.root()).collect();
    let element = |at: u16| elements[usize::from(at) % elements.len()];
    let word = |words: &'static [&'static str], at: u8| words[usize::from(at) % words.len()];
    match edit {
        Edit::SetWord { at, name, value } => {
            document.set_attr(element(*at), word(&ATTRIBUTES, *name), word(&WORDS, *value));
        }
        Edit::SetText { at, name, value } => {
            document.set_attr(element(*at), word(&ATTRIBUTES, *name), value);
        }
        Edit::SetNumber { at, name, value } => {
            document.set_attr(element(*at), word(&ATTRIBUTES, *name), &value.to_string());
        }
        Edit::Unset { at, which } => {
            let e = element(*at);
            let names: Vec<_> = document.attrs_by(e).map(|(name, _)| name).collect();
            if let Some(at) = usize::from(*which).checked_rem(names.len()) {
                document.remove_attr(e, names[at]);
            }
        }
        Edit::Append { at, name } => {
            document.append(element(*at), word(&ELEMENTS, *name));
        }
        Edit::Rename { at, name } => {
            let e = element(*at);
            if e != document.root() {
                document.rename(e, word(&ELEMENTS, *name));
            }
        }
        Edit::Remove { at } => document.remove(element(*at)),
        Edit::Copy { at, to } => {
            let (from, to) = (element(*at), element(*to));
            // Copies of copies would double the document each time.
            if elements.len() < 2_000 {
                document.copy_subtree(from, to);
            }
        }
        Edit::Move { at, to } => {
            let (e, to) = (element(*at), element(*to));
            if is_free(document, e, to) {
                document.move_to(e, to);
            }
        }
        Edit::MoveBefore { at, sibling } => {
            let (e, sibling) = (element(*at), element(*sibling));
            if sibling != document.root() && is_free(document, e, sibling) {
                document.move_before(e, sibling);
            }
        }
    }
}

/// Whether `e` is neither the root nor above `place`, nor `place` itself.
fn is_free(document: &Document, e: ElementId, place: ElementId) -> bool {
    let above = std::iter::successors(Some(place), |e| document.parent(*e));
    e != document.root() && !above.into_iter().any(|above| above == e)
}

/// Removes what differences cannot tell apart: paths name elements by name and id, and those without
/// id by their name alone. An id with the characters that end it in a path is none.
pub fn tell_apart(document: &mut Document) {
    let elements: Vec<ElementId> = document.subtree(document.root()).collect();
    for parent in elements {
        let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        let children: Vec<ElementId> = document.children(parent).collect();
        for e in children {
            let name = document.name(e).to_owned();
            let id = document.id(e).map(str::to_owned);
            let in_the_way = |(other, other_id): &(String, Option<String>)| {
                *other == name && (id.is_none() || other_id.is_none() || *other_id == id)
            };
            let unspeakable = id.as_ref().is_some_and(|id| id.contains("']"));
            if unspeakable || seen.iter().any(in_the_way) {
                document.remove(e);
            } else {
                seen.insert((name, id));
            }
        }
    }
}
