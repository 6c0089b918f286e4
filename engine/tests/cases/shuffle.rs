//! What may stand in another order in a CIB without meaning anything else?
//!
//! The order of attributes, of the sections of a configuration, white space, and comments. Other
//! orders mean something: nodes and resources are numbered as they are written.

use lockstep_engine::parse::{Document, ElementId, Limits};

/// The CIB with everything neutral in another order; which one follows from `seed`.
pub(crate) fn neutral(cib: &str, seed: u64) -> Result<String, String> {
    let document = Document::parse(cib.as_bytes(), &Limits::default());
    let document = document.map_err(|error| error.message().to_string())?;
    let mut shuffler = Shuffler {
        state: seed | 1,
        document: &document,
        text: String::new(),
    };
    shuffler.write(document.root());
    Ok(shuffler.text)
}

struct Shuffler<'a> {
    state: u64,
    document: &'a Document,
    text: String,
}

impl Shuffler<'_> {
    fn write(&mut self, e: ElementId) {
        let name = self.document.name(e);
        self.text += "<";
        self.text += name;
        let mut attributes: Vec<(&str, &str)> = self.document.attrs(e).collect();
        self.shuffle(&mut attributes);
        for (name, value) in attributes {
            let quote = if self.below(2) == 0 { '"' } else { '\'' };
            let (space, value) = (self.space(), escape(value));
            self.text += &format!("{space}{name} = {quote}{value}{quote}");
        }
        self.text += ">";
        let mut children: Vec<ElementId> = self.document.children(e).collect();
        if name == "configuration" {
            self.shuffle(&mut children);
        }
        for child in children {
            let space = self.space();
            self.text += space;
            self.write(child);
        }
        if self.below(8) == 0 {
            self.text += "<!-- <primitive id=\"nothing\"/> -->";
        }
        let space = self.space();
        self.text += &format!("</{name}{space}>");
    }

    fn space(&mut self) -> &'static str {
        [" ", "\n", "\t", "  \n "][self.below(4)]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Xorshift: any order will do, if it is the same again for one seed.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap_or(0) % end
    }
}

fn escape(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        match character {
            '&' => text += "&amp;",
            '<' => text += "&lt;",
            '"' => text += "&quot;",
            '\'' => text += "&apos;",
            // White space in values would be made spaces.
            '\n' | '\t' | '\r' => text += &format!("&#{};", u32::from(character)),
            other => text.push(other),
        }
    }
    text
}
