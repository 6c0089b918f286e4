//! How is the XML of a case's CIB written?

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// An element of XML, or text that is taken for XML as it is.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Element(Element),
    Raw(String),
}

/// An element being written.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Node>,
}

impl Element {
    pub(crate) fn new(name: &str) -> Self {
        Element {
            name: name.to_owned(),
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// With an attribute; the last value given to a name counts.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn with_all(self, pairs: &[(String, String)]) -> Self {
        let set = |element: Self, (name, value): &(String, String)| element.with(name, value);
        pairs.iter().fold(self, set)
    }

    pub(crate) fn set(&mut self, name: &str, value: impl ToString) {
        let value = value.to_string();
        match self.attributes.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => self.attributes.push((name.to_owned(), value)),
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn id(&self) -> &str {
        self.attribute("id").unwrap_or_default()
    }

    pub(crate) fn push(&mut self, child: Element) {
        self.children.push(Node::Element(child));
    }

    pub(crate) fn holding(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children
            .extend(children.into_iter().map(Node::Element));
        self
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Raw(_) => None,
        })
    }

    fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.children.iter_mut().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Raw(_) => None,
        })
    }

    /// The child with this id, which is added if it is not there.
    pub(crate) fn child(&mut self, name: &str, id: &str) -> &mut Element {
        let known = |child: &Node| match child {
            Node::Element(element) => element.name == name && element.id() == id,
            Node::Raw(_) => false,
        };
        let position = self.children.iter().position(known).unwrap_or_else(|| {
            self.push(Element::new(name).with("id", id));
            self.children.len() - 1
        });
        match &mut self.children[position] {
            Node::Element(element) => element,
            Node::Raw(_) => unreachable!("the position is that of an element"),
        }
    }

    /// The descendant with this id that is not a reference.
    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut Element> {
        self.elements_mut()
            .find_map(|child| match child.id() == id {
                true => Some(child),
                false => child.find_mut(id),
            })
    }

    /// Adds name-value pairs to a block of them, such as `meta_attributes`.
    pub(crate) fn add_pairs(&mut self, block: &str, pairs: &[(String, String)]) {
        if pairs.is_empty() {
            return;
        }
        let numbered = self.id().starts_with(|first: char| first.is_ascii_digit());
        let id = match numbered {
            true => format!("{}-{}-{block}", self.name, self.id()),
            false => format!("{}-{block}", self.id()),
        };
        let block = self.child(block, &id);
        for (name, value) in pairs {
            let id = format!("{id}-{name}").replace('#', ".");
            let pair = Element::new("nvpair").with("id", id);
            block.push(pair.with("name", name).with("value", value));
        }
    }

    /// Puts a child last, in place of the one with its id.
    pub(crate) fn replace(&mut self, child: Element) {
        let same =
            |node: &Node| matches!(node, Node::Element(element) if element.id() == child.id());
        self.children.retain(|node| !same(node));
        self.push(child);
    }

    /// The name-value pairs in blocks of a kind.
    pub(crate) fn pairs(&self, block: &str) -> BTreeMap<String, String> {
        let blocks = self.elements().filter(|element| element.name == block);
        let pairs = blocks.flat_map(Element::elements);
        let pair = |pair: &Element| {
            let name = pair.attribute("name")?.to_owned();
            Some((name, pair.attribute("value")?.to_owned()))
        };
        pairs.filter_map(pair).collect()
    }

    /// Every primitive below.
    pub(crate) fn primitives(&self) -> Vec<&Element> {
        let mut found = Vec::new();
        for child in self.elements() {
            if child.name == "primitive" {
                found.push(child);
            }
            found.extend(child.primitives());
        }
        found
    }

    pub(crate) fn to_xml(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        let _ = write!(text, "{indent}<{}", self.name);
        for (name, value) in &self.attributes {
            let value = value
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('"', "&quot;")
                .replace('\n', "&#10;");
            let _ = write!(text, " {name}=\"{value}\"");
        }
        if self.children.is_empty() {
            text.push_str("/>\n");
            return;
        }
        text.push_str(">\n");
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(text, depth + 1),
                Node::Raw(raw) => {
                    let _ = writeln!(text, "{indent}  {raw}");
                }
            }
        }
        let _ = writeln!(text, "{indent}</{}>", self.name);
    }
}
