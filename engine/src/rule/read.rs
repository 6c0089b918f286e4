//! What does a rule's element say?

use super::{
    AttributeTest, Combine, Comparison, Condition, DatePart, DateTest, Fault, FaultReason,
    OperationTest, RangeEnd, Reference, ResourceTest, Rule, ValueType,
};
use crate::parse::{Document, ElementId, Name, Scope, names};
use crate::time::{Date, Timestamp, Unit};
use crate::value;

/// How deep rules may be nested, and how many conditions one may have, once references are
/// resolved: a rule that refers to itself must end somewhere.
const MAX_DEPTH: usize = 256;
const MAX_CONDITIONS: usize = 100_000;

impl Rule {
    /// Reads a `rule` element (or the one that its `id-ref` refers to).
    pub fn read<'i>(
        document: &Document,
        scope: impl Into<Scope<'i>>,
        element: ElementId,
    ) -> Result<Self, Fault> {
        let mut reader = Reader {
            document,
            scope: scope.into(),
            conditions: 0,
            remarks: Vec::new(),
        };
        let mut rule = reader.rule(element, 0)?;
        rule.remarks = reader.remarks;
        Ok(rule)
    }

    /// Everything in the rule that is malformed, in document order.
    pub fn faults(&self) -> Vec<&Fault> {
        let mut faults: Vec<&Fault> = self.remarks.iter().collect();
        let mut rules = vec![self];
        while let Some(rule) = rules.pop() {
            for condition in &rule.conditions {
                match condition {
                    Condition::Malformed(fault) => faults.push(fault),
                    Condition::Rule(rule) => rules.push(rule),
                    _ => {}
                }
            }
        }
        faults.sort_by_key(|fault| fault.element);
        faults
    }
}

struct Reader<'d> {
    document: &'d Document,
    scope: Scope<'d>,
    conditions: usize,
    /// What is odd, but stays as it is.
    remarks: Vec<Fault>,
}

type Read<T> = Result<T, FaultReason>;

impl<'d> Reader<'d> {
    fn rule(&mut self, element: ElementId, depth: usize) -> Result<Rule, Fault> {
        let fault = |reason| Fault { element, reason };
        let resolved = self.scope.resolve(self.document, element).ok_or_else(|| {
            let id = self.attr(element, names::ID_REF).unwrap_or_default();
            fault(FaultReason::Dangling(id.to_owned()))
        })?;
        self.check_id(resolved).map_err(fault)?;
        let combine = match self.attr(resolved, names::BOOLEAN_OP) {
            None => Combine::And,
            Some(op) if op.eq_ignore_ascii_case("and") => Combine::And,
            Some(op) if op.eq_ignore_ascii_case("or") => Combine::Or,
            Some(op) => return Err(fault(invalid("boolean-op", op))),
        };
        if depth >= MAX_DEPTH {
            return Err(fault(FaultReason::TooBig));
        }
        let mut conditions = Vec::new();
        for child in self.document.children(resolved) {
            self.conditions += 1;
            if self.conditions > MAX_CONDITIONS {
                return Err(fault(FaultReason::TooBig));
            }
            conditions.push(self.condition(child, depth));
        }
        if conditions.is_empty() {
            let reason = FaultReason::NoConditions;
            self.remarks.push(Fault {
                element: resolved,
                reason,
            });
        }
        Ok(Rule {
            combine,
            conditions,
            remarks: Vec::new(),
        })
    }

