//! `guide`: does the operator's guide do what it says, typed as it is written?
//!
//! Three hosts out of namespaces are its machines. What stands for the machines' surroundings is
//! the testbed's: the power switch plays their management boards, behind the name of the fence agent
//! that the guide uses.
//!
//! - `page` knows what is to be typed;
//! - this types it, as a person would: who is told that there is no controller yet tries again.

pub mod page;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use lockstep_node::clock::Clock;

use crate::hosts::host::Inside;
use crate::hosts::{Machines, system};
use crate::report::chronicle::Chronicle;
use page::Step;

/// A person tries for so long, in milliseconds.
const PATIENCE_MS: u64 = 30_000;
/// Exit codes that say: not yet. No controller is there, or none leads.
const NOT_YET: [i32; 2] = [69, 75];
/// What the guide has its readers put in place of this word.
const TOKEN: &str = "TOKEN";

/// The management boards: the address says which machine.
const BOARD: &str = "#!/bin/sh\n\
    sed 's/^ip=10\\.77\\.1\\./plug=n/' | /testbed/bin/lockstep-testbed power-agent\n";

/// What the guide needs that this machine has not.
#[must_use]
pub fn missing() -> Option<String> {
    system::missing().or_else(|| {
        let agent = Path::new("/usr/lib/ocf/resource.d/heartbeat/IPaddr2");
        if !agent.exists() {
            return Some("resource-agents is not installed".into());
        }
        let tools = ["nginx", "curl"];
        let tool = tools
            .into_iter()
            .find(|tool| system::find(tool).is_none())?;
        Some(format!("the program {tool} is not installed"))
    })
}

/// Where the guide and its machines disagree.
#[derive(Debug)]
pub struct Wrong {
    step: Step,
    what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step {
            line,
            machine,
            command,
            ..
        } = &self.step;
        write!(f, "line {line}, on n{machine}: {command}\n{}", self.what)
    }
}

/// Types a guide on new machines, with everything in `folder`; tells `say` what is typed and
/// printed.
///
/// # Errors
/// If the machines cannot be made.
pub fn run(
    page: &str,
    folder: &Path,
    program: Option<&Path>,
    say: &dyn Fn(&str),
) -> io::Result<Result<usize, Wrong>> {
    let steps = page::steps(page);
    let count = steps.iter().map(|step| step.machine).max();
    let count = count.ok_or_else(|| io::Error::other("nothing is to be typed on any machine"))?;
    let machines = Machines::make(folder, count, 1, program, &Chronicle::begin(false))?;
    for number in machines.numbers() {
        let mut host = machines.host(number);
        host.boot()?;
        let agent = "/usr/sbin/fence_ipmilan";
        let put = format!("cat >{agent} <<'BOARD'\n{BOARD}BOARD\nchmod 755 {agent}");
        host.inside()?.run(&["sh", "-c", &put])?;
    }
    let mut tokens = Vec::new();
    for step in &steps {
        say(&format!("n{}# {}", step.machine, step.command));
        let inside = machines.host(step.machine).inside();
        let typed = inside.and_then(|inside| type_it(inside, step, &mut tokens));
        match typed {
            Ok(printed) => say(&printed),
            Err(error) => {
                let what = error.to_string();
                let step = step.clone();
                return Ok(Err(Wrong { step, what }));
            }
        }
    }
    Ok(Ok(steps.len()))
}

/// Types a command; returns what it printed, if that is right.
fn type_it(inside: Inside, step: &Step, tokens: &mut Vec<String>) -> io::Result<String> {
    let mut command = step.command.clone();
    if command.contains(TOKEN) {
        let none = || io::Error::other("no token was printed that is not used yet");
        command = command.replace(TOKEN, &tokens.pop().ok_or_else(none)?);
    }
    let script = format!("PATH=/testbed/bin:$PATH; cd /root; {command}");
    let clock = Clock::start();
    let output = loop {
        let output = inside.output(&["bash", "-c", &script])?;
        let not_yet = output
            .status
            .code()
            .is_some_and(|code| NOT_YET.contains(&code));
        if !not_yet || clock.until_ms(PATIENCE_MS).is_zero() {
            break output;
        }
        std::thread::park_timeout(Duration::from_millis(200));
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let what = format!("{}\n{printed}{told}", output.status);
        return Err(io::Error::other(what));
    }
    if command.starts_with("lockstep cluster token") {
        tokens.extend(printed.split_whitespace().last().map(str::to_owned));
    }
    let missed = step
        .prints
        .iter()
        .find(|wanted| !page::is_printed(wanted, &printed));
    match missed {
        Some(wanted) => Err(io::Error::other(format!(
            "does not print '{wanted}', but\n{printed}"
        ))),
        None => Ok(printed),
    }
}
