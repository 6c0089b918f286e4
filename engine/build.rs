//! Compiles the grammar of CIBs, `src/schema/grammar/cib.grammar`, into tables.
//!
//! What the grammar says does not change from process to process, so none has to read it. A mistake
//! in it stops the build and tells the line.

#[path = "src/schema/grammar/arena.rs"]
mod arena;
#[path = "build/compile.rs"]
mod compile;
#[path = "build/notation.rs"]
mod notation;
#[path = "build/read.rs"]
mod read;
#[path = "build/tables.rs"]
mod tables;
#[path = "src/schema/version.rs"]
#[expect(dead_code, unreachable_pub, reason = "the engine needs more of it")]
mod version;

use std::error::Error;
use std::path::Path;

const GRAMMAR: &str = "src/schema/grammar/cib.grammar";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/schema/grammar");
    println!("cargo::rerun-if-changed=src/schema/version.rs");
    let text = std::fs::read_to_string(GRAMMAR)?;
    let notation =
        notation::Notation::read(&text).map_err(|fault| format!("{GRAMMAR}: {fault}"))?;
    let compiled = compile::compile(&notation).map_err(|fault| format!("{GRAMMAR}: {fault}"))?;
    #[expect(clippy::disallowed_methods, reason = "so cargo tells where to write")]
    let folder = std::env::var("OUT_DIR")?;
    std::fs::write(
        Path::new(&folder).join("grammar.rs"),
        tables::write(&compiled),
    )?;
    Ok(())
}
