//! How are lists written for people?
//!
//! A list has a title and items; an item is indented by two spaces a level and begins with `* `.

use std::fmt::Display;

/// Text being written.
#[derive(Default)]
pub(crate) struct Listing {
    text: String,
    /// Open lists: whether each shows bullets.
    depth: usize,
}

impl Listing {
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.text.push_str(&format!("{line}\n"));
    }

    /// An empty line.
    pub(crate) fn spacer(&mut self) {
        self.text.push('\n');
    }

    /// Opens a list with a title.
    pub(crate) fn begin(&mut self, title: impl Display) {
        self.bullet();
        self.text.push_str(&format!("{title}:\n"));
        self.depth += 1;
    }

    /// Closes the innermost list.
    pub(crate) fn end(&mut self) {
        self.depth -= 1;
    }

    /// One item of the innermost list.
    pub(crate) fn item(&mut self, item: impl Display) {
        self.bullet();
        self.text.push_str(&format!("{item}\n"));
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
