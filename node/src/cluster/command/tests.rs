//! What a group of mixed versions relies on.

use super::*;

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
