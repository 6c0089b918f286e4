//! Does a resource's name match a pattern?
//!
//! Patterns are POSIX extended regular expressions. They are translated for the `regex` crate,
//! which differs in brackets (a backslash in them means itself) and in stray repetitions. Where a
//! text can match in several ways, POSIX takes the longest; here the first alternative that fits
//! counts, which can differ only in submatches.

use regex::Regex;

/// A pattern, perhaps inverted.
pub(super) struct Pattern {
    regex: Regex,
    inverted: bool,
}

/// Byte ranges of the match and of each group, if it took part.
pub(super) type Groups = Vec<Option<(usize, usize)>>;

/// How a name matches.
pub(super) enum Match {
    /// With these groups.
    Direct(Groups),
    /// By not matching an inverted pattern.
    Inverted,
}

impl Pattern {
    /// Reads a pattern; a leading `!` inverts it. None if it is not valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (inverted, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let regex = Regex::new(&translate(text)?).ok()?;
        Some(Self { regex, inverted })
    }

    pub(super) fn matches(&self, name: &str) -> Option<Match> {
        match (self.regex.captures(name), self.inverted) {
            (Some(found), false) => {
                let range = |group: Option<regex::Match<'_>>| Some((group?.start(), group?.end()));
                Some(Match::Direct(found.iter().map(range).collect()))
            }
            (None, true) => Some(Match::Inverted),
            _ => None,
        }
    }
}

/// POSIX extended → the syntax of the `regex` crate. None if the pattern is cut off.
fn translate(pattern: &str) -> Option<String> {
    let mut translated = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    let mut open_groups = 0_u32;
    while let Some(c) = rest.next() {
        match c {
            '[' => bracket(&mut rest, &mut translated)?,
            '\\' => escape(rest.next()?, &mut translated),
            // A brace that begins no repetition stands for itself.
            '{' if !rest.peek().is_some_and(char::is_ascii_digit) => translated.push_str("\\{"),
            '.' => translated.push_str("(?s:.)"),
            '(' => {
                translated.push('(');
                open_groups += 1;
                // `(?` has a meaning here, but none in POSIX.
                if rest.peek() == Some(&'?') {
                    return None;
                }
            }
            ')' if open_groups == 0 => translated.push_str("\\)"),
            ')' => {
                translated.push(')');
                open_groups -= 1;
            }
            '*' | '+' | '?' => {
                translated.push(c);
                // A repeated repetition changes nothing; here it would mean "as few as possible".
                while rest
                    .next_if(|next| matches!(next, '*' | '+' | '?'))
                    .is_some()
                {
                    translated.pop();
                    translated.push('*');
                }
            }
            _ => translated.push(c),
        }
    }
    Some(translated)
}

/// After a backslash: the classes that glibc knows, else the character itself.
fn escape(c: char, translated: &mut String) {
    match c {
        'w' => translated.push_str("[A-Za-z0-9_]"),
        'W' => translated.push_str("[^A-Za-z0-9_]"),
        's' => translated.push_str("[ \\t\\n\\r\\x0B\\x0C]"),
        'S' => translated.push_str("[^ \\t\\n\\r\\x0B\\x0C]"),
        '<' => translated.push_str("\\b{start}"),
        '>' => translated.push_str("\\b{end}"),
        c => translated.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
    }
}

/// A bracket expression, after its `[`.
fn bracket(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    translated: &mut String,
) -> Option<()> {
    translated.push('[');
    if rest.next_if_eq(&'^').is_some() {
        translated.push('^');
    }
    let mut first = true;
    loop {
        let c = rest.next()?;
        match c {
            ']' if !first => break,
            '[' if rest.peek() == Some(&':') => {
                translated.push('[');
                loop {
                    let c = rest.next()?;
                    translated.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '-' => translated.push('-'),
            c if c.is_ascii_punctuation() => {
                translated.push('\\');
                translated.push(c);
            }
            c => translated.push(c),
        }
        first = false;
    }
    translated.push(']');
    Some(())
}