    fn condition(&mut self, element: ElementId, depth: usize) -> Condition {
        let name = self.document.name_of(element);
        let read = if name == names::RULE {
            return match self.rule(element, depth + 1) {
                Ok(rule) => Condition::Rule(rule),
                Err(fault) => Condition::Malformed(fault),
            };
        } else if name == names::EXPRESSION {
            self.attribute_test(element).map(Condition::Attribute)
        } else if name == names::DATE_EXPRESSION {
            self.check_dates(element);
            self.date_test(element).map(Condition::Date)
        } else if name == names::RSC_EXPRESSION {
            self.resource_test(element).map(Condition::Resource)
        } else if name == names::OP_EXPRESSION {
            self.operation_test(element).map(Condition::Operation)
        } else {
            Err(FaultReason::UnknownCondition(
                self.document.name(element).to_owned(),
            ))
        };
        read.unwrap_or_else(|reason| Condition::Malformed(Fault { element, reason }))
    }

    fn attribute_test(&self, element: ElementId) -> Read<AttributeTest> {
        self.check_id(element)?;
        let attribute = self
            .required(element, names::ATTRIBUTE, "attribute")?
            .to_owned();
        let operation = self.required(element, names::OPERATION, "operation")?;
        let comparison =
            Comparison::parse(operation).ok_or_else(|| invalid("operation", operation))?;
        let source = self.attr(element, names::VALUE_SOURCE).unwrap_or("literal");
        let source: fn(String) -> Reference = match source.to_ascii_lowercase().as_str() {
            "literal" => Reference::Literal,
            "param" => Reference::Parameter,
            "meta" => Reference::Meta,
            _ => return Err(invalid("value-source", source)),
        };
        let reference = match (comparison.is_unary(), self.attr(element, names::VALUE)) {
            (true, Some(_)) => return Err(FaultReason::ValueNotAllowed),
            (true, None) => None,
            (false, None) => return Err(FaultReason::Missing("value")),
            (false, Some(value)) => Some(source(value.to_owned())),
        };
        let value_type = match self.attr(element, names::TYPE) {
            None => None,
            Some(text) => Some(ValueType::parse(text).ok_or_else(|| invalid("type", text))?),
        };
        Ok(AttributeTest {
            attribute,
            comparison,
            reference,
            value_type,
        })
    }

    /// A date that is none makes a condition not hold, whenever it is asked.
    fn check_dates(&mut self, element: ElementId) {
        // Which time it is only says what is left open, and never whether that is allowed.
        let any_time = Timestamp::utc(0);
        let operation = self.attr(element, names::OPERATION).unwrap_or("in_range");
        let (start, end) = ((names::START, "start"), (names::END, "end"));
        let used = match operation.to_ascii_lowercase().as_str() {
            "in_range" => &[start, end][..],
            "gt" => &[start],
            "lt" => &[end],
            _ => &[],
        };
        for &(name, text) in used {
            let date = self.attr(element, name);
            if date.is_some_and(|date| Date::parse(date, any_time).is_err()) {
                let reason = FaultReason::NoDate(text);
                self.remarks.push(Fault { element, reason });
                return;
            }
        }
    }

    fn date_test(&self, element: ElementId) -> Read<DateTest> {
        self.check_id(element)?;
        let operation = self.attr(element, names::OPERATION).unwrap_or("in_range");
        let own = |text: &str| text.to_owned();
        match operation.to_ascii_lowercase().as_str() {
            "in_range" => self.date_range(element),
            "gt" => self
                .required(element, names::START, "start")
                .map(own)
                .map(DateTest::After),
            "lt" => self
                .required(element, names::END, "end")
                .map(own)
                .map(DateTest::Before),
            "date_spec" => {
                let spec = self.document.child_by(element, names::DATE_SPEC);
                self.date_spec(spec.ok_or(FaultReason::Missing("date_spec"))?)
            }
            _ => Err(invalid("operation", operation)),
        }
    }

    fn date_range(&self, element: ElementId) -> Read<DateTest> {
        let start = self.attr(element, names::START).map(str::to_owned);
        let end = match self.attr(element, names::END) {
            Some(end) => Some(RangeEnd::Date(end.to_owned())),
            None if start.is_none() => return Err(FaultReason::NoEnds),
            None => match self.document.child_by(element, names::DURATION) {
                Some(duration) => Some(RangeEnd::After(self.duration(duration)?)),
                None => None,
            },
        };
        Ok(DateTest::Range { start, end })
    }

