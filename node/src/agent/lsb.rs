//! How is an init script run as a resource?
//!
//! By the Linux Standard Base: the task is the argument, `status` has exit codes of its own. Scripts
//! take no parameters; what they say about themselves is in a comment block.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::metadata::{Described, escape, service_description};
use super::process::{self, Ended, Invocation};
use super::{Agent, Operation, Outcome, Pending, ResultCode, Run, Site};

/// Of a script this much is read for what it says about itself, in bytes.
const MAX_HEADER: u64 = 64 << 10;

/// What scripts can do by the standard, and Pacemaker's two names more.
const ACTIONS: [&str; 7] = [
    "meta-data",
    "start",
    "stop",
    "status",
    "restart",
    "force-reload",
    "monitor",
];

/// Runs init scripts.
pub(super) struct Lsb {
    site: Arc<Site>,
}

impl Lsb {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Whether there is a script of that name.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.script(kind).is_some_and(|path| path.exists())
    }

    /// Where a script is: in the folder of init scripts, or where its name says.
    fn script(&self, kind: &str) -> Option<PathBuf> {
        let path = Path::new(kind);
        let plain = !kind.is_empty() && !kind.contains('/') && !kind.starts_with('.');
        match path.is_absolute() {
            true => Some(path.to_owned()),
            false => plain.then(|| self.site.services.init_folder.join(path)),
        }
    }

    /// How a script is called for an operation.
    pub(super) fn invocation(
        &self,
        operation: &Operation,
        order: &str,
    ) -> Result<Invocation, Outcome> {
        let agent = &operation.agent;
        let Some(program) = self.script(&agent.kind) else {
            let reason = format!("'{agent}' is not the name of an agent");
            return Err(Outcome::not_installed(reason));
        };
        if !process::is_program(&program) {
            let reason = format!("no executable init script at {}", program.display());
            return Err(Outcome::not_installed(reason));
        }
        let task = match operation.task.as_str() {
            "monitor" => "status",
            task => task,
        };
        Ok(Invocation {
            program,
            arguments: vec![OsString::from(task)],
            environment: super::ocf::common_environment(&self.site, order),
            input: Vec::new(),
            timeout: super::ocf::timeout(operation),
            keep: None,
        })
    }

    /// What Pacemaker says about a script, made of the script's own comments.
    ///
    /// # Errors
    /// If there is no such script.
    pub(super) fn metadata(&self, kind: &str) -> Result<String, Outcome> {
        use std::io::Read as _;
        let missing = |why: String| Outcome::not_installed(format!("init script {kind}: {why}"));
        let path = self.script(kind);
        let path = path.ok_or_else(|| missing("that is not the name of one".into()))?;
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_HEADER).read_to_end(&mut bytes))
            .map_err(|error| missing(error.to_string()))?;
        let script = String::from_utf8_lossy(&bytes);
        let header = Header::read(&script);
        let or_name = |text: &str| if text.is_empty() { kind } else { text }.to_owned();
        Ok(service_description(&Described {
            name: kind,
            long: &or_name(&header.description),
            short: &or_name(header.field("Short-Description")),
            actions: &ACTIONS,
            timeout: "15s",
            interval: "15s",
            special: &header.special(),
        }))
    }
}

impl Agent for Lsb {
    fn run(self: Arc<Self>, operation: Operation, run: Run) -> Pending<Outcome> {
        Box::pin(async move {
            if operation.task == "meta-data" {
                let text = self.metadata(&operation.agent.kind);
                let done = Outcome::new(ResultCode::OK, super::Status::Done, "");
                return text.map_or_else(|none| none, |text| done.with_output(text.as_bytes()));
            }
            let invocation = match self.invocation(&operation, &run.order) {
                Ok(invocation) => invocation,
                Err(outcome) => return outcome,
            };
            let finished = process::run(invocation, run.started).await;
            let exited = match &finished.ended {
                Ended::Exited(status) => status.code(),
                Ended::TimedOut | Ended::NotStarted(_) => None,
            };
            let mut outcome = super::read_result(&operation, finished);
            if let Some(code) = exited {
                outcome.code = result_code(&operation.task, code);
            }
            outcome
        })
    }
}

/// What a script's exit code means in OCF's terms.
fn result_code(task: &str, code: i32) -> ResultCode {
    match (task, code) {
        ("monitor" | "status", 0) => ResultCode::OK,
        // Dead, with a pid file or a lock file left, or stopped in order.
        ("monitor" | "status", 1..=3) => ResultCode::NOT_RUNNING,
        // Two codes of Pacemaker's own.
        ("monitor" | "status", 150) => ResultCode::NOT_INSTALLED,
        ("monitor" | "status", 151) => ResultCode::INSUFFICIENT_PRIVILEGES,
        ("monitor" | "status", _) => ResultCode::UNKNOWN_ERROR,
        // Up to here both say the same.
        (_, 0..=7) => ResultCode(code),
        _ => ResultCode::UNKNOWN_ERROR,
    }
}

/// The comment block of a script, by "Comment Conventions for Init Scripts".
#[derive(Default)]
struct Header<'a> {
    /// Fields of one line, in the script's order.
    fields: Vec<(&'a str, &'a str)>,
    /// The field that may go on over lines.
    description: String,
}

impl<'a> Header<'a> {
    fn read(script: &'a str) -> Self {
        let mut header = Self::default();
        let block = script
            .lines()
            .skip_while(|line| !line.starts_with("### BEGIN INIT INFO"))
            .skip(1)
            .take_while(|line| line.starts_with('#') && !line.starts_with("### END INIT INFO"));
        let mut in_description = false;
        for line in block {
            // A tab, or more than one space, goes on with the line before.
            let continued = line.starts_with("#  ") || line.starts_with("#\t");
            if in_description && continued {
                header.description.push('\n');
                header.description.push_str(&line[1..]);
                continue;
            }
            let field = line
                .strip_prefix("# ")
                .and_then(|line| line.split_once(':'));
            in_description = false;
            match field {
                Some(("Description", text)) if header.description.is_empty() => {
                    header.description.push_str(text);
                    in_description = true;
                }
                Some(field) => header.fields.push(field),
                None => {}
            }
        }
        header
    }

    /// The first value of a field; empty if there is none.
    fn field(&self, name: &str) -> &'a str {
        let found = self.fields.iter().find(|(field, _)| *field == name);
        found.map_or("", |(_, value)| value)
    }

    fn special(&self) -> String {
        const FIELDS: [&str; 7] = [
            "Provides",
            "Required-Start",
            "Required-Stop",
            "Should-Start",
            "Should-Stop",
            "Default-Start",
            "Default-Stop",
        ];
        let lines = FIELDS.map(|name| {
            let value = escape(self.field(name));
            format!("    <{name}>{value}</{name}>\n")
        });
        format!("  <special tag=\"LSB\">\n{}  </special>\n", lines.concat())
    }
}

#[cfg(test)]
pub(in crate::agent) mod tests;
