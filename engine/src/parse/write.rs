//! How is a document written as text? As Pacemaker 3.0 writes XML files: two blanks for each level,
//! one element in a line, attributes in document order, no declaration.

use super::{Document, ElementId};

impl Document {
    /// The whole document as text.
    pub fn to_xml(&self) -> String {
        let mut text = String::with_capacity(self.source.text.len() + self.edits.len());
        self.write_xml(self.root(), &mut text);
        text
    }

    /// Writes an element with everything below it, the element itself not indented.
    pub fn write_xml(&self, top: ElementId, text: &mut String) {
        let (mut e, mut depth) = (top, 0);
        loop {
            let first_child = self.first_child(e);
            self.write_start(e, depth, first_child.is_none(), text);
            if let Some(child) = first_child {
                (e, depth) = (child, depth + 1);
                continue;
            }
            // Up, closing what has no further child, until there is a next sibling.
            loop {
                if e == top {
                    return;
                }
                if let Some(next) = self.next_sibling(e) {
                    e = next;
                    break;
                }
                let Some(parent) = self.parent(e) else { return };
                (e, depth) = (parent, depth - 1);
                indent(depth, text);
                text.push_str("</");
                text.push_str(self.name(e));
                text.push_str(">\n");
            }
        }
    }

    fn write_start(&self, e: ElementId, depth: usize, empty: bool, text: &mut String) {
        indent(depth, text);
        text.push('<');
        text.push_str(self.name(e));
        for (name, value) in self.attrs(e) {
            text.push(' ');
            text.push_str(name);
            text.push_str("=\"");
            escape_attribute(value, text);
            text.push('"');
        }
        text.push_str(if empty { "/>\n" } else { ">\n" });
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

/// Appends an attribute value, escaped as Pacemaker escapes it: control characters by number.
pub fn escape_attribute(value: &str, text: &mut String) {
    let mut plain = 0;
    for (at, byte) in value.bytes().enumerate() {
        let control;
        let escaped = match byte {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            _ if byte.is_ascii_control() => {
                control = format!("&#x{byte:02X};");
                &control
            }
            _ => continue,
        };
        text.push_str(&value[plain..at]);
        text.push_str(escaped);
        plain = at + 1;
    }
    text.push_str(&value[plain..]);
}
