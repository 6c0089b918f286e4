//! Which elements of a document does a path lead to?
//!
//! The part of XPath 1.0 that agents use: `/` and `//` between names or `*`, and after a name any
//! number of `[…]`, in which `and` and `or` join `@name`, `@name='value'`, `@name!='value'`,
//! `starts-with(@name,'text')` and `contains(@name,'text')`; or a number, which counts among
//! siblings of that step.

use lockstep_engine::parse::{Document, ElementId};

#[cfg(test)]
mod tests;

/// Longer paths are refused, in bytes.
const MAX_PATH: usize = 4096;

/// Why a path is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {wanted} is expected")]
pub(super) struct PathError {
    at: usize,
    wanted: &'static str,
}

#[derive(Debug)]
struct Step {
    /// Whether any depth below is meant.
    anywhere: bool,
    /// Element name; `*` is any.
    name: String,
    filters: Vec<Filter>,
}

#[derive(Debug)]
enum Filter {
    /// Alternatives, each of conditions that must all hold.
    Where(Vec<Vec<Condition>>),
    /// The n-th of its siblings that get here, from 1.
    Position(usize),
}

#[derive(Debug)]
struct Condition {
    attribute: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    IsThere,
    Is(String),
    IsNot(String),
    StartsWith(String),
    Contains(String),
}

/// All elements that a path leads to, in document order.
pub(super) fn select(document: &Document, path: &str) -> Result<Vec<ElementId>, PathError> {
    let steps = Reader::new(path)?.steps()?;
    // Above the root is nothing that has an id.
    let mut at: Option<Vec<ElementId>> = None;
    for step in &steps {
        let named = |e: &ElementId| step.name == "*" || document.name(*e) == step.name;
        let mut next: Vec<ElementId> = match &at {
            None if step.anywhere => document.subtree(document.root()).filter(named).collect(),
            None => Some(document.root()).into_iter().filter(named).collect(),
            Some(at) if step.anywhere => {
                let below = at.iter().flat_map(|e| document.descendants(*e));
                below.filter(named).collect()
            }
            Some(at) => {
                let children = at.iter().flat_map(|e| document.children(*e));
                children.filter(named).collect()
            }
        };
        // Nested starting points lead to the same elements.
        next.sort_unstable();
        next.dedup();
        for filter in &step.filters {
            next = filter.apply(document, next);
        }
        at = Some(next);
    }
    Ok(at.unwrap_or_default())
}

impl Filter {
    fn apply(&self, document: &Document, found: Vec<ElementId>) -> Vec<ElementId> {
        match self {
            Self::Where(alternatives) => {
                let holds = |e: &ElementId| {
                    let mut any = alternatives.iter();
                    any.any(|all| all.iter().all(|condition| condition.holds(document, *e)))
                };
                found.into_iter().filter(holds).collect()
            }
            Self::Position(wanted) => {
                let mut kept = Vec::new();
                let mut counted = std::collections::BTreeMap::<_, usize>::new();
                for e in found {
                    let count = counted.entry(document.parent(e)).or_default();
                    *count += 1;
                    if count == wanted {
                        kept.push(e);
                    }
                }
                kept
            }
        }
    }
}

impl Condition {
    fn holds(&self, document: &Document, e: ElementId) -> bool {
        let Some(value) = document.attr(e, &self.attribute) else {
            return false;
        };
        match &self.test {
            Test::IsThere => true,
            Test::Is(text) => value == text,
            Test::IsNot(text) => value != text,
            Test::StartsWith(text) => value.starts_with(text.as_str()),
            Test::Contains(text) => value.contains(text.as_str()),
        }
    }
}

struct Reader<'p> {
    path: &'p str,
    at: usize,
}

impl<'p> Reader<'p> {
    fn new(path: &'p str) -> Result<Self, PathError> {
        match path.len() > MAX_PATH {
            true => Err(PathError {
                at: MAX_PATH,
                wanted: "the end",
            }),
            false => Ok(Self { path, at: 0 }),
        }
    }

    fn rest(&self) -> &'p str {
        &self.path[self.at..]
    }

    fn wanted(&self, wanted: &'static str) -> PathError {
        PathError {
            at: self.at,
            wanted,
        }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn need(&mut self, text: &'static str) -> Result<(), PathError> {
        self.skip_blanks();
        match self.eat(text) {
            true => Ok(()),
            false => Err(self.wanted(text)),
        }
    }

    fn name(&mut self) -> Result<String, PathError> {
        let rest = self.rest();
        let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'));
        let end = rest.find(ends).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wanted("a name"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    fn steps(mut self) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        loop {
            let anywhere = self.eat("//");
            if !anywhere && !self.eat("/") {
                break;
            }
            let name = match self.eat("*") {
                true => "*".to_owned(),
                false => self.name()?,
            };
            let mut filters = Vec::new();
            while self.eat("[") {
                filters.push(self.filter()?);
                self.need("]")?;
            }
            steps.push(Step {
                anywhere,
                name,
                filters,
            });
        }
        match self.rest().trim().is_empty() && !steps.is_empty() {
            true => Ok(steps),
            false => Err(self.wanted("'/'")),
        }
    }

    fn filter(&mut self) -> Result<Filter, PathError> {
        self.skip_blanks();
        let digits = self.rest().len()
            - self
                .rest()
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len();
        if digits > 0 {
            let number = self.rest()[..digits].parse();
            let number = number.map_err(|_| self.wanted("a smaller number"))?;
            self.at += digits;
            return Ok(Filter::Position(number));
        }
        let mut alternatives = vec![Vec::new()];
        loop {
            let condition = self.condition()?;
            if let Some(all) = alternatives.last_mut() {
                all.push(condition);
            }
            self.skip_blanks();
            if self.eat("or ") {
                alternatives.push(Vec::new());
            } else if !self.eat("and ") {
                return Ok(Filter::Where(alternatives));
            }
        }
    }

    fn condition(&mut self) -> Result<Condition, PathError> {
        self.skip_blanks();
        type Make = fn(String) -> Test;
        let functions: [(&str, Make); 2] = [
            ("starts-with", Test::StartsWith),
            ("contains", Test::Contains),
        ];
        for (name, make) in functions {
            if self.eat(name) {
                self.need("(")?;
                self.need("@")?;
                let attribute = self.name()?;
                self.need(",")?;
                let test = make(self.literal()?);
                self.need(")")?;
                return Ok(Condition { attribute, test });
            }
        }
        self.need("@")?;
        let attribute = self.name()?;
        self.skip_blanks();
        let test = if self.eat("!=") {
            Test::IsNot(self.literal()?)
        } else if self.eat("=") {
            Test::Is(self.literal()?)
        } else {
            Test::IsThere
        };
        Ok(Condition { attribute, test })
    }

    fn literal(&mut self) -> Result<String, PathError> {
        self.skip_blanks();
        let quote = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.wanted("a text in quotes")),
        };
        self.at += 1;
        let rest = self.rest();
        let end = rest
            .find(quote)
            .ok_or_else(|| self.wanted("the closing quote"))?;
        self.at += end + 1;
        Ok(rest[..end].to_owned())
    }
}
