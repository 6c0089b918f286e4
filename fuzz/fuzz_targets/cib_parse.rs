//! Any bytes: reading a CIB never panics, errors carry a place, and what was read can be written
//! and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::parse::{Document, Limits};
use lockstep_fuzz::checks::written_and_read;

fuzz_target!(|bytes: &[u8]| {
    match Document::parse(bytes, &Limits::default()) {
        Err(error) => {
            assert!(
                error.line() >= 1 && error.column() >= 1,
                "an error without a place: {error}"
            );
            assert!(!error.message().is_empty() && !error.hint().is_empty());
        }
        Ok(document) => drop(written_and_read(&document)),
    }
});
