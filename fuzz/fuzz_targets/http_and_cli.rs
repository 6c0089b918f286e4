//! What operators and their programs send: bodies of requests, join tokens, configurations, and
//! arguments of the command line. The first byte says which.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use lockstep_fuzz::checks::{NOW, written_and_read};
use lockstep_node::http::types::{
    AttributeRequest, CleanupRequest, ConfirmFencedRequest, Problem, TicketRequest,
};
use lockstep_node::policy::admit;
use lockstep_node::security::token::Token;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which {
        b'a' => body::<AttributeRequest>(bytes),
        b'c' => body::<CleanupRequest>(bytes),
        b't' => body::<TicketRequest>(bytes),
        b'f' => body::<ConfirmFencedRequest>(bytes),
        b'p' => body::<Problem>(bytes),
        b'j' => token(bytes),
        b'x' => configuration(bytes),
        _ => arguments(bytes),
    }
});

fn body<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(request) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let written = serde_json::to_vec(&request).expect("plain data");
    let again: T = serde_json::from_slice(&written).expect("we wrote it");
    assert_eq!(request, again);
}

fn token(bytes: &[u8]) {
    let Ok(token) = String::from_utf8_lossy(bytes).parse::<Token>() else {
        return;
    };
    let again = token.to_string().parse::<Token>();
    assert!(again.is_ok_and(|again| again == token), "as it is shown");
}

/// What is admitted is in the newest schema, and stays as it is when it is given again.
fn configuration(bytes: &[u8]) {
    match admit(bytes, NOW) {
        Err(refused) => assert!(!refused.to_string().is_empty()),
        Ok(admitted) => {
            let text = written_and_read(&admitted.cib).to_xml();
            let again = admit(text.as_bytes(), NOW).expect("it was admitted");
            assert_eq!(text, again.cib.to_xml());
        }
    }
}

/// One argument a line.
fn arguments(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let arguments = std::iter::once("lockstep").chain(text.lines());
    if let Err(error) = lockstep_node::cli::check(arguments) {
        assert!(!error.to_string().is_empty());
    }
}
