//! Which `lockstep` is measured?
//!
//! The one that is shipped, which is linked otherwise than this program. This one knows the command
//! as well, and stands in where there is no other.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is to be measured, and what to call it: `asked`, or the program beside this one, brought up to date if
/// cargo runs this, or this one.
///
/// # Errors
/// If it cannot be built.
pub(super) fn choose(asked: Option<&Path>) -> io::Result<(PathBuf, String)> {
    if let Some(asked) = asked {
        return Ok((asked.to_owned(), asked.display().to_string()));
    }
    let this = env::current_exe()?;
    build(&this)?;
    let beside = this.with_file_name("lockstep");
    if beside.exists() {
        let what = beside.display().to_string();
        return Ok((beside, what));
    }
    let what = format!("{} in its place", this.display());
    Ok((this, what))
}

/// Copies a program, as a package would: a linker writes one here and there, and the kernel keeps such a
/// file in many small pieces, which makes its start a fifth slower. Returns where the copy is.
///
/// # Errors
/// If it cannot be copied.
pub(super) fn install(program: &Path, at: &Path) -> io::Result<String> {
    fs::copy(program, at)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
    Ok(at.display().to_string())
}

/// Brings the program up to date, if it was cargo that started this one and can tell.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo says in the environment where it is"
)]
fn build(this: &Path) -> io::Result<()> {
    let Some(cargo) = env::var_os("CARGO") else {
        return Ok(());
    };
    let mut build = Command::new(cargo);
    build.args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "lockstep-node",
        "--bin",
        "lockstep",
    ]);
    if this
        .parent()
        .is_some_and(|folder| folder.ends_with("release"))
    {
        build.arg("--release");
    }
    // What is said about this package is not about that one, and would have other packages rebuilt.
    for (name, _) in env::vars_os() {
        let said = name.to_string_lossy();
        if said.starts_with("CARGO_PKG_") || said.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    match build.status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("`lockstep` could not be built")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_is_asked_for_is_copied_and_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let asked = folder.path().join("older");
        fs::write(&asked, "a program").expect("written");
        let install = |asked: &Path| {
            let (program, what) = choose(Some(asked))?;
            Ok::<_, io::Error>((install(&program, &folder.path().join("copy"))?, what))
        };
        let (installed, what) = install(&asked).expect("it is there");
        assert_eq!(fs::read(installed).expect("a copy"), b"a program");
        assert_eq!(what, asked.display().to_string());
        fs::remove_file(&asked).expect("removed");
        let error = install(&asked).expect_err("it is gone");
        assert!(error.to_string().contains("older"), "{error}");
    }
}
