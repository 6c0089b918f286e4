//! How does the testbed use the system's own tools? And are they there?

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lockstep_node::clock::Clock;

/// Runs a program; returns what it printed.
///
/// # Errors
/// If it cannot be run or fails, with what it said.
pub fn run<S: AsRef<OsStr>>(words: &[S]) -> io::Result<String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(io::Error::other("no program"));
    };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let line = || {
        let words: Vec<_> = words.iter().map(|w| w.as_ref().to_string_lossy()).collect();
        words.join(" ")
    };
    let output =
        output.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", line())))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    Err(io::Error::other(format!(
        "{}: {}: {}{}",
        line(),
        output.status,
        printed.trim(),
        said.trim()
    )))
}

/// What hosts out of namespaces need and this machine has not; nothing if they can be had.
#[must_use]
pub fn missing() -> Option<String> {
    if !nix::unistd::Uid::effective().is_root() {
        return Some("hosts out of namespaces with disks of their own need root".into());
    }
    let tools = [
        "unshare",
        "nsenter",
        "ip",
        "mount",
        "umount",
        "losetup",
        "mkfs.ext4",
        "pivot_root",
        "bash",
    ];
    if let Some(tool) = tools.into_iter().find(|tool| find(tool).is_none()) {
        return Some(format!("the program {tool} is not installed"));
    }
    let tried = run(&[
        "unshare", "--pid", "--fork", "--mount", "--uts", "--ipc", "--net", "true",
    ]);
    tried.err().map(|error| format!("no namespaces: {error}"))
}

/// Where a program is installed.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ]
    .iter()
    .map(|folder| Path::new(folder).join(program))
    .find(|path| path.is_file())
}

/// Where control groups of version 2 are, if they can freeze.
#[must_use]
pub fn cgroups() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mut fields = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = fields.find(|fields| fields.get(2) == Some(&"cgroup2"))?;
    let root = PathBuf::from(mount.get(1)?);
    // This process's own group is one that it may make others in, if any is.
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let group = root.join(own.trim_start_matches('/'));
    group.is_dir().then_some(group)
}

/// Asks again and again until something is so.
///
/// # Errors
/// If it is not so within `bound`.
pub fn until(bound: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> io::Result<()> {
    let clock = Clock::start();
    while !is_so() {
        if clock
            .until_ms(u64::try_from(bound.as_millis()).unwrap_or(u64::MAX))
            .is_zero()
        {
            let text = format!("not within {} s: {what}", bound.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    Ok(())
}
