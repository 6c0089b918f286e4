//! When are two outputs the same? White space and blank lines mean nothing, the order of scores,
//! complaints and lines of a drawing neither, and `crm_feature_set` and `batch-limit` belong to the program, not
//! to the decision. Where a document breaks the rules of a schema is told by the peer's XML library,
//! in its own words, for every version that is tried: that is not compared either.

use super::compare::Kind;

/// The lines of an output that are compared: without white space, in an order that is the same
/// for outputs that mean the same.
#[must_use]
pub fn lines(kind: Kind, text: &str) -> Vec<String> {
    match kind {
        Kind::Graph => squeeze(text.lines().map(without_program)),
        Kind::Scores => {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            squeeze(lines.into_iter().map(str::to_owned))
        }
        Kind::Dot => {
            let mut lines: Vec<&str> = text.lines().collect();
            if lines.len() > 2 {
                let last = lines.pop();
                let first = lines.remove(0);
                lines.sort_unstable();
                lines.dedup();
                lines.insert(0, first);
                lines.extend(last);
            }
            squeeze(lines.into_iter().map(str::to_owned))
        }
        Kind::Errors => {
            let lines = text.lines().filter(|line| !is_of_validator(line));
            let mut lines: Vec<&str> = lines.collect();
            lines.sort_unstable();
            squeeze(lines.into_iter().map(str::to_owned))
        }
        Kind::Status | Kind::Summary | Kind::Acceptance => squeeze(text.lines().map(str::to_owned)),
    }
}

/// How the messages of the peer's XML library begin.
const VALIDATOR: [&str; 12] = [
    "Datatype element ",
    "Did not expect ",
    "Element ",
    "Error validating ",
    "Expecting ",
    "Extra ",
    "IDREF attribute ",
    "Internal error",
    "Invalid ",
    "Type ",
    "Value ",
    "xmlRelaxNG",
];

fn is_of_validator(line: &str) -> bool {
    VALIDATOR.iter().any(|begin| line.starts_with(begin))
}

fn squeeze(lines: impl Iterator<Item = String>) -> Vec<String> {
    lines
        .map(|line| line.split_whitespace().collect::<String>())
        .filter(|line| !line.is_empty())
        .collect()
}

/// A line of a graph without the attributes that belong to the program.
fn without_program(line: &str) -> String {
    ["crm_feature_set=\"", "batch-limit=\""]
        .iter()
        .fold(line.to_owned(), |line, attribute| {
            let Some(start) = line.find(attribute) else {
                return line;
            };
            let value = start + attribute.len();
            let Some(length) = line[value..].find('"') else {
                return line;
            };
            format!("{}{}", &line[..start], &line[value + length + 1..])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_not_compared() {
        let one = lines(Kind::Summary, "  * Online: [ a b ]\n\n  * done \n");
        let two = lines(Kind::Summary, "* Online: [ab]\n* done\n");
        assert_eq!(one, two);
    }

    #[test]
    fn order_matters_in_a_summary_but_not_in_scores() {
        let (one, two) = ("b 2\na 1\n", "a 1\nb 2\n");
        assert_ne!(lines(Kind::Summary, one), lines(Kind::Summary, two));
        assert_eq!(lines(Kind::Scores, one), lines(Kind::Scores, two));
    }

    #[test]
    fn every_score_counts_but_a_drawn_line_once() {
        assert_ne!(lines(Kind::Scores, "a\na\n"), lines(Kind::Scores, "a\n"));
        let (one, two) = ("{\nb\na\nb\n}\n", "{\na\nb\n}\n");
        assert_eq!(lines(Kind::Dot, one), lines(Kind::Dot, two));
    }

    #[test]
    fn what_belongs_to_the_program_is_not_compared() {
        let one = r#"<graph cluster-delay="60s" batch-limit="0" x="1"> crm_feature_set="3.19""#;
        let two = r#"<graph cluster-delay="60s" x="1">"#;
        assert_eq!(lines(Kind::Graph, one), lines(Kind::Graph, two));
        let three = r#"<graph cluster-delay="61s" x="1">"#;
        assert_ne!(lines(Kind::Graph, two), lines(Kind::Graph, three));
    }
}
