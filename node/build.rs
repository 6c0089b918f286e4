//! Links the unwinder into the program, where its library can be had.
//!
//! It is all that a Rust program needs of `libgcc_s`, and to find, map and relocate one more shared
//! library takes a tenth of a millisecond: a tenth of the time in which `lockstep` starts, and
//! agents call it many times. Where the library is missing, the shared one is linked as usual.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts everything in the environment"
)]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    // Only for the machine itself: another one's compiler is not known here.
    let native = env::var("HOST") == env::var("TARGET");
    if native && target("OS") == "linux" && target("ENV") == "gnu" && has_unwinder() {
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Whether the C compiler, which links Rust programs, has the library: it answers with the full
/// path then, and with the bare name if not.
fn has_unwinder() -> bool {
    let asked = Command::new("cc")
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    asked.is_ok_and(|answer| answer.stdout.contains(&b'/'))
}
