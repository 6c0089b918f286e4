//! Bytes → [`Document`]: the elements and attributes of a CIB, with their places in the text.
//!
//! A document is a handful of flat tables over the text it was read from. Elements and attributes
//! have dense 32-bit numbers; names are interned ([`names`]); an attribute is 12 bytes that point
//! into the text, and only a value that was edited, or that contained a reference, is stored again.
//! Text, comments and processing instructions mean nothing in a CIB and are not kept.
//!
//! - `scan` reads a text in one pass and refuses what libxml2 refuses;
//! - `edit` changes a document;
//! - `write` writes it as Pacemaker does;
//! - `ids` finds elements by their `id`.
//!
//! Nothing here recurses, so depth costs no stack. What elements *mean* is not asked here.

mod chars;
mod edit;
mod error;
mod ids;
pub mod names;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::sync::{Arc, OnceLock};

pub use chars::is_attribute_name;
pub(crate) use chars::{is_name, is_name_start};
pub use error::{ErrorKind, ParseError};
pub use ids::{IdIndex, Referent, Scope};
pub use names::Name;
use names::Names;
pub(crate) use scan::is_xml_name;
pub use write::escape_attribute;

/// The number of an element in its document: dense, from 0 (the root) in document order as read;
/// elements added later follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(u32);

impl ElementId {
    /// The number, to index tables with.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for ElementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "element {}", self.0)
    }
}

/// A place in the text, from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// How big a text may be. The defaults are libxml2's, which Pacemaker reads with, as far as it has
/// such limits: what it accepts is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of text, at most 2 GiB.
    pub bytes: usize,
    /// Nested elements.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of one element or attribute name.
    pub name_bytes: usize,
    /// Bytes of one attribute value.
    pub value_bytes: usize,
}

/// No text may be larger: offsets are 32 bits, and edits need room as well.
const MAX_BYTES: usize = 1 << 31;

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: MAX_BYTES,
            depth: 256,
            attributes: 100_000,
            name_bytes: 50_000,
            value_bytes: 10_000_000,
        }
    }
}

/// A text with its newline index, shared by all clones of a document.
#[derive(Debug, Default)]
struct Source {
    text: String,
    /// Offsets of the line starts, made when a position is first asked for.
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    fn new(text: String) -> Self {
        Self {
            text,
            lines: OnceLock::new(),
        }
    }

    fn position(&self, offset: usize) -> Position {
        let lines = self.lines.get_or_init(|| {
            let newlines = self
                .text
                .bytes()
                .enumerate()
                .filter(|&(_, byte)| byte == b'\n');
            std::iter::once(0)
                .chain(newlines.map(|(at, _)| at as u32 + 1))
                .collect()
        });
        let line = lines.partition_point(|&start| start as usize <= offset);
        let start = lines[line - 1] as usize;
        let before = self.text.get(start..offset).unwrap_or_default();
        Position {
            line: line as u32,
            column: before.chars().count() as u32 + 1,
        }
    }
}

/// No element.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Element {
    name: Name,
    parent: u32,
    first_child: u32,
    last_child: u32,
    previous: u32,
    next: u32,
    /// Attributes `first_attribute..first_attribute + attributes` of the attribute table.
    first_attribute: u32,
    attributes: u32,
    /// Where its `<` stands in the source; `NONE` if it was added later.
    offset: u32,
}

/// A name and a range of the document's text: source first, then the edits.
#[derive(Clone, Copy, Debug)]
struct Attribute {
    name: Name,
    start: u32,
    len: u32,
}

