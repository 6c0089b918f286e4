//! Do two processes say the same about the same cluster, to the byte?
//!
//! Controllers compare digests of what they plan, each in a process of its own. Here two processes
//! that have nothing in common but the program plan for one cluster, and all that they print and
//! write is compared: summary, scores, utilization, graph, drawing, complaints, and the exit code.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that plans as `lockstep simulate` does, with a place for its files.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    command: String,
    scratch: tempfile::TempDir,
}

/// What one process said: each part with its name.
type Said = Vec<(&'static str, Vec<u8>)>;

/// Which of the two processes: what must not matter differs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    First,
    Second,
}

impl Program {
    /// A program of that path, whose subcommand `command` simulates.
    ///
    /// # Errors
    /// If there is no place for files.
    pub fn new(path: &Path, command: &str) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            command: command.to_owned(),
            scratch: tempfile::tempdir()?,
        })
    }

    /// The first part of what it says about a CIB in which two processes differ, if they do.
    ///
    /// # Errors
    /// If the program cannot be run, or files cannot be written.
    pub fn first_difference(&self, cib: &str, date: &str) -> io::Result<Option<&'static str>> {
        let input = self.scratch.path().join("cib.xml");
        fs::write(&input, cib)?;
        let first = self.run(&input, date, Which::First)?;
        let second = self.run(&input, date, Which::Second)?;
        let differing = first.iter().zip(&second).find(|(one, other)| one != other);
        Ok(differing.map(|((part, _), _)| *part))
    }

    fn run(&self, input: &Path, date: &str, which: Which) -> io::Result<Said> {
        let [graph, dot] = ["graph.xml", "graph.dot"].map(|name| self.scratch.path().join(name));
        for old in [&graph, &dot] {
            match fs::remove_file(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mut command = Command::new(&self.path);
        command
            .arg(&self.command)
            .arg("-x")
            .arg(input)
            .args(["-SsUAc", "-t", date, "-G"])
            .arg(&graph)
            .arg("-D")
            .arg(&dot)
            .stdin(Stdio::null());
        match which {
            Which::First => command.env_clear().env("TZ", "UTC"),
            Which::Second => command
                .env("TZ", "UTC")
                .env("LC_ALL", "tr_TR.UTF-8")
                .env("HOME", "/nowhere")
                .current_dir(self.scratch.path()),
        };
        let done = command.output()?;
        let code = format!("{:?}", done.status.code());
        Ok(vec![
            ("exit code", code.into_bytes()),
            ("output", done.stdout),
            ("complaints", done.stderr),
            ("graph", fs::read(&graph).unwrap_or_default()),
            ("drawing", fs::read(&dot).unwrap_or_default()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> (tempfile::TempDir, Program) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        fs::write(&path, text).unwrap();
        let mut program = Program::new(Path::new("/bin/sh"), "").unwrap();
        program.command = path.display().to_string();
        (folder, program)
    }

    #[test]
    fn what_depends_on_the_input_only_is_the_same() {
        let (_folder, program) = script("cat \"$2\"; echo \"$@\" >&2; exit 3\n");
        let difference = program.first_difference("<cib/>", "2026-01-01").unwrap();
        assert_eq!(difference, None);
    }

    #[test]
    fn what_depends_on_the_process_is_found() {
        for (text, part) in [
            ("echo $$\n", "output"),
            ("echo $HOME >&2\n", "complaints"),
            ("pwd > \"$9\"\n", "drawing"),
            ("test -z \"$LC_ALL\"\n", "exit code"),
        ] {
            let (_folder, program) = script(text);
            let difference = program.first_difference("<cib/>", "2026-01-01").unwrap();
            assert_eq!(difference, Some(part), "{text}");
        }
    }
}
