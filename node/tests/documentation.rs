//! What the documentation shows is what the program does: every `console` block of the pages
//! below `docs/` is typed, and the output compared. A last line `…` stands for any lines.
//! `LOCKSTEP_UPDATE=1` writes what is printed now.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the shell that runs the tests; nothing in the program reads it"
)]
fn pages_show_what_the_program_prints() {
    let update = std::env::var_os("LOCKSTEP_UPDATE").is_some();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut typed = 0;
    for page in pages(&docs) {
        let text = fs::read_to_string(&page).unwrap();
        let mut now = text.clone();
        for (command, shown) in commands(&text) {
            let printed = run(&docs, &command);
            typed += 1;
            if update && !shown.ends_with("…\n") {
                let entry = |output: &str| format!("$ {command}\n{output}");
                let lines: String = printed
                    .trim_end()
                    .lines()
                    .map(|l| format!("{l}\n"))
                    .collect();
                now = now.replace(&entry(&shown), &entry(&lines));
                continue;
            }
            assert!(
                is_shown(&shown, &printed),
                "{}: $ {command}\nprints\n{printed}\nbut the page shows\n{shown}",
                page.display()
            );
        }
        if now != text {
            fs::write(&page, now).unwrap();
        }
    }
    assert!(typed > 0, "no page shows a command");
}

fn pages(docs: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(docs).unwrap();
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

/// Commands in `console` blocks, with what is shown below each.
fn commands(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("```console\n").skip(1);
    let mut commands: Vec<(String, String)> = Vec::new();
    for block in blocks {
        let block = block.split("```").next().unwrap_or_default();
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push((command.to_owned(), String::new())),
                None => {
                    let (_, shown) = commands.last_mut().expect("a block begins with a command");
                    *shown += line;
                    shown.push('\n');
                }
            }
        }
    }
    commands
}

/// Runs a command in a copy of the folder: what it writes is nobody's.
fn run(docs: &Path, command: &str) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("lockstep"), "{command}");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("engine")).unwrap();
    for entry in fs::read_dir(docs.join("engine")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        fs::copy(&path, folder.path().join("engine").join(name)).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(words)
        .current_dir(folder.path())
        .env("TZ", "UTC")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    for entry in fs::read_dir(folder.path().join("engine")).unwrap() {
        let path = entry.unwrap().path();
        let kept = docs.join("engine").join(path.file_name().unwrap());
        let written = fs::read(&path).unwrap();
        let same = fs::read(&kept).unwrap() == written;
        assert!(same, "{command} writes another {}", kept.display());
    }
    String::from_utf8(output.stdout).unwrap()
}

fn is_shown(shown: &str, printed: &str) -> bool {
    let clean = |text: &str| {
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines.join("\n").trim().to_owned()
    };
    match shown.split_once("…") {
        Some((start, _)) => clean(printed).starts_with(&clean(start)),
        None => clean(shown) == clean(printed),
    }
}
