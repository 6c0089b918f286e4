//! What a group of mixed versions relies on.

use super::*;
use crate::agent::{Outcome, ResultCode, Status};

fn entry(command: Command) -> Entry {
    Entry {
        at: 1,
        request: None,
        command,
    }
}

fn version(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

#[test]
fn an_entry_asks_for_no_newer_controller_than_its_command_needs() {
    let old = entry(Command::Lead {
        controller: 1,
        term: 2,
    });
    let new = entry(Command::ConfirmFenced { node: "n1".into() });
    assert_eq!(version(&old.encode()), 1);
    assert_eq!(version(&new.encode()), 2);
    for entry in [old, new] {
        assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
    }
}

#[test]
fn a_newer_entry_stops_a_controller_and_says_so() {
    let mut bytes = entry(Command::ConfirmFenced { node: "n1".into() }).encode();
    bytes[..2].copy_from_slice(&(VERSION + 1).to_le_bytes());
    let error = Entry::decode(&bytes).unwrap_err();
    assert!(matches!(error, EntryError::Newer { found } if found == VERSION + 1));
    assert!(error.to_string().contains("upgrade"), "{error}");
}

#[test]
fn what_is_too_short_or_too_long_is_no_entry() {
    let whole = entry(Command::Lead {
        controller: 1,
        term: 1,
    })
    .encode();
    for short in [&[][..], &[1]] {
        assert!(matches!(Entry::decode(short), Err(EntryError::Short)));
    }
    let long = [&whole[..], &[0]].concat();
    let cut = &whole[..whole.len() - 1];
    for bytes in [&long, cut] {
        let decoded = Entry::decode(bytes);
        assert!(matches!(decoded, Err(EntryError::Malformed(_))));
    }
}

/// Groups of mixed versions read each other's entries, and a controller that is upgraded reads what it wrote before.
/// Whoever changes what an entry holds sees it here, and has to give what is new a version of its own.
#[test]
fn what_an_entry_looks_like_in_the_log_has_not_changed() {
    let outcome = Outcome {
        output: "o".into(),
        began_at: 7,
        exec_ms: 8,
        queue_ms: 9,
        restart_for: Some(vec!["p".into()]),
        ..Outcome::new(ResultCode(1), Status::Done, "r")
    };
    let report = Report {
        sequence: 3,
        key: OrderKey {
            transition: 4,
            action: 5,
        },
        repeated: true,
        resource: "db".into(),
        task: "start".into(),
        interval_ms: 6,
        outcome,
    };
    let report = Command::Report {
        node: "n1".into(),
        journal: 2,
        report,
    };
    let plan = Command::Plan {
        transition: 1,
        utc_offset: -60,
        feature_set: "3".into(),
    };
    for (command, known) in [
        (
            report,
            "0100020004026e3102030405010264620573746172740602000172016f0e080901010170",
        ),
        (plan, "010002000701770133"),
    ] {
        let bytes = entry(command).encode();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, known);
    }
}
