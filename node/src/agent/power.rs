//! What does the fence agent `fence_lockstep` do?
//!
//! It is the power switch of nodes that are processes on one host, for demonstrations and tests:
//! "off" kills a node's controller and executor, waits until both are gone, and forgets what its
//! bundled agents kept running, as the loss of power would. It speaks the fence agent API:
//! `key=value` lines on standard input.
//!
//! | parameter | means |
//! |---|---|
//! | `action` | `off`, `on`, `reboot`, `status`, `monitor`, `list`, `metadata` |
//! | `plug` | the node: its data folder is `folder/plug` |
//! | `folder` | where the nodes' data folders are |
//!
//! What is off stays off as far as the switch can tell: a file `powered-off` in the data folder, which
//! whoever starts the node's processes may ask for. "reboot" leaves it on.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bundled;
use super::outcome::ResultCode;
use crate::lock;

/// Its name as an agent.
pub const NAME: &str = "fence_lockstep";

/// More than this is no list of parameters, in bytes.
const MAX_INPUT: u64 = 64 << 10;
/// `status` of what is off, by the fence agent API.
const IS_OFF: ResultCode = ResultCode(2);
/// A killed process is gone within this.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Reads what to do, and does it.
pub fn act(input: impl Read) -> ResultCode {
    let lines = std::io::BufReader::new(input.take(MAX_INPUT)).lines();
    let pairs = lines.map_while(Result::ok).filter_map(|line| {
        line.split_once('=')
            .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    });
    let parameters: BTreeMap<String, String> = pairs.collect();
    let get = |name: &str| parameters.get(name).map(String::as_str);
    let action = get("action").unwrap_or("reboot");
    if action == "metadata" {
        println!("{}", metadata());
        return ResultCode::OK;
    }
    let Some(folder) = get("folder").map(PathBuf::from) else {
        eprintln!("the parameter 'folder' is missing");
        return ResultCode::UNKNOWN_ERROR;
    };
    let switch = match (action, get("plug").or(get("port"))) {
        ("monitor" | "list", _) => return list(&folder, action == "list"),
        (_, Some(plug)) if !plug.is_empty() && !plug.contains('/') && !plug.starts_with('.') => {
            Switch {
                node: folder.join(plug),
            }
        }
        _ => {
            eprintln!("the parameter 'plug' is missing or no name of a node");
            return ResultCode::UNKNOWN_ERROR;
        }
    };
    let done = match action {
        "status" if switch.is_off() => return IS_OFF,
        "status" => return ResultCode::OK,
        "off" => switch.off(),
        "on" => switch.on(),
        "reboot" => switch.off().and_then(|()| switch.on()),
        _ => Err(format!("there is no action '{action}'")),
    };
    if done.is_ok() && matches!(action, "off" | "reboot") {
        bundled::testify_fenced(get("plug").or(get("port")).unwrap_or_default());
    }
    match done {
        Ok(()) => ResultCode::OK,
        Err(why) => {
            eprintln!("{why}");
            ResultCode::UNKNOWN_ERROR
        }
    }
}

fn list(folder: &Path, print: bool) -> ResultCode {
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("cannot read {}", folder.display());
        return ResultCode::UNKNOWN_ERROR;
    };
    let nodes = entries
        .flatten()
        .filter(|entry| entry.path().join("lockstep.toml").is_file());
    for node in nodes.filter(|_| print) {
        println!("{},", node.file_name().to_string_lossy());
    }
    ResultCode::OK
}

/// The switch of one node.
struct Switch {
    node: PathBuf,
}

impl Switch {
    fn marker(&self) -> PathBuf {
        self.node.join("powered-off")
    }

    fn is_off(&self) -> bool {
        self.marker().exists()
    }

    fn off(&self) -> Result<(), String> {
        if !self.node.is_dir() {
            return Err(format!("there is no node at {}", self.node.display()));
        }
        // First, so that nobody starts it again meanwhile.
        std::fs::write(self.marker(), "").map_err(|error| error.to_string())?;
        // The controller first: it would start the executor again.
        for folder in [self.node.clone(), self.node.join("executor")] {
            let Some(process) = lock::holder(&folder) else {
                continue;
            };
            process.kill();
            wait_until_gone(process)?;
        }
        match std::fs::remove_dir_all(self.node.join("agents")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    fn on(&self) -> Result<(), String> {
        match std::fs::remove_file(self.marker()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

/// Waits for a killed process, with a bound; a zombie is gone, too.
fn wait_until_gone(process: crate::process::Process) -> Result<(), String> {
    let clock = crate::clock::Clock::start();
    while process.is_running() {
        if clock.monotonic_ms() > GONE_WITHIN.as_millis() as u64 {
            return Err(format!("process {} does not end", process.id));
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn metadata() -> String {
    let parameter = |name: &str, text: &str| {
        format!(
            "    <parameter name=\"{name}\" required=\"1\"><content type=\"string\"/>\
             <shortdesc lang=\"en\">{text}</shortdesc></parameter>"
        )
    };
    let actions = [
        "on", "off", "reboot", "status", "monitor", "list", "metadata",
    ];
    let actions: Vec<_> = actions
        .iter()
        .map(|action| format!("    <action name=\"{action}\"/>"))
        .collect();
    format!(
        "<?xml version=\"1.0\"?>\n<resource-agent name=\"{NAME}\" shortdesc=\"The power switch of \
         nodes that are processes on one host\">\n  <parameters>\n{}\n{}\n  </parameters>\n  \
         <actions>\n{}\n  </actions>\n</resource-agent>",
        parameter("folder", "where the nodes' data folders are"),
        parameter("plug", "name of the node"),
        actions.join("\n")
    )
}