    fn duration(&self, element: ElementId) -> Read<Vec<(Unit, i32)>> {
        const UNITS: [(Name, &str, Unit); 7] = [
            (names::YEARS, "years", Unit::Years),
            (names::MONTHS, "months", Unit::Months),
            (names::WEEKS, "weeks", Unit::Weeks),
            (names::DAYS, "days", Unit::Days),
            (names::HOURS, "hours", Unit::Hours),
            (names::MINUTES, "minutes", Unit::Minutes),
            (names::SECONDS, "seconds", Unit::Seconds),
        ];
        self.check_id(element)?;
        let mut counts = Vec::new();
        for (name, text, unit) in UNITS {
            let Some(value) = self.attr(element, name) else {
                continue;
            };
            let count = value::integer(value).and_then(|count| i32::try_from(count).ok());
            match count {
                None => return Err(invalid(text, value)),
                Some(0) => {}
                Some(count) => counts.push((unit, count)),
            }
        }
        Ok(counts)
    }

    fn date_spec(&self, element: ElementId) -> Read<DateTest> {
        const PARTS: [(Name, &str, DatePart); 10] = [
            (names::YEARS, "years", DatePart::Year),
            (names::MONTHS, "months", DatePart::Month),
            (names::MONTHDAYS, "monthdays", DatePart::DayOfMonth),
            (names::HOURS, "hours", DatePart::Hour),
            (names::MINUTES, "minutes", DatePart::Minute),
            (names::SECONDS, "seconds", DatePart::Second),
            (names::YEARDAYS, "yeardays", DatePart::DayOfYear),
            (names::WEEKYEARS, "weekyears", DatePart::WeekYear),
            (names::WEEKS, "weeks", DatePart::Week),
            (names::WEEKDAYS, "weekdays", DatePart::DayOfWeek),
        ];
        self.check_id(element)?;
        let mut parts = Vec::new();
        for (name, text, part) in PARTS {
            let Some(value) = self.attr(element, name) else {
                continue;
            };
            let bounds = value::range(value).ok_or_else(|| invalid(text, value))?;
            parts.push((part, bounds));
        }
        Ok(DateTest::Spec(parts))
    }

    fn resource_test(&self, element: ElementId) -> Read<ResourceTest> {
        self.check_id(element)?;
        let own = |name| self.attr(element, name).map(str::to_owned);
        Ok(ResourceTest {
            class: own(names::CLASS),
            provider: own(names::PROVIDER),
            agent: own(names::TYPE),
        })
    }

    fn operation_test(&self, element: ElementId) -> Read<OperationTest> {
        self.check_id(element)?;
        let name = self.required(element, names::NAME, "name")?.to_owned();
        let interval_ms = match self.attr(element, names::INTERVAL) {
            None => None,
            Some(text) => {
                let interval = value::interval(text);
                Some(
                    interval
                        .valid
                        .then_some(interval.ms)
                        .ok_or_else(|| invalid("interval", text))?,
                )
            }
        };
        Ok(OperationTest { name, interval_ms })
    }

    fn attr(&self, element: ElementId, name: Name) -> Option<&'d str> {
        self.document.attr_by(element, name)
    }

    fn required(&self, element: ElementId, name: Name, text: &'static str) -> Read<&'d str> {
        self.attr(element, name).ok_or(FaultReason::Missing(text))
    }

    fn check_id(&self, element: ElementId) -> Read<()> {
        match self.document.id(element) {
            None | Some("") => Err(FaultReason::NoId),
            Some(_) => Ok(()),
        }
    }
}

fn invalid(attribute: &'static str, value: &str) -> FaultReason {
    FaultReason::Invalid {
        attribute,
        value: value.to_owned(),
    }
}
