//! Init scripts, run for real from a temporary folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::agent::{AgentName, Agents, Operation, Outcome, Run, Services, Status};

/// Writes an init script into a machine's folder.
pub(in crate::agent) fn install(folder: &Path, name: &str, script: &str) {
    let path = folder.join("init.d").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn agents(folder: &Path) -> Agents {
    let mut site = crate::agent::tests::site(folder);
    site.services = Services {
        init_folder: folder.join("init.d"),
        ..Services::default()
    };
    Agents::new(site)
}

async fn run(folder: &Path, agent: &str, task: &str) -> Outcome {
    let agent: AgentName = agent.parse().unwrap();
    let mut operation = Operation::alone(agent, task);
    operation.timeout_ms = 20_000;
    agents(folder).run(operation, Run::by_hand()).await
}

#[tokio::test]
async fn exit_codes_of_status_are_not_those_of_the_other_actions() {
    let folder = tempfile::tempdir().unwrap();
    // (exit code, of the action start, of the action status)
    let cases = [
        (0, 0, 0),
        (1, 1, 7),
        (2, 2, 7),
        (3, 3, 7),
        (4, 4, 1),
        (7, 7, 1),
        (8, 1, 1),
        (150, 1, 5),
        (151, 1, 4),
    ];
    for (exit, started, looked) in cases {
        install(folder.path(), "web", &format!("exit {exit}"));
        let of = |task| run(folder.path(), "lsb:web", task);
        assert_eq!(of("start").await.code.0, started, "start ends with {exit}");
        assert_eq!(
            of("monitor").await.code.0,
            looked,
            "status ends with {exit}"
        );
    }
}

#[tokio::test]
async fn a_script_is_asked_for_its_status_and_told_nothing_of_the_resource() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"[ "$#" = 1 ] && [ "$1" = status ] && [ -z "$(env | grep ^OCF_)" ]"#;
    install(folder.path(), "web", script);
    let outcome = run(folder.path(), "lsb:web", "monitor").await;
    assert_eq!((outcome.code.0, outcome.status), (0, Status::Done));
}

#[tokio::test]
async fn a_script_that_is_not_there_is_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    for agent in ["lsb:ghost", "lsb:../web", "lsb:/nonexistent/web"] {
        let outcome = run(folder.path(), agent, "start").await;
        assert_eq!(outcome.status, Status::NotInstalled, "{agent}");
    }
}

#[tokio::test]
async fn a_script_describes_itself_in_its_comments() {
    let folder = tempfile::tempdir().unwrap();
    let header = "### BEGIN INIT INFO\n\
        # Provides:          web\n\
        # Required-Start:    $network <all>\n\
        # Short-Description: Serves pages\n\
        # Description:       Serves pages\n\
        #                    to everybody\n\
        ### END INIT INFO\n\
        # Provides:          nothing any more";
    install(folder.path(), "web", header);
    let agent = "lsb:web".parse().unwrap();
    let (text, told) = agents(folder.path()).metadata(&agent).await.unwrap();
    assert_eq!(told.name, "web");
    let names: Vec<_> = told.actions.iter().map(|a| a.name.as_str()).collect();
    assert!(names.contains(&"force-reload"), "{names:?}");
    let expected = [
        "<Provides>          web</Provides>",
        "$network &lt;all&gt;</Required-Start>",
        "Serves pages</shortdesc>",
        "to everybody",
    ];
    for part in expected {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}
