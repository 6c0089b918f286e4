//! Any bytes: reading a CIB never panics, errors carry a place, and what was read can be written
//! and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::parse::{Document, Limits};

fuzz_target!(|bytes: &[u8]| {
    match Document::parse(bytes, &Limits::default()) {
        Err(error) => {
            assert!(
                error.line() >= 1 && error.column() >= 1,
                "an error without a place: {error}"
            );
            assert!(!error.message().is_empty() && !error.hint().is_empty());
        }
        Ok(document) => {
            let written = document.to_xml();
            let again = Document::parse(written.as_bytes(), &Limits::default())
                .unwrap_or_else(|error| panic!("what was written cannot be read: {error}"));
            assert_eq!(written, again.to_xml(), "writing is stable");
        }
    }
});
