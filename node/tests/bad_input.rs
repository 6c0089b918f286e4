//! What an operator meets who gives the program something wrong: a message that names the place
//! and says what to do, the right exit code, and nothing lost. The program itself is run.
#![expect(clippy::disallowed_types, reason = "a test bounds how long it waits")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lockstep_node::clock::Clock;
use lockstep_node::lab::ports::free;
use lockstep_node::security::files::{Files, found};

fn lockstep(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program runs")
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
fn expect(output: &Output, code: i32, says: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in says {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

/// A cluster of one controller without an executor, in a folder of its own.
struct Node {
    folder: tempfile::TempDir,
    ports: [u16; 2],
    child: Option<Child>,
}

impl Node {
    fn new() -> Self {
        let node = Self {
            folder: tempfile::tempdir().unwrap(),
            ports: free(2).unwrap().try_into().unwrap(),
            child: None,
        };
        node.write("one", "n1");
        let now = Clock::start().unix_s();
        let authority = found("one", now).unwrap();
        Files::of(&node.data())
            .admit_by(&authority, "n1", Some(1), now)
            .unwrap();
        node
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("lockstep.toml")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn api(&self) -> String {
        format!("127.0.0.1:{}", self.ports[1])
    }

    fn write(&self, cluster: &str, node: &str) {
        let [address, api] = self.ports;
        let text = format!(
            "cluster = \"{cluster}\"\nnode = \"{node}\"\ndata_dir = \"data\"\nexecutor = false\n\
             api = \"127.0.0.1:{api}\"\n[[controllers]]\nid = 1\nnode = \"{node}\"\n\
             address = \"127.0.0.1:{address}\"\n[timers]\n\
             election_ms = 300\n"
        );
        std::fs::write(self.config(), text).unwrap();
    }

    /// Runs it to its end: for starts that are to fail.
    fn run(&self) -> Output {
        lockstep(&["node", "--config", self.config().to_str().unwrap()])
    }

    fn start(&mut self) {
        let config = self.config();
        let child = command(&[
            "node",
            "--exit-with-stdin",
            "--config",
            config.to_str().unwrap(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        self.child = Some(child);
        self.until("leads", |status| status.contains("\"in_charge\": true"));
    }

    /// Asks until the status is as wanted, with a bound.
    fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let output = lockstep(&["status", "--json", "--api", &self.api()]);
            let text = String::from_utf8(output.stdout).unwrap();
            if output.status.success() && wanted(&text) {
                return text;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "waited in vain: {what}: {text}"
            );
        }
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn replace_config(&self, cib: &[u8]) -> Output {
        let path = self.folder.path().join("given.xml");
        std::fs::write(&path, cib).unwrap();
        lockstep(&[
            "config",
            "replace",
            path.to_str().unwrap(),
            "--api",
            &self.api(),
        ])
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

const CIB: &str = r#"<cib validate-with="pacemaker-4.0"><configuration><crm_config/>
    <nodes/><resources/><constraints/></configuration><status/></cib>"#;

#[test]
fn wrong_usage_is_64_and_asked_for_help_is_not_wrong() {
    for arguments in [
        &["--frobnicate"][..],
        &["brew"],
        &[],
        &["status", "--api", "nowhere"],
        &["config"],
    ] {
        expect(&lockstep(arguments), 64, &[]);
    }
    for arguments in [&["--help"][..], &["--version"], &["demo", "--help"]] {
        assert!(lockstep(arguments).status.success());
    }
}

#[test]
fn a_configuration_file_that_is_wrong_is_named_with_its_place() {
    let node = Node::new();
    let missing = lockstep(&["node", "--config", "/nonexistent.toml"]);
    expect(&missing, 66, &["/nonexistent.toml", "No such file"]);
    let text = std::fs::read_to_string(node.config()).unwrap();
    let wrong = text.replace("127.0.0.1", "127.0.0.256");
    std::fs::write(node.config(), wrong).unwrap();
    for command in ["node", "executor"] {
        let output = lockstep(&[command, "--config", node.config().to_str().unwrap()]);
        expect(&output, 78, &["lockstep.toml", "line 5", "127.0.0.256"]);
    }
    assert!(
        !node.data().join("identity.toml").exists(),
        "nothing was begun"
    );
}

#[test]
fn a_node_that_is_no_controller_is_told_what_to_run() {
    let node = Node::new();
    let text = std::fs::read_to_string(node.config()).unwrap();
    std::fs::write(node.config(), text.replacen("\"n1\"", "\"n9\"", 1)).unwrap();
    expect(&node.run(), 78, &["'n9'", "lockstep executor"]);
}

#[test]
fn a_machine_without_a_certificate_is_told_how_to_get_one() {
    let node = Node::new();
    std::fs::remove_dir_all(node.data().join("tls")).unwrap();
    let says = ["lockstep cluster init", "lockstep cluster join TOKEN"];
    for command in ["node", "executor"] {
        let output = lockstep(&[command, "--config", node.config().to_str().unwrap()]);
        expect(&output, 78, &says);
    }
}

#[test]
fn a_port_in_use_is_named_with_its_purpose() {
    for (at, purpose) in [(0, "address"), (1, "api")] {
        let node = Node::new();
        let _taken = TcpListener::bind(("127.0.0.1", node.ports[at])).unwrap();
        expect(
            &node.run(),
            71,
            &[purpose, &node.ports[at].to_string(), "in use"],
        );
    }
}

#[test]
fn a_data_folder_in_use_is_left_alone() {
    let mut node = Node::new();
    node.start();
    expect(&node.run(), 108, &["in use by another process", "data"]);
    node.until("still leads", |status| {
        status.contains("\"in_charge\": true")
    });
}

#[test]
fn a_data_folder_of_somebody_else_is_refused_and_kept() {
    let mut node = Node::new();
    node.start();
    assert!(node.replace_config(CIB.as_bytes()).status.success());
    node.stop();
    node.write("two", "n1");
    expect(
        &node.run(),
        78,
        &["identity.toml", "cluster 'one'", "data_dir"],
    );
    node.write("one", "n2");
    expect(&node.run(), 78, &["identity.toml", "node 'n1'"]);
    // Nothing was lost: its owner finds its configuration.
    node.write("one", "n1");
    node.start();
    node.until("is configured", |status| {
        status.contains("\"configured\": true")
    });
}

#[test]
fn a_data_folder_of_a_newer_version_is_refused() {
    let node = Node::new();
    std::fs::create_dir_all(node.data()).unwrap();
    let identity = node.data().join("identity.toml");
    let newer = "format = 2\ncluster = \"one\"\nnode = \"n1\"\ncontroller = 1\nshard = 7\n";
    std::fs::write(&identity, newer).unwrap();
    expect(&node.run(), 78, &["identity.toml", "newer version"]);
    assert_eq!(std::fs::read_to_string(identity).unwrap(), newer);
}

#[test]
fn a_file_that_is_no_journal_stops_the_executor() {
    let node = Node::new();
    let folder = node.data().join("executor");
    std::fs::create_dir_all(&folder).unwrap();
    let run = || lockstep(&["executor", "--config", node.config().to_str().unwrap()]);
    std::fs::write(folder.join("journal"), "#!/bin/sh\necho not a journal\n").unwrap();
    expect(&run(), 78, &["not a journal of this version"]);
}

#[test]
fn nobody_at_the_api_is_69() {
    let node = Node::new();
    expect(
        &lockstep(&["status", "--api", &node.api()]),
        69,
        &[&node.api(), "running"],
    );
}

#[test]
fn something_else_at_the_api_is_76() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 16];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
    });
    expect(
        &lockstep(&["status", "--api", &address]),
        76,
        &[&address, "no controller"],
    );
    answering.join().unwrap();
}

#[test]
fn a_cib_that_is_wrong_is_named_with_its_place_and_changes_nothing() {
    let mut node = Node::new();
    node.start();
    assert!(node.replace_config(CIB.as_bytes()).status.success());
    let epoch = |status: &str| {
        status
            .lines()
            .find(|l| l.contains("\"epoch\""))
            .unwrap()
            .to_owned()
    };
    let before = epoch(&node.until("", |_| true));
    let deep = format!("<cib>{}", "<a>".repeat(100_000));
    let truncated = &CIB[..CIB.len() / 2];
    let cases: [(&[u8], i32, &[&str]); 7] = [
        (b"", 65, &["given.xml"]),
        (b"not XML", 65, &["line 1, column 1"]),
        (truncated.as_bytes(), 65, &["given.xml"]),
        (deep.as_bytes(), 65, &["given.xml"]),
        (
            b"<cib>\n<configuration>\xff\xfe</configuration></cib>",
            65,
            &["given.xml"],
        ),
        (b"<cib/>", 78, &["given.xml"]),
        (b"<html><body/></html>", 78, &["given.xml"]),
    ];
    for (cib, code, says) in cases {
        expect(&node.replace_config(cib), code, says);
    }
    let huge = vec![b' '; 17 << 20];
    expect(&node.replace_config(&huge), 65, &["given.xml"]);
    expect(
        &lockstep(&["config", "replace", "/nonexistent.xml"]),
        66,
        &["/nonexistent.xml"],
    );
    assert_eq!(epoch(&node.until("", |_| true)), before);
}

#[test]
fn a_configuration_that_changed_meanwhile_is_not_overwritten() {
    let mut node = Node::new();
    node.start();
    assert!(node.replace_config(CIB.as_bytes()).status.success());
    let path = node.folder.path().join("given.xml");
    let path = path.to_str().unwrap();
    let replace = |expected| {
        lockstep(&[
            "config",
            "replace",
            path,
            "--expected",
            expected,
            "--api",
            &node.api(),
        ])
    };
    expect(&replace("0.0"), 108, &["not at 0.0", "try again"]);
    expect(&replace("soon"), 64, &["ADMIN.EPOCH"]);
}

#[test]
fn strangers_at_the_ports_are_dropped_and_counted() {
    let mut node = Node::new();
    node.start();
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &[0xff; 4096],
        b"LSNODE\0\x01\xff\xff\xff\xff",
    ];
    for port in node.ports {
        for bytes in garbage {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let mut stream = TcpStream::connect(address).unwrap();
            // It may be dropped before all is written.
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    let counted = |status: &str| !status.contains("\"strangers\": 0");
    let status = node.until("strangers are counted", counted);
    assert!(status.contains("\"in_charge\": true"), "it goes on");
}

#[test]
fn a_demo_of_something_that_is_no_cluster_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cib.xml");
    let demo = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        lockstep(&["demo", "--check", "--cib", path.to_str().unwrap()])
    };
    expect(&demo(b"<cib>\n  <configuration>"), 65, &["cib.xml"]);
    expect(
        &demo(b"<cib/>"),
        78,
        &["cib.xml", "line 1", "validate-with"],
    );
    expect(
        &lockstep(&["demo", "--cib", "/nonexistent.xml"]),
        66,
        &["/nonexistent.xml"],
    );
    let full = Path::to_str(folder.path()).unwrap();
    expect(
        &lockstep(&["demo", "--check", "--dir", full]),
        108,
        &["not empty"],
    );
}
