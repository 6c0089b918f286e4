//! How is a line of a case split into words?

/// A line: words by position and `name=value` pairs.
pub(crate) struct Words {
    pub(crate) words: Vec<String>,
    pub(crate) pairs: Vec<(String, String)>,
}

impl Words {
    /// Splits at white space; double quotes keep it.
    pub(crate) fn split(line: &str) -> Self {
        let mut tokens = Vec::new();
        let mut token = String::new();
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '"' => quoted = !quoted,
                letter if letter.is_whitespace() && !quoted => {
                    tokens.push(std::mem::take(&mut token));
                }
                letter => token.push(letter),
            }
        }
        tokens.push(token);
        tokens.retain(|token| !token.is_empty());
        let mut words = Words {
            words: Vec::new(),
            pairs: Vec::new(),
        };
        for token in tokens {
            match token.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    words.pairs.push((name.to_owned(), value.to_owned()));
                }
                _ => words.words.push(token),
            }
        }
        words
    }

    /// The word there.
    pub(crate) fn word(&self, position: usize) -> Result<&str, String> {
        let word = self.words.get(position).map(String::as_str);
        word.ok_or_else(|| format!("word {} is missing", position + 1))
    }

    pub(crate) fn from(&self, position: usize) -> &[String] {
        self.words.get(position..).unwrap_or_default()
    }

    /// Takes a pair out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let position = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.remove(position).1)
    }
}