/// A CIB (or any other XML of elements and attributes), as a tree that can be edited.
///
/// Cloning shares the source text. Removed elements and replaced values keep their room until
/// [`Document::compact`]; edits themselves keep the room of replaced values bounded.
#[derive(Clone, Debug)]
pub struct Document {
    source: Arc<Source>,
    /// Values that do not stand in the source as they are.
    edits: String,
    /// Bytes of `edits` that nothing refers to any more.
    stale_edits: usize,
    /// Entries of `attributes` that belong to no element any more.
    stale_attributes: usize,
    /// Elements that were removed.
    stale_elements: usize,
    names: Names,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// The text is not UTF-8, not well-formed, or exceeds a limit.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        Self::parse_owned(bytes.to_owned(), limits)
    }

    /// Reads a document from bytes that become its text, without a copy.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_owned(bytes: Vec<u8>, limits: &Limits) -> Result<Self, ParseError> {
        scan::parse(bytes, limits)
    }

    /// A document of one element without attributes.
    pub fn new(root: &str) -> Self {
        let mut names = Names::default();
        let root = Element::new(names.intern(root), NONE, NONE);
        Self {
            source: Arc::default(),
            edits: String::new(),
            stale_edits: 0,
            stale_attributes: 0,
            stale_elements: 0,
            names,
            elements: vec![root],
            attributes: Vec::new(),
        }
    }

    /// The root element.
    pub fn root(&self) -> ElementId {
        ElementId(0)
    }

    /// One more than the highest element number: the size of a table indexed by element.
    pub fn element_count(&self) -> usize {
        self.elements.len()
    }

    /// The name of an element.
    pub fn name(&self, e: ElementId) -> &str {
        self.names.text(self.name_of(e))
    }

    /// The name of an element, to compare with [`names`] constants.
    pub fn name_of(&self, e: ElementId) -> Name {
        self.element(e).name
    }

    /// Is this the element's name?
    pub fn is(&self, e: ElementId, name: Name) -> bool {
        self.name_of(e) == name
    }

    /// The text of a name.
    pub fn name_text(&self, name: Name) -> &str {
        self.names.text(name)
    }

    /// The number of a name, if it is well known or occurs in this document.
    pub fn find_name(&self, text: &str) -> Option<Name> {
        self.names.find(text)
    }

    /// The value of an attribute, by a name that is known only at run time.
    pub fn attr(&self, e: ElementId, name: &str) -> Option<&str> {
        self.attr_by(e, self.names.find(name)?)
    }

    /// The value of an attribute.
    pub fn attr_by(&self, e: ElementId, name: Name) -> Option<&str> {
        let attribute = self.attributes_of(e).iter().find(|a| a.name == name)?;
        Some(self.value(attribute))
    }

    /// The values of several attributes, looked for in one pass.
    pub(crate) fn attrs_of<const N: usize>(
        &self,
        e: ElementId,
        wanted: [Name; N],
    ) -> [Option<&str>; N] {
        let mut values = [None; N];
        for attribute in self.attributes_of(e) {
            if let Some(at) = wanted.iter().position(|&name| name == attribute.name) {
                values[at] = Some(self.value(attribute));
            }
        }
        values
    }

    /// The value of the attribute `id`.
    pub fn id(&self, e: ElementId) -> Option<&str> {
        self.attr_by(e, names::ID)
    }

    /// Names and values of the attributes, in document order.
    pub fn attrs(&self, e: ElementId) -> impl DoubleEndedIterator<Item = (&str, &str)> + Clone {
        self.attributes_of(e)
            .iter()
            .map(|a| (self.names.text(a.name), self.value(a)))
    }

    /// Like [`Document::attrs`], with interned names.
    pub fn attrs_by(&self, e: ElementId) -> impl DoubleEndedIterator<Item = (Name, &str)> + Clone {
        self.attributes_of(e)
            .iter()
            .map(|a| (a.name, self.value(a)))
    }

    /// The parent; none for the root and for removed elements.
    pub fn parent(&self, e: ElementId) -> Option<ElementId> {
        some(self.element(e).parent)
    }

    /// The child elements in document order.
    pub fn children(&self, e: ElementId) -> Siblings<'_> {
        Siblings {
            document: self,
            next: self.element(e).first_child,
        }
    }

    /// The child elements in reverse document order.
    pub fn children_reversed(&self, e: ElementId) -> impl Iterator<Item = ElementId> {
        let last = some(self.element(e).last_child);
        std::iter::successors(last, |&child| self.previous_sibling(child))
    }

    /// The child elements with a name.
    pub fn children_by(&self, e: ElementId, name: Name) -> impl Iterator<Item = ElementId> + Clone {
        self.children(e)
            .filter(move |&child| self.name_of(child) == name)
    }

    /// The child elements with a name that is known only at run time.
    pub fn children_named(&self, e: ElementId, name: &str) -> impl Iterator<Item = ElementId> {
        let name = self.names.find(name);
        self.children(e)
            .filter(move |&child| Some(self.name_of(child)) == name)
    }

    /// The first child element with a name that is known only at run time.
    pub fn child(&self, e: ElementId, name: &str) -> Option<ElementId> {
        self.children_named(e, name).next()
    }

    /// The first child element with a name.
    pub fn child_by(&self, e: ElementId, name: Name) -> Option<ElementId> {
        self.children_by(e, name).next()
    }

    /// The first child element.
    pub fn first_child(&self, e: ElementId) -> Option<ElementId> {
        some(self.element(e).first_child)
    }

    /// The last child element.
    pub fn last_child(&self, e: ElementId) -> Option<ElementId> {
        some(self.element(e).last_child)
    }

    /// The sibling element before.
    pub fn previous_sibling(&self, e: ElementId) -> Option<ElementId> {
        some(self.element(e).previous)
    }

    /// The sibling element after.
    pub fn next_sibling(&self, e: ElementId) -> Option<ElementId> {
        some(self.element(e).next)
    }

    /// An element and everything below it, in document order.
    pub fn subtree(&self, e: ElementId) -> Subtree<'_> {
        Subtree {
            document: self,
            top: e,
            next: Some(e),
        }
    }

    /// Everything below an element, in document order.
    pub fn descendants(&self, e: ElementId) -> impl Iterator<Item = ElementId> + Clone {
        self.subtree(e).skip(1)
    }

    /// Everything below an element that has a name.
    pub fn descendants_by(
        &self,
        e: ElementId,
        name: Name,
    ) -> impl Iterator<Item = ElementId> + Clone {
        self.descendants(e)
            .filter(move |&below| self.name_of(below) == name)
    }

    /// The only element with this name in the whole document: none if there are several, as
    /// Pacemaker finds the sections of a CIB.
    pub fn only(&self, name: Name) -> Option<ElementId> {
        let mut found = (0..self.elements.len() as u32)
            .map(ElementId)
            .filter(|&e| self.name_of(e) == name && self.is_in_tree(e));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// Whether an element hangs below the root: neither loose nor removed.
    fn is_in_tree(&self, e: ElementId) -> bool {
        let top = std::iter::successors(Some(e), |&e| self.parent(e)).last();
        top == Some(self.root())
    }

    /// Where an element stands in the source text; none if it was added later.
    pub fn position(&self, e: ElementId) -> Option<Position> {
        match self.element(e).offset {
            NONE => None,
            offset => Some(self.source.position(offset as usize)),
        }
    }

    /// Where the value of an attribute stands in the source text, or else its element.
    pub fn attr_position(&self, e: ElementId, name: Name) -> Option<Position> {
        let attribute = self.attributes_of(e).iter().find(|a| a.name == name)?;
        match attribute.start as usize {
            start if start < self.source.text.len() => Some(self.source.position(start)),
            _ => self.position(e),
        }
    }

    fn element(&self, e: ElementId) -> &Element {
        &self.elements[e.index()]
    }

    fn attributes_of(&self, e: ElementId) -> &[Attribute] {
        let element = self.element(e);
        let first = element.first_attribute as usize;
        &self.attributes[first..first + element.attributes as usize]
    }

    fn value(&self, attribute: &Attribute) -> &str {
        let (start, len) = (attribute.start as usize, attribute.len as usize);
        match start.checked_sub(self.source.text.len()) {
            None => &self.source.text[start..start + len],
            Some(start) => &self.edits[start..start + len],
        }
    }
}

