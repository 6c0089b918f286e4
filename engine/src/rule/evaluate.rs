//! Does a rule hold, and when may that change?

use std::borrow::Cow;

use super::{
    AttributeTest, Combine, Condition, DatePart, DateTest, Facts, OperationTest, RangeEnd,
    Reference, ResourceTest, Rule, Submatches,
};
use crate::time::{Date, Earliest, Unit};

impl Rule {
    /// Does the rule hold? When a date decided that, `change` notes when it may decide otherwise;
    /// conditions that were not reached note nothing.
    pub fn holds(&self, facts: &Facts<'_>, change: &mut Earliest) -> bool {
        let mut holds = |condition: &Condition| condition.holds(facts, change);
        match self.combine {
            _ if self.conditions.is_empty() => true,
            Combine::And => self.conditions.iter().all(&mut holds),
            Combine::Or => self.conditions.iter().any(&mut holds),
        }
    }

    /// Can the result differ between nodes?
    pub fn depends_on_node(&self) -> bool {
        self.conditions.iter().any(|condition| match condition {
            Condition::Rule(rule) => rule.depends_on_node(),
            Condition::Attribute(_) => true,
            _ => false,
        })
    }
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>, change: &mut Earliest) -> bool {
        match self {
            Self::Rule(rule) => rule.holds(facts, change),
            Self::Attribute(test) => test.holds(facts),
            Self::Date(test) => test.holds(&Date::new(facts.now), facts, change),
            Self::Resource(test) => test.holds(facts),
            Self::Operation(test) => test.holds(facts),
            Self::Malformed(_) => false,
        }
    }
}

impl AttributeTest {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        let name = match facts.submatches {
            Some(submatches) => submatches.expand(&self.attribute),
            None => Cow::Borrowed(self.attribute.as_str()),
        };
        let actual = facts.node.and_then(|attributes| attributes.value(&name));
        let reference = match &self.reference {
            None => None,
            Some(Reference::Literal(value)) => Some(value.as_str()),
            Some(Reference::Parameter(name)) => facts.parameters.and_then(|p| p.value(name)),
            Some(Reference::Meta(name)) => facts.meta.and_then(|meta| meta.value(name)),
        };
        self.comparison.holds(actual, reference, self.value_type)
    }
}

impl Submatches<'_> {
    /// Replaces `%0` to `%9` by what the groups matched: nothing where there is no such group.
    pub fn expand<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.text.is_empty() || !text.contains('%') {
            return Cow::Borrowed(text);
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            expanded.push_str(before);
            match after.chars().next().and_then(|digit| digit.to_digit(10)) {
                Some(group) => {
                    let range = self.groups.get(group as usize).copied().flatten();
                    expanded.push_str(range.and_then(|(a, b)| self.text.get(a..b)).unwrap_or(""));
                    rest = &after[1..];
                }
                None => {
                    expanded.push('%');
                    rest = after;
                }
            }
        }
        expanded.push_str(rest);
        Cow::Owned(expanded)
    }
}

impl DateTest {
    fn holds(&self, now: &Date, facts: &Facts<'_>, change: &mut Earliest) -> bool {
        let read = |text: &str| Date::parse(text, facts.now);
        match self {
            Self::Range { start, end } => {
                let Ok(start) = start.as_deref().map(read).transpose() else {
                    return false;
                };
                let end = match end {
                    None => None,
                    Some(RangeEnd::Date(text)) => {
                        let Ok(end) = read(text) else { return false };
                        Some(end)
                    }
                    Some(RangeEnd::After(counts)) => start.map(|start| after(start, counts)),
                };
                within(now, start, end, change)
            }
            Self::After(start) => {
                let Ok(mut start) = read(start) else {
                    return false;
                };
                if now.compare(&start).is_gt() {
                    return true;
                }
                start.add(Unit::Seconds, 1);
                change.note(start.seconds());
                false
            }
            Self::Before(end) => {
                let Ok(end) = read(end) else { return false };
                let before = now.compare(&end).is_lt();
                if before {
                    change.note(end.seconds());
                }
                before
            }
            Self::Spec(parts) => parts
                .iter()
                .all(|&(part, bounds)| bounds.contain(part_of(now, part).into())),
        }
    }
}

/// Both ends are within the range. It changes at its start, and in the second after its end.
fn within(now: &Date, start: Option<Date>, end: Option<Date>, change: &mut Earliest) -> bool {
    if let Some(start) = start
        && now.compare(&start).is_lt()
    {
        change.note(start.seconds());
        return false;
    }
    if let Some(mut end) = end {
        if now.compare(&end).is_gt() {
            return false;
        }
        end.add(Unit::Seconds, 1);
        change.note(end.seconds());
    }
    true
}

fn after(mut date: Date, counts: &[(Unit, i32)]) -> Date {
    for &(unit, count) in counts {
        date.add(unit, count);
    }
    date
}

fn part_of(date: &Date, part: DatePart) -> i32 {
    let (year, month, day) = date.year_month_day();
    let (hour, minute, second) = date.hour_minute_second();
    let (week_year, week, weekday) = date.week_date();
    match part {
        DatePart::Year => year,
        DatePart::Month => month,
        DatePart::DayOfMonth => day,
        DatePart::Hour => hour,
        DatePart::Minute => minute,
        DatePart::Second => second,
        DatePart::DayOfYear => date.day_of_year(),
        DatePart::WeekYear => week_year,
        DatePart::Week => week,
        DatePart::DayOfWeek => weekday,
    }
}

impl ResourceTest {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        let agent = facts.resource;
        let same = |wanted: &Option<String>, actual: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == actual
        };
        same(&self.class, agent.and_then(|agent| agent.class))
            && same(&self.provider, agent.and_then(|agent| agent.provider))
            && same(&self.agent, agent.and_then(|agent| agent.agent))
    }
}

impl OperationTest {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        let Some(operation) = facts.operation else {
            return false;
        };
        operation.name == self.name
            && self
                .interval_ms
                .is_none_or(|interval| interval == operation.interval_ms)
    }
}
