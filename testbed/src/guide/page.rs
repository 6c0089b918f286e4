//! What does a guide say to type, and on which machine?
//!
//! A block of shell lines that begins with `# on n1` is typed on that machine. A plain block right
//! after it shows what the last of its commands prints, with `…` for what may differ.

/// A command of a guide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where in the page it stands, in lines from 1.
    pub line: usize,
    /// The number of the machine.
    pub machine: usize,
    /// What is typed; several lines if there is a text in it.
    pub command: String,
    /// Lines that it prints.
    pub prints: Vec<String>,
}

/// The commands of a page, in order.
#[must_use]
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = page.lines().enumerate();
    // Whether a plain block would be about the last command.
    let mut just_typed = false;
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            just_typed &= line.is_empty();
            continue;
        };
        let block: Vec<(usize, &str)> = lines
            .by_ref()
            .take_while(|(_, line)| !line.starts_with("```"))
            .collect();
        let machine = block.first().and_then(|(_, first)| {
            let number = first.strip_prefix("# on n")?;
            number.parse().ok().filter(|_| language == "sh")
        });
        if let Some(machine) = machine {
            let typed = commands(&block[1..]);
            just_typed = !typed.is_empty();
            steps.extend(typed.into_iter().map(|(after, command)| Step {
                line: at + 2 + after,
                machine,
                command,
                prints: Vec::new(),
            }));
        } else {
            if let Some(last) = steps
                .last_mut()
                .filter(|_| just_typed && language.is_empty())
            {
                last.prints = block.iter().map(|(_, line)| (*line).to_owned()).collect();
            }
            just_typed = false;
        }
    }
    steps
}

/// The commands of a block: one a line, but for texts that go on until their end mark, and lines
/// that say that they go on.
fn commands(block: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut until: Option<String> = None;
    let mut goes_on = false;
    for (index, (_, line)) in block.iter().enumerate() {
        match found.last_mut().filter(|_| goes_on || until.is_some()) {
            Some((_, command)) => {
                command.push('\n');
                command.push_str(line);
            }
            None if line.trim().is_empty() || line.starts_with('#') => continue,
            None => found.push((index + 1, (*line).to_owned())),
        }
        if until.as_deref() == Some(line) {
            until = None;
        } else if until.is_none() {
            until = line.split_once("<<'").and_then(|(_, rest)| {
                let (mark, _) = rest.split_once('\'')?;
                Some(mark.to_owned())
            });
        }
        goes_on = until.is_none() && line.ends_with('\\');
    }
    found
}

/// Whether a line is among what was printed. Blanks count as one, and `…` stands for anything.
#[must_use]
pub fn is_printed(wanted: &str, printed: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = words(wanted);
    let parts: Vec<&str> = wanted.split('…').map(str::trim).collect();
    printed.lines().any(|line| {
        let line = words(line);
        let mut rest = &line[..];
        parts.iter().all(|part| {
            let found = rest.find(part);
            rest = found.map_or(rest, |at| &rest[at + part.len()..]);
            found.is_some()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_typed_where_the_page_says() {
        let page = "# Guide\n\n```sh\n# on n2\nlockstep status   # all well?\n\ncat >f <<'END'\na\n\n\
                    END\nls \\\n  -l\n```\n\n```\n1 file …\n```\n\n```sh\nnot typed\n```\n```\nnor this\n```\n";
        let steps = steps(page);
        let typed: Vec<_> = steps
            .iter()
            .map(|s| (s.line, s.machine, &s.command[..]))
            .collect();
        assert_eq!(
            typed,
            [
                (5, 2, "lockstep status   # all well?"),
                (7, 2, "cat >f <<'END'\na\n\nEND"),
                (11, 2, "ls \\\n  -l"),
            ]
        );
        assert_eq!(steps[2].prints, ["1 file …"]);
        assert!(steps[0].prints.is_empty() && steps[1].prints.is_empty());
    }

    #[test]
    fn what_is_printed_may_differ_where_the_page_lets_it() {
        let printed = "ID  NODE\n 1  n1   10.0.0.1:4748  leader\n";
        assert!(is_printed("1 n1 … leader", printed));
        assert!(is_printed("ID NODE", printed));
        assert!(!is_printed("2 n1 … leader", printed));
        assert!(!is_printed("leader … n1", printed));
    }
}
