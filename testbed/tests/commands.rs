//! The commands that compare and measure, as they are run from the command line. The peer is this
//! program's own `simulate` behind a script: what is tried is that both are asked the same, and what
//! comes of it when they differ.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lockstep-testbed");

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("cases")).expect("a folder for cases");
        Lab { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A peer that answers as the engine does, in a folder of its own; `then` follows in the script. It
    /// notes what it is asked.
    fn peer(&self, name: &str, then: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).expect("a folder for the peer");
        let program = folder.join("crm_simulate");
        let asked = folder.join("asked").display().to_string();
        let script = format!(
            "if [ \"$1\" = --version ]; then echo Pacemaker 0.0; exit; fi\n\
             echo \"$@\" >>{asked}\n{PROGRAM} simulate \"$@\"\n{then}"
        );
        executable(&program, &script);
        folder
    }
}

fn executable(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// How often a peer was asked for a plan.
fn asked(peer: &Path) -> usize {
    let noted = fs::read_to_string(peer.join("asked")).unwrap_or_default();
    noted.lines().count()
}

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(args).env_remove("LOCKSTEP_LOG");
    command.output().expect("the program runs")
}

#[track_caller]
fn succeeds(args: &[&str]) -> String {
    let output = run(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {text}{errors}");
    text
}

#[track_caller]
fn fails(code: i32, args: &[&str]) -> String {
    let output = run(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    text
}

#[test]
fn a_peer_that_decides_the_same_differs_in_no_cluster_and_is_asked_once() {
    let lab = Lab::new();
    let peer = lab.peer("peer", "");
    let (program, cases, known) = (
        peer.display().to_string(),
        lab.path("cases"),
        lab.path("known"),
    );
    let args = [
        "differential",
        "--peer",
        &program,
        "--cases",
        &cases,
        "--count",
        "6",
        "--seed",
        "3",
        "--known",
        &known,
    ];
    let text = succeeds(&args);
    assert!(text.contains("6 clusters: 0 differ"), "{text}");
    // Summary and graph of each cluster; of one that it refuses no more than the first.
    let before = asked(&peer);
    assert!((6..=12).contains(&before), "{before}");
    succeeds(&args);
    assert_eq!(asked(&peer), before, "its answers are known");
}

#[test]
fn a_difference_is_kept_with_both_sides_until_it_is_gone() {
    let lab = Lab::new();
    let odd = lab.peer("odd", "echo \"Something else than the engine\"");
    let even = lab.peer("even", "").display().to_string();
    let (odd, cases, save) = (
        odd.display().to_string(),
        lab.path("cases"),
        lab.path("kept"),
    );
    let text = fails(
        1,
        &[
            "differential",
            "--peer",
            &odd,
            "--cases",
            &cases,
            "--count",
            "1",
            "--seed",
            "3",
            "--shrink",
            "4",
            "--save",
            &save,
        ],
    );
    assert!(text.contains("1 clusters: 1 differ"), "{text}");
    let kept = fs::read_dir(&save).expect("it was kept").next();
    let kept = kept.expect("one folder").expect("it can be read").path();
    let read = |name: &str| fs::read_to_string(kept.join(name)).expect("it was kept");
    assert!(read("peer.summary").contains("Something else than the engine"));
    assert!(!read("engine.summary").contains("Something else"));
    assert!(read("story").contains("--seed 3"));

    let again = fails(1, &["differential", "--peer", &odd, "--recheck", &save]);
    assert!(again.contains("1 of 1 still differ"), "{again}");
    let gone = succeeds(&["differential", "--peer", &even, "--recheck", &save]);
    assert!(gone.contains("0 of 1 still differ"), "{gone}");
}

#[test]
fn a_peer_that_breaks_off_is_wrong_and_not_the_end_of_the_run() {
    let lab = Lab::new();
    let broken = lab.peer("broken", "kill -9 $$").display().to_string();
    let cases = lab.path("cases");
    let text = succeeds(&[
        "differential",
        "--peer",
        &broken,
        "--cases",
        &cases,
        "--count",
        "2",
        "--seed",
        "3",
    ]);
    let told = "2 clusters: 0 differ, 2 in ways in which the peer is wrong";
    assert!(text.contains(told), "{text}");
}

/// A resource that is started and then left alone.
const SETTLED: &str = r#"<cib validate-with="pacemaker-3.0" crm_feature_set="3.16.1" have-quorum="1" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config><cluster_property_set id="o"><nvpair id="o1" name="stonith-enabled" value="false"/></cluster_property_set></crm_config><nodes><node id="1" uname="n1"/></nodes><resources><primitive id="r" class="ocf" provider="pacemaker" type="Dummy"/></resources><constraints/></configuration><status><node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>"#;

#[test]
fn plans_are_examined_for_files_and_for_clusters_made_at_random() {
    let lab = Lab::new();
    fs::write(lab.path("cases/settled.xml"), SETTLED).expect("written");
    fs::write(lab.path("cases/nothing.xml"), "<cib/>").expect("written");
    let text = succeeds(&["audit", "--cases", &lab.path("cases"), "--count", "0"]);
    assert!(
        text.contains("     1  safe, and nothing is left to do\n"),
        "{text}"
    );
    assert!(text.contains("     1  refused\n"), "{text}");
    assert!(text.contains("     0  not as they should be"), "{text}");

    let peer = lab.peer("peer", "");
    let text = succeeds(&[
        "audit",
        "--count",
        "40",
        "--seed",
        "2",
        "--peer",
        &peer.display().to_string(),
        "--save",
        &lab.path("bad"),
    ]);
    let count = |of: &str| -> usize {
        let line = text
            .lines()
            .find(|line| line.ends_with(of))
            .expect("it is told");
        line.split_whitespace()
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number")
    };
    assert_eq!(count("not as they should be"), 0);
    // Where something is left to do the peer was asked: for the first plan, and for the one after it.
    let left = count("safe, and something is always left to do");
    assert_eq!(count("of these for the peer as well"), left);
    assert_eq!(asked(&peer), 2 * left);
    assert!(!Path::new(&lab.path("bad")).exists());
}

#[test]
fn two_processes_are_compared_to_the_byte() {
    let text = succeeds(&["determinism", "--count", "4", "--seed", "5"]);
    assert!(text.contains("4 of 4 clusters byte-equal"), "{text}");
    let lab = Lab::new();
    let unsteady = lab.path("unsteady");
    executable(Path::new(&unsteady), "echo $$");
    let text = fails(
        1,
        &[
            "determinism",
            "--count",
            "2",
            "--seed",
            "5",
            "--program",
            &unsteady,
        ],
    );
    assert!(text.contains("differs between two processes"), "{text}");
    assert!(text.contains("0 of 2 clusters byte-equal"), "{text}");
}

#[test]
fn a_family_of_clusters_is_printed_and_planned_for() {
    let lab = Lab::new();
    let cib = succeeds(&["bench", "family", "group", "3"]);
    assert!(
        cib.contains("<group id=\"group\">") && cib.contains("id=\"m2\""),
        "{cib}"
    );
    let file = lab.path("cib.xml");
    fs::write(&file, cib).expect("written");
    succeeds(&["parse", &file]);
    let text = succeeds(&["simulate", "-x", &file, "-S"]);
    assert!(text.contains("Fencing node002"), "{text}");
    let text = fails(1, &["bench", "family", "nothing", "3"]);
    assert!(
        text.contains("lost node") && text.contains("bundles"),
        "{text}"
    );
}

#[test]
fn what_a_process_took_is_told_whether_it_succeeds_or_not() {
    for (program, success) in [("true", true), ("false", false)] {
        let text = succeeds(&["measure", program]);
        let told: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(told["success"], success, "{text}");
        assert!(told["cost"]["wall_us"].as_u64() > Some(0), "{text}");
        assert!(told["cost"]["peak_kib"].as_u64() > Some(0), "{text}");
    }
    fails(2, &["measure"]);
    let text = fails(2, &["measure", "/nowhere/to/be/found"]);
    assert!(text.contains("/nowhere/to/be/found"), "{text}");
}

#[test]
fn a_seed_of_the_simulator_is_the_same_run_whenever_it_is_played() {
    let text = succeeds(&["sim", "--seeds", "0..2", "--jobs", "1"]);
    assert!(text.contains("2 seeds, 0 with findings"), "{text}");
    let lab = Lab::new();
    let play = |name: &str| {
        let cib = lab.path(name);
        let trace = succeeds(&[
            "sim", "--replay", "1", "--trace", "--until", "20", "--cib", &cib,
        ]);
        (trace, fs::read_to_string(cib).expect("it was written"))
    };
    let (first, second) = (play("first.xml"), play("second.xml"));
    assert!(first.1.contains("<cib "), "{}", first.1);
    assert!(first.0.lines().count() > 20, "{}", first.0);
    assert_eq!(first.1, second.1);
    assert_eq!(
        first.0.replace("first.xml", ""),
        second.0.replace("second.xml", "")
    );
}

#[test]
fn bugs_and_scenarios_are_listed_and_others_refused() {
    let bugs = succeeds(&["sim", "--plant", "list"]);
    assert!(bugs.lines().count() > 5, "{bugs}");
    let text = fails(2, &["sim", "--plant", "nothing"]);
    assert!(text.contains("no bug 'nothing' can be planted"), "{text}");
    fails(2, &["sim", "--seeds", "5..1"]);
    let scenarios = succeeds(&["list"]);
    assert!(
        scenarios.lines().any(|line| line.starts_with("levers ")),
        "{scenarios}"
    );
}

#[test]
fn whoever_reads_less_than_all_ends_a_list_without_a_word() {
    let mut command = Command::new(PROGRAM);
    command
        .arg("list")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    // Nobody reads: the pipe is closed before, or while, the first lines come.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