impl Element {
    fn new(name: Name, parent: u32, offset: u32) -> Self {
        Self {
            name,
            parent,
            first_child: NONE,
            last_child: NONE,
            previous: NONE,
            next: NONE,
            first_attribute: 0,
            attributes: 0,
            offset,
        }
    }
}

fn some(number: u32) -> Option<ElementId> {
    (number != NONE).then_some(ElementId(number))
}

/// Sibling elements, from one on.
#[derive(Clone)]
pub struct Siblings<'d> {
    document: &'d Document,
    next: u32,
}

impl Iterator for Siblings<'_> {
    type Item = ElementId;

    fn next(&mut self) -> Option<ElementId> {
        let e = some(self.next)?;
        self.next = self.document.element(e).next;
        Some(e)
    }
}

/// An element and everything below it, in document order.
#[derive(Clone)]
pub struct Subtree<'d> {
    document: &'d Document,
    top: ElementId,
    next: Option<ElementId>,
}

impl Iterator for Subtree<'_> {
    type Item = ElementId;

    fn next(&mut self) -> Option<ElementId> {
        let e = self.next?;
        self.next = self.document.first_child(e).or_else(|| self.after(e));
        Some(e)
    }
}

impl Subtree<'_> {
    /// The next element that is not below `e`.
    fn after(&self, mut e: ElementId) -> Option<ElementId> {
        while e != self.top {
            if let Some(next) = self.document.next_sibling(e) {
                return Some(next);
            }
            e = self.document.parent(e)?;
        }
        None
    }
}
