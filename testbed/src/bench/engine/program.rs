//! Which `lockstep` is measured?
//!
//! The one that is shipped, which is linked otherwise than this program. This one knows the command
//! as well, and stands in where there is no other.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy in `folder` of what is to be measured: `asked`, or the program beside this one, brought up to
/// date if cargo runs this, or this one.
///
/// It is a copy, as a package would make: a linker writes a program here and there, and the kernel
/// keeps such a file in many small pieces, which makes its start a fifth slower.
///
/// # Errors
/// If it cannot be built or copied.
pub(super) fn install(asked: Option<&Path>, folder: &Path) -> io::Result<(PathBuf, String)> {
    let this = env::current_exe()?;
    let beside = this.with_file_name("lockstep");
    let (program, what) = match asked {
        Some(asked) => (asked, asked.display().to_string()),
        None => {
            build(&this)?;
            match beside.exists() {
                true => (beside.as_path(), beside.display().to_string()),
                false => (this.as_path(), format!("{} in its place", this.display())),
            }
        }
    };
    let installed = folder.join("lockstep");
    fs::copy(program, &installed)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
    Ok((installed, what))
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
        let (installed, what) = install(Some(&asked), folder.path()).expect("it is there");
        assert_eq!(fs::read(installed).expect("a copy"), b"a program");
        assert_eq!(what, asked.display().to_string());
        fs::remove_file(&asked).expect("removed");
        let error = install(Some(&asked), folder.path()).expect_err("it is gone");
        assert!(error.to_string().contains("older"), "{error}");
    }
}
