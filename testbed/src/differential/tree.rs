//! What is edited at random and cut to pieces? A CIB as a plain tree of owned elements: slow,
//! but every part can be moved, copied and removed.

use lockstep_engine::parse::{Document, ElementId, escape_attribute};

/// An element with its attributes in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The tag.
    pub name: String,
    /// Names and values.
    pub attributes: Vec<(String, String)>,
    /// What is inside.
    pub children: Vec<Element>,
}

impl Element {
    /// An element without attributes.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Element {
            name: name.to_owned(),
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// With one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// With one more child.
    #[must_use]
    pub fn containing(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// With more children.
    #[must_use]
    pub fn containing_all(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// `<nvpair>` as sets of attributes have them.
    #[must_use]
    pub fn pair(set: &str, name: &str, value: impl Into<String>) -> Self {
        Element::new("nvpair")
            .with("id", format!("{set}-{}", name.trim_start_matches('#')))
            .with("name", name)
            .with("value", value)
    }

    /// A copy of a part of a document.
    #[must_use]
    pub fn of(document: &Document, e: ElementId) -> Self {
        // Depth is bounded by the parser.
        Element {
            name: document.name(e).to_owned(),
            attributes: document
                .attrs(e)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            children: document
                .children(e)
                .map(|child| Element::of(document, child))
                .collect(),
        }
    }

    /// An attribute's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    /// The `id`; "" if there is none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.get("id").unwrap_or("")
    }

    /// Sets an attribute, in place if it exists.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.attributes.iter_mut().find(|(known, _)| known == name) {
            Some(found) => found.1 = value,
            None => self.attributes.push((name.to_owned(), value)),
        }
    }

    /// Removes an attribute.
    pub fn unset(&mut self, name: &str) {
        self.attributes.retain(|(known, _)| known != name);
    }

    /// The first child of a name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of a name, made if there is none.
    pub fn child_or_new(&mut self, name: &str) -> &mut Element {
        let at = self
            .children
            .iter()
            .position(|child| child.name == name)
            .unwrap_or_else(|| {
                self.children.push(Element::new(name));
                self.children.len() - 1
            });
        &mut self.children[at]
    }

    /// The element at a path of names from here, made as far as it does not exist.
    pub fn at_or_new(&mut self, path: &[&str]) -> &mut Element {
        path.iter().fold(self, |e, name| e.child_or_new(name))
    }

    /// Calls for this element and everything inside, parents first.
    pub fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Element)) {
        see(self);
        for child in &self.children {
            child.visit(see);
        }
    }

    /// Everything inside, this element first, that is wanted.
    #[must_use]
    pub fn find_all(&self, wanted: impl Fn(&Element) -> bool) -> Vec<&Element> {
        let mut found = Vec::new();
        self.visit(&mut |e| {
            if wanted(e) {
                found.push(e);
            }
        });
        found
    }

    /// The `index`th of those inside (this element first) that are wanted, to change it.
    pub fn nth_mut(
        &mut self,
        index: usize,
        wanted: &impl Fn(&Element) -> bool,
    ) -> Option<&mut Element> {
        fn go<'a>(
            e: &'a mut Element,
            left: &mut usize,
            wanted: &impl Fn(&Element) -> bool,
        ) -> Option<&'a mut Element> {
            if wanted(e) {
                if *left == 0 {
                    return Some(e);
                }
                *left -= 1;
            }
            e.children
                .iter_mut()
                .find_map(|child| go(child, left, wanted))
        }
        let mut left = index;
        go(self, &mut left, wanted)
    }

    /// As text, two blanks for each level.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text
    }

    fn write(&self, depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        text.push_str(&indent);
        text.push('<');
        text.push_str(&self.name);
        for (name, value) in &self.attributes {
            text.push(' ');
            text.push_str(name);
            text.push_str("=\"");
            escape_attribute(value, text);
            text.push('"');
        }
        if self.children.is_empty() {
            text.push_str("/>\n");
            return;
        }
        text.push_str(">\n");
        for child in &self.children {
            child.write(depth + 1, text);
        }
        text.push_str(&indent);
        text.push_str("</");
        text.push_str(&self.name);
        text.push_str(">\n");
    }
}
