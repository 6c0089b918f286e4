use std::os::unix::fs::PermissionsExt;

use std::sync::Arc;

use lockstep_consensus::tls::port::Port;
use lockstep_consensus::tls::{Authority, PEERS, is_distrust, member_name};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::files::{Files, found};
use super::token::{self, Admits, Token};
use super::*;
use crate::clock::Clock;

const NOW: i64 = 1_800_000_000;

/// A controller's files.
fn controller(home: &std::path::Path) -> (Authority, Files) {
    let authority = found("c", NOW).expect("an authority");
    let files = Files::of(home);
    files
        .admit_by(&authority, "n1", Some(1), NOW)
        .expect("a folder");
    (authority, files)
}

fn give_out(files: &Files, life: i64) -> Token {
    let address = "127.0.0.1:4748".parse().expect("an address");
    let given = token::give_out(files, "c", address, Admits::Controller, None, (NOW, life));
    given.expect("a controller")
}

#[test]
fn nobody_else_can_read_keys_and_tokens() {
    let home = tempfile::tempdir().expect("a folder");
    let (_, files) = controller(home.path());
    give_out(&files, 60);
    let mode = |path: &std::path::Path| {
        let meta = path.metadata().expect("it is there");
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode(files.folder()), 0o700);
    assert_eq!(mode(&files.folder().join("tokens")), 0o700);
    let mut count = 0;
    for folder in [files.folder().to_owned(), files.folder().join("tokens")] {
        for entry in std::fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it is there").path();
            if path.is_file() {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                count += 1;
            }
        }
    }
    assert_eq!(count, 5);
}

#[test]
fn a_worker_has_no_authority_and_a_controller_that_left_has_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let (authority, files) = controller(home.path());
    let other = tempfile::tempdir().expect("a folder");
    let worker = Files::of(other.path());
    worker
        .admit_by(&authority, "w1", None, NOW)
        .expect("a folder");
    worker.credentials().expect("it is a node");
    let denied = worker.authority("c").err().expect("no key");
    assert_eq!(denied.exit(), Exit::NoPermission);

    assert_eq!(files.ensure_new().expect_err("a node").exit(), Exit::Exists);
    files.forget().expect("it is there");
    files.forget().expect("again is no error");
    files.ensure_new().expect("no node any more");
    assert!(matches!(
        files.credentials(),
        Err(SecurityError::NoNode { .. })
    ));
}

#[test]
fn a_certificate_says_until_when_it_is_good_and_is_renewed_in_time() {
    let home = tempfile::tempdir().expect("a folder");
    let (_, files) = controller(home.path());
    let until = files.good_until().expect("it says so");
    assert_eq!(until, NOW + files::CERTIFICATE_LIFE);
    assert!(!renew::is_due(until, NOW) && renew::is_due(until, until - 29 * 24 * 3_600));
    let later = NOW + 1_000;
    let renewed = renew::renew(&files, "c", "n1", 1, later).expect("a controller");
    assert_eq!(renewed, until + 1_000);
    assert_eq!(files.good_until().expect("it says so"), renewed);
    files.credentials().expect("it fits the key");
}

#[test]
fn a_token_is_read_as_it_was_written_and_nothing_else_is_one() {
    let home = tempfile::tempdir().expect("a folder");
    let (authority, files) = controller(home.path());
    let token = give_out(&files, 60);
    assert_eq!(token.authority, authority.fingerprint());
    let text = token.to_string();
    assert_eq!(text.parse(), Ok(token.clone()));
    assert_eq!(format!(" {text}\n").parse(), Ok(token.clone()));
    assert!(!format!("{token:?}").contains(&hex(&token.secret)));
    for cut in 0..text.len() {
        assert!(text[..cut].parse::<Token>().is_err(), "cut at {cut}");
    }
    let wrong = [
        text.replace("lockstep1", "lockstep2"),
        text.replace(":4748", ""),
        format!("{text}0"),
        format!("{text}/"),
        text.replacen(&hex(&token.secret), &"+".repeat(32), 1),
        "lockstep1/ä".to_owned(),
    ];
    for text in wrong {
        assert!(text.parse::<Token>().is_err(), "{text}");
    }
}

#[test]
fn a_token_is_good_once_and_for_its_time() {
    let home = tempfile::tempdir().expect("a folder");
    let (_, files) = controller(home.path());
    let number = give_out(&files, 60).number;
    let known = |at| token::look_up(&files, &number, at).expect("it can be read");
    assert!(known(NOW + 60).is_some() && known(NOW + 61).is_none());
    assert!(token::use_up(&files, &number).expect("it can be written"));
    assert!(known(NOW).is_none());
    assert!(!token::use_up(&files, &number).expect("it can be read"));
    // What is out of date goes when the next one is given out.
    let stale = give_out(&files, -1).number;
    give_out(&files, 60);
    let path = files.folder().join(format!("tokens/{}.toml", hex(&stale)));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_node_that_was_off_until_its_certificate_ran_out_renews_it_at_once() {
    const DAY: i64 = 24 * 3_600;
    let now = Clock::start().unix_s();
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let [one, two] = [one, two].map(|home| Files::of(&home.keep()));
    let authority = found("c", now - 200 * DAY).expect("an authority");
    let admit = |files: &Files, id, at| files.admit_by(&authority, "n", Some(id), at);
    admit(&one, 1, now).expect("a folder");
    admit(&two, 2, now - 100 * DAY).expect("a folder");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let credentials = Arc::new(two.credentials().expect("they can be read"));
    let _port = Port::open(listener, credentials.clone(), &[PEERS]);
    let caller = one.credentials().expect("they are there");
    let call = async || {
        let stream = TcpStream::connect(address).await.expect("it listens");
        caller.connect(stream, &member_name(2), PEERS).await
    };
    assert!(is_distrust(&call().await.expect_err("out of date")));

    let (files, renewed) = (two.clone(), Arc::new(Notify::new()));
    let told = renewed.clone();
    tokio::spawn(renew::keep_fresh(two, credentials, move || {
        renew::renew(&files, "c", "n", 2, now).expect("a controller");
        told.notify_one();
        std::future::ready(())
    }));
    renewed.notified().await;
    call().await.expect("it is good now");
}
