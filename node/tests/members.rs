//! Machines that come and go, as an operator has them do it. The program itself is run, over real
//! sockets.
#![expect(clippy::disallowed_types, reason = "a test bounds how long it waits")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use lockstep_node::clock::Clock;
use lockstep_node::http::types::{MemberText, MembersAnswer};
use lockstep_node::lab::ports::free;
use lockstep_node::security::files::Files;

const DAY: i64 = 24 * 3_600;

/// For things that take a second, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

fn lockstep(arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that does not read its input may end before it is written.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command
        .args(arguments)
        .env_remove("LOCKSTEP_API")
        .env_remove("LOCKSTEP_LOG");
    command
}

#[track_caller]
fn good(arguments: &[&str], input: &str) -> String {
    let output = lockstep(arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// One machine.
struct Machine {
    name: String,
    folder: PathBuf,
    ports: [u16; 2],
    child: Option<Child>,
}

impl Machine {
    fn new(home: &Path, name: &str) -> Self {
        let ports = free(2).expect("ports are free");
        let ports: [u16; 2] = ports.try_into().expect("two were asked for");
        let folder = home.join(format!("{name}-{}", ports[0]));
        std::fs::create_dir(&folder).expect("a new one");
        Self {
            name: name.to_owned(),
            folder,
            ports,
            child: None,
        }
    }

    fn config(&self) -> String {
        self.path("lockstep.toml")
    }

    fn path(&self, name: &str) -> String {
        self.folder
            .join(name)
            .to_str()
            .expect("it is text")
            .to_owned()
    }

    fn api(&self) -> String {
        format!("127.0.0.1:{}", self.ports[1])
    }

    fn options(&self) -> Vec<String> {
        let address = format!("127.0.0.1:{}", self.ports[0]);
        let (api, data, config) = (self.api(), self.path("data"), self.config());
        let options = [
            ("--node", &self.name),
            ("--address", &address),
            ("--api", &api),
            ("--data-dir", &data),
            ("--config", &config),
        ];
        let both = |(option, value): (&str, &String)| [option.to_owned(), value.clone()];
        options.into_iter().flat_map(both).collect()
    }

    fn cluster(&self, arguments: &[&str], input: &str) -> Output {
        let options = self.options();
        let all = ["cluster"].iter().chain(arguments).copied();
        let all: Vec<&str> = all.chain(options.iter().map(String::as_str)).collect();
        lockstep(&all, input)
    }

    /// Joins with a token that another machine gives out.
    fn join(&self, token: &str) -> Output {
        // Not as an argument, where other users of the host could see it.
        self.cluster(&["join", "-"], token)
    }

    fn token(&self) -> String {
        good(&["cluster", "token", "--config", &self.config()], "")
    }

    fn start(&mut self) {
        let child = command(&["node", "--exit-with-stdin", "--config", &self.config()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.path("log")).expect("a file"))
            .spawn();
        self.child = Some(child.expect("the program runs"));
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    fn members(&self) -> Option<MembersAnswer> {
        let output = lockstep(&["cluster", "members", "--json", "--api", &self.api()], "");
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Asks until the members are as wanted.
    #[track_caller]
    fn until(&self, what: &str, wanted: impl Fn(&MembersAnswer) -> bool) -> MembersAnswer {
        let begun = Instant::now();
        loop {
            let members = self.members();
            if let Some(members) = members.as_ref().filter(|members| wanted(members)) {
                return members.clone();
            }
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "{what}: {members:?}\n{log}");
        }
    }

    /// Waits until its node ends by itself: `Child::wait` would close its standard input, which
    /// tells it to.
    fn until_it_ends(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("it is a child") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on");
            std::thread::yield_now();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}

/// That all of these vote, and one of them leads.
fn vote(answer: &MembersAnswer, ids: &[u64]) -> bool {
    let votes = |member: &MemberText| matches!(member.role.as_str(), "voter" | "leader");
    let now: Vec<u64> = answer.members.iter().map(|member| member.id).collect();
    now == ids && answer.members.iter().all(votes) && !answer.changing && answer.leader.is_some()
}

#[test]
fn three_machines_become_a_cluster_and_one_is_replaced_and_one_leaves() {
    let home = tempfile::tempdir().expect("a folder");
    let [mut one, mut two, mut three] =
        ["n1", "n2", "n3"].map(|name| Machine::new(home.path(), name));
    let made = one.cluster(&["init", "--name", "c"], "");
    assert!(made.status.success());
    assert_eq!(
        one.cluster(&["init", "--name", "c"], "").status.code(),
        Some(108)
    );
    one.start();
    one.until("it leads", |members| vote(members, &[1]));

    let token = one.token();
    let elsewhere = ["join", "-", "--config", "/proc/lockstep.toml"];
    let arguments = ["cluster"].iter().chain(&elsewhere).copied();
    let address = ["--node", "n2", "--address", "127.0.0.1:1"];
    let arguments: Vec<&str> = arguments.chain(address).collect();
    let refused = lockstep(&arguments, &token);
    assert_eq!(
        refused.status.code(),
        Some(73),
        "no place for its configuration"
    );
    assert!(two.join(&token).status.success());
    assert_eq!(three.join(&token).status.code(), Some(77), "it was used");
    two.start();
    one.until("two votes", |members| vote(members, &[1, 2]));
    // From any controller, also one that does not lead.
    assert!(three.join(&two.token()).status.success());
    three.start();
    for machine in [&one, &two, &three] {
        machine.until("three votes", |members| vote(members, &[1, 2, 3]));
    }
    let config = std::fs::read_to_string(three.config()).expect("it was written");
    assert!(
        config.contains("\"n1\"") && config.contains("\"n2\""),
        "{config}"
    );

    good(&["cluster", "transfer", "n2", "--api", &three.api()], "");
    one.until("it follows", |members| members.leader == Some(2));

    // Its log is lost: it is not let in under its number, but with a new one.
    three.kill();
    std::fs::remove_dir_all(three.path("data/controller")).expect("it is there");
    three.start();
    let refused = |members: &MembersAnswer| members.leader.is_none() && members.members.is_empty();
    three.until("it knows nobody", refused);
    let seen = two.until("it is not seen", |members| {
        members
            .members
            .iter()
            .any(|member| member.id == 3 && member.connected == Some(false))
    });
    assert_eq!(seen.leader, Some(2));
    three.kill();
    let replace = ["cluster", "replace", "n3", "--config", &two.config()];
    let token = good(&replace, "");
    let mut again = Machine::new(home.path(), "n3");
    assert!(again.join(&token).status.success());
    again.start();
    for machine in [&one, &two, &again] {
        machine.until("its successor votes", |members| vote(members, &[1, 2, 4]));
    }

    // Even the leader can leave.
    good(&["cluster", "leave", "--config", &two.config()], "");
    for machine in [&one, &again] {
        machine.until("two left", |members| vote(members, &[1, 4]));
    }
    assert!(
        !Path::new(&two.path("data/tls")).exists(),
        "it forgot its keys"
    );
    let started = lockstep(&["node", "--config", &two.config()], "");
    assert_eq!(started.status.code(), Some(78), "it is no node any more");
}

#[test]
fn a_controller_that_was_removed_hears_of_it_and_stops() {
    let home = tempfile::tempdir().expect("a folder");
    let [mut one, mut two] = ["n1", "n2"].map(|name| Machine::new(home.path(), name));
    assert!(one.cluster(&["init", "--name", "c"], "").status.success());
    one.start();
    one.until("it leads", |members| vote(members, &[1]));
    assert!(two.join(&one.token()).status.success());
    two.start();
    one.until("two vote", |members| vote(members, &[1, 2]));
    good(&["cluster", "remove", "n2", "--api", &one.api()], "");
    one.until("one is left", |members| vote(members, &[1]));
    let ended = two.until_it_ends();
    let log = std::fs::read_to_string(two.path("log")).expect("it has one");
    assert!(
        !ended.success() && log.contains("was removed from the cluster"),
        "{log}"
    );
    let last = lockstep(&["cluster", "remove", "n1", "--api", &one.api()], "");
    assert!(String::from_utf8_lossy(&last.stderr).contains("last controller"));
}

#[test]
fn a_worker_runs_an_executor_with_a_certificate_and_has_no_say() {
    let home = tempfile::tempdir().expect("a folder");
    let [mut one, worker] = ["n1", "w1"].map(|name| Machine::new(home.path(), name));
    assert!(one.cluster(&["init", "--name", "c"], "").status.success());
    one.start();
    one.until("it leads", |members| vote(members, &[1]));
    let token = good(
        &["cluster", "token", "--worker", "--config", &one.config()],
        "",
    );
    assert!(worker.join(&token).status.success());
    // As if that had been 70 days ago.
    let files = Files::of(Path::new(&one.path("data")));
    let authority = files.authority("c").expect("a controller");
    let then = Clock::start().unix_s() - 70 * DAY;
    Files::of(Path::new(&worker.path("data")))
        .admit_by(&authority, "w1", None, then)
        .expect("it is there");
    let mut executor = command(&[
        "executor",
        "--exit-with-stdin",
        "--config",
        &worker.config(),
    ])
    .stdin(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .expect("the program runs");
    let begun = Instant::now();
    loop {
        let output = lockstep(&["status", "--json", "--api", &one.api()], "");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("\"w1\"") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
    }
    // It has its certificate renewed by a controller, and needs no key for that.
    let now = Clock::start().unix_s();
    let files = Files::of(Path::new(&worker.path("data")));
    while files.good_until().expect("it has one") < now + 80 * DAY {
        assert!(begun.elapsed() < PATIENCE, "no new certificate came");
    }
    let denied = lockstep(&["cluster", "token", "--config", &worker.config()], "");
    assert_eq!(denied.status.code(), Some(77));
    one.until("one member", |members| vote(members, &[1]));
    executor.kill().expect("it runs");
    executor.wait().expect("it ends");
}
