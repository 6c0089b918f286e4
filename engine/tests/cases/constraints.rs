//! How does a case constrain its resources?

use crate::cib::Element;
use crate::fixture::{Builder, with_role};
use crate::words::Words;

impl Builder {
    /// `location RESOURCE[:ROLE] NODE SCORE` or `location RESOURCE[:ROLE] SCORE where RULE`.
    pub(crate) fn location(&mut self, words: Words) -> Result<(), String> {
        let (resource, role) = with_role(words.word(0)?);
        let mut element = self.constraint("rsc_location");
        match resource.strip_prefix('/') {
            Some(pattern) => element.set("rsc-pattern", pattern),
            None => element.set("rsc", resource),
        }
        if words.words.get(2).is_some_and(|word| word == "where") {
            let rule = rule(element.id(), words.word(1)?, role, words.from(3))?;
            element = element.with_all(&words.pairs);
            element.push(rule);
        } else {
            element.set("node", words.word(1)?);
            element.set("score", words.word(2)?);
            if let Some(role) = role {
                element.set("role", role);
            }
            element = element.with_all(&words.pairs);
        }
        self.constraints.push(element);
        Ok(())
    }

    /// `colocate RESOURCE[:ROLE] with RESOURCE[:ROLE] SCORE` or `colocate {SET} … SCORE`.
    pub(crate) fn colocate(&mut self, words: &Words) -> Result<(), String> {
        let mut element = self.constraint("rsc_colocation");
        if words.word(0)?.starts_with('{') {
            let (sets, rest) = sets(element.id(), words)?;
            element = element.holding(sets);
            let score = rest.first().ok_or("the score is missing")?;
            element.set("score", score);
        } else {
            let (dependent, dependent_role) = with_role(words.word(0)?);
            let (primary, primary_role) = with_role(words.word(2)?);
            element = element
                .with("rsc", dependent)
                .with("with-rsc", primary)
                .with("score", words.word(3)?);
            let roles = [
                ("rsc-role", dependent_role),
                ("with-rsc-role", primary_role),
            ];
            for (name, role) in roles {
                if let Some(role) = role {
                    element.set(name, role);
                }
            }
            element = element.with_all(&words.pairs);
        }
        self.constraints.push(element);
        Ok(())
    }

    /// `order [ACTION] FIRST then [ACTION] THEN [kind=…]` or `order {SET} … [kind=…]`.
    pub(crate) fn order(&mut self, words: &Words) -> Result<(), String> {
        let mut element = self.constraint("rsc_order");
        if words.word(0)?.starts_with('{') {
            let (sets, _) = sets(element.id(), words)?;
            element = element.holding(sets);
            let own =
                |(name, _): &&(String, String)| matches!(name.as_str(), "kind" | "symmetrical");
            let pairs: Vec<_> = words.pairs.iter().filter(own).cloned().collect();
            element = element.with_all(&pairs);
        } else {
            let sides: Vec<&[String]> = words.words.split(|word| word == "then").collect();
            let [first, then] = sides[..] else {
                return Err("an order has one \"then\"".to_owned());
            };
            for (side, name) in [(first, "first"), (then, "then")] {
                match side {
                    [resource] => element.set(name, resource),
                    [action, resource] => {
                        element.set(name, resource);
                        element.set(&format!("{name}-action"), action);
                    }
                    _ => return Err(format!("{name} is not [ACTION] RESOURCE")),
                }
            }
            element = element.with_all(&words.pairs);
        }
        self.constraints.push(element);
        Ok(())
    }
}

/// Sets `{a b sequential:false}`, and the words after them.
fn sets<'a>(id: &str, words: &'a Words) -> Result<(Vec<Element>, Vec<&'a str>), String> {
    let mut sets: Vec<Element> = Vec::new();
    let mut rest = Vec::new();
    let mut open = false;
    for word in &words.words {
        let (opens, closes) = (word.starts_with('{'), word.ends_with('}'));
        if opens {
            let id = format!("{id}-set-{}", sets.len() + 1);
            sets.push(Element::new("resource_set").with("id", id));
            open = true;
        }
        if !open {
            rest.push(word.as_str());
            continue;
        }
        let set = sets.last_mut().ok_or("a set opens with {")?;
        let member = word.trim_matches(['{', '}']);
        match member.split_once(':') {
            Some((name, value)) => set.set(name, value),
            None if member.is_empty() => {}
            None => set.push(Element::new("resource_ref").with("id", member)),
        }
        open = !closes;
    }
    if open {
        return Err("a set closes with }".to_owned());
    }
    Ok((sets, rest))
}

/// A rule: expressions `ATTRIBUTE OPERATION [VALUE]` joined by `and` or by `or`.
fn rule(id: &str, score: &str, role: Option<&str>, words: &[String]) -> Result<Element, String> {
    let mut rule = Element::new("rule").with("id", format!("{id}-rule"));
    match score.strip_prefix('$') {
        Some(attribute) => rule.set("score-attribute", attribute),
        None => rule.set("score", score),
    }
    if let Some(role) = role {
        rule.set("role", role);
    }
    if words.iter().any(|word| word == "or") {
        rule.set("boolean-op", "or");
    }
    for (index, part) in words
        .split(|word| word == "and" || word == "or")
        .enumerate()
    {
        let id = format!("{id}-expression-{}", index + 1);
        let expression = match part {
            [date, operation, at] if date == "date" => {
                let element = Element::new("date_expression").with("id", id);
                let side = if operation == "lt" { "end" } else { "start" };
                element.with("operation", operation).with(side, at)
            }
            [attribute, operation] => Element::new("expression")
                .with("id", id)
                .with("attribute", attribute)
                .with("operation", operation),
            [attribute, operation, value] => Element::new("expression")
                .with("id", id)
                .with("attribute", attribute)
                .with("operation", operation)
                .with("value", value),
            [attribute, operation, kind, value] => Element::new("expression")
                .with("id", id)
                .with("attribute", attribute)
                .with("operation", operation)
                .with("type", kind)
                .with("value", value),
            _ => return Err("a rule is ATTRIBUTE OPERATION [TYPE] [VALUE]".to_owned()),
        };
        rule.push(expression);
    }
    Ok(rule)
}
