//! How is told what happens: as lists for people, or as XML for programs?
//!
//! For people, a list has a title and items; an item is indented by two spaces a level and begins
//! with `* `. For programs, a list is an element, an item one in it, and what is only said to
//! people is left out.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::parse::{Document, ElementId, escape_attribute};

/// The version of the schema that the XML follows.
pub(crate) const API_VERSION: &str = "2.42";

/// Attributes of an element, in order.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// What is being told.
#[derive(Default)]
pub(crate) struct Listing {
    text: String,
    /// Open lists: whether each shows bullets.
    depth: usize,
    /// For programs.
    xml: Option<Xml>,
}

struct Xml {
    document: Document,
    /// Open elements, the root first.
    open: Vec<ElementId>,
    /// What stands in elements besides attributes and children: CIBs have no such thing.
    texts: BTreeMap<ElementId, String>,
}

impl Xml {
    /// The document with its texts.
    fn write(&self, out: &mut String) {
        let plain = self.document.to_xml();
        if self.texts.is_empty() {
            out.push_str(&plain);
            return;
        }
        // Elements stand in lines, in document order; those with a text have no children.
        let mut elements = self.document.subtree(self.document.root());
        for line in plain.lines() {
            let is_start = !line.trim_start().starts_with("</");
            let element = is_start.then(|| elements.next()).flatten();
            match element.and_then(|e| Some((e, self.texts.get(&e)?))) {
                Some((e, text)) => {
                    out.push_str(line.trim_end_matches("/>"));
                    out.push('>');
                    escape_attribute(text, out);
                    out.push_str(&format!("</{}>\n", self.document.name(e)));
                }
                None => {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
    }
}

impl Listing {
    /// For programs, that see which command is answered.
    pub(crate) fn for_programs(request: &str) -> Self {
        let mut document = Document::new("pacemaker-result");
        let root = document.root();
        document.set_attr(root, "api-version", API_VERSION);
        document.set_attr(root, "request", request);
        let xml = Xml {
            document,
            open: vec![root],
            texts: BTreeMap::new(),
        };
        Self {
            xml: Some(xml),
            ..Self::default()
        }
    }

    /// The document and the open element in it, if this is for programs.
    pub(crate) fn tree(&mut self) -> Option<(&mut Document, ElementId)> {
        let xml = self.xml.as_mut()?;
        let open = xml.open.last().copied();
        Some((&mut xml.document, open?))
    }

    /// What was told to people.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// What was told; programs are also told how it ended.
    pub(crate) fn finish(mut self, code: i32, errors: &[String]) -> String {
        let Some(mut xml) = self.xml.take() else {
            return self.text;
        };
        let root = xml.document.root();
        let message = crate::value::exit_text(code);
        let code = code.to_string();
        let attributes = [("code", code.as_str()), ("message", message)];
        let status = add(&mut xml.document, root, "status", &attributes);
        if !errors.is_empty() {
            let list = xml.document.append(status, "errors");
            for error in errors {
                let element = xml.document.append(list, "error");
                xml.texts.insert(element, error.clone());
            }
        }
        let mut text = String::new();
        xml.write(&mut text);
        text
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.text.push_str(&format!("{line}\n"));
    }

    /// An empty line.
    pub(crate) fn spacer(&mut self) {
        self.text.push('\n');
    }

    /// An empty line, if something was shown before.
    pub(crate) fn spacer_after(&mut self, shown: bool) {
        if shown {
            self.spacer();
        }
    }

    /// Opens a list with a title.
    pub(crate) fn begin(&mut self, title: impl Display) {
        self.bullet();
        self.text.push_str(&format!("{title}:\n"));
        self.depth += 1;
        if let Some(xml) = &mut self.xml {
            xml.open.extend_from_within(xml.open.len() - 1..);
        }
    }

    /// Opens a list that programs see as an element.
    pub(crate) fn begin_as(&mut self, title: impl Display, name: &str) {
        self.begin(title);
        if let Some(xml) = &mut self.xml
            && let Some(open) = xml.open.last_mut()
        {
            *open = xml.document.append(*open, name);
        }
    }

    /// Closes the innermost list.
    pub(crate) fn end(&mut self) {
        self.depth -= 1;
        if let Some(xml) = &mut self.xml {
            xml.open.pop();
        }
    }

    /// One item of the innermost list, for people.
    pub(crate) fn item(&mut self, item: impl Display) {
        self.bullet();
        self.text.push_str(&format!("{item}\n"));
    }

    /// One item of the innermost list, which programs see as an element.
    pub(crate) fn item_as(&mut self, item: impl Display, name: &str, attributes: Attributes<'_>) {
        match self.tree() {
            Some((document, open)) => {
                add(document, open, name, attributes);
            }
            None => self.item(item),
        }
    }

    /// Like [`Listing::item_as`], with values that programs see as elements in the item's.
    pub(crate) fn item_with(
        &mut self,
        item: impl Display,
        name: &str,
        attributes: Attributes<'_>,
        values: &[(String, String)],
    ) {
        let Some(xml) = &mut self.xml else {
            self.item(item);
            return;
        };
        let Some(&open) = xml.open.last() else { return };
        let e = add(&mut xml.document, open, name, attributes);
        for (name, value) in values {
            let child = xml.document.append(e, name);
            xml.texts.insert(child, value.clone());
        }
    }

    fn bullet(&mut self) {
        if self.depth > 0 {
            for _ in 0..self.depth {
                self.text.push_str("  ");
            }
            self.text.push_str("* ");
        }
    }
}

/// Adds an element with attributes.
pub(crate) fn add(
    document: &mut Document,
    parent: ElementId,
    name: &str,
    attributes: Attributes<'_>,
) -> ElementId {
    let e = document.append(parent, name);
    for (name, value) in attributes {
        document.set_attr(e, name, value);
    }
    e
}
