//! Links the C library and the unwinder into the program, where they can be had.
//!
//! To find, map, relocate and bind shared libraries takes a third of the time in which `lockstep`
//! starts, and agents call it many times. What is linked in also runs whatever C library a host
//! has, and keeps running while that is upgraded (`docs/decisions/0010`). Where an archive is
//! missing, the shared library is linked as usual.
//!
//! Only the program itself: what else is made of this package (tests, the testbed) gets no more
//! than the unwinder, so that a library can still be loaded in front of it.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts everything in the environment"
)]

use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

/// What the standard library links on Linux with glibc, beside the unwinder.
const LIBRARIES: [&str; 6] = ["util", "rt", "pthread", "m", "dl", "c"];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LOCKSTEP_LINK");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    // Only for the machine itself: another one's compiler is not known here.
    let native = env::var("HOST") == env::var("TARGET");
    let how = env::var("LOCKSTEP_LINK").unwrap_or_default();
    if how == "shared" || !native || target("OS") != "linux" || target("ENV") != "gnu" {
        return Ok(());
    }
    let Some(unwinder) = archive("gcc_eh") else {
        return Ok(());
    };
    println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    let found = LIBRARIES.map(|name| Some((name, archive(name)?)));
    let found: Option<Vec<_>> = found.into_iter().collect();
    if let (Some(mut found), Some(gcc)) = (found, archive("gcc")) {
        found.push(("gcc_s", unwinder.clone()));
        link_in(&found, &unwinder, &gcc)?;
        let addresses: &[_] = match how.as_str() {
            "pie" => &["-static-pie"],
            // After what rustc asks for, so it counts.
            _ => &["-static", "-no-pie"],
        };
        for argument in addresses {
            println!("cargo:rustc-link-arg-bin=lockstep={argument}");
        }
        // For the test that looks at what came of it.
        println!("cargo:rustc-env=LOCKSTEP_LINKED_IN={how}");
    }
    Ok(())
}

/// Where the C compiler, which links Rust programs, has an archive: it answers with the full path,
/// or with the bare name if there is none.
fn archive(name: &str) -> Option<String> {
    let asked = Command::new("cc")
        .arg(format!("-print-file-name=lib{name}.a"))
        .output()
        .ok()?;
    let path = String::from_utf8(asked.stdout).ok()?.trim().to_owned();
    path.contains('/').then_some(path)
}

/// Makes a folder that is searched for libraries first, in which there are archives only. There is
/// no setting for how one program of several is linked.
fn link_in(found: &[(&str, String)], unwinder: &str, gcc: &str) -> io::Result<()> {
    let folder = Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("archives");
    fs::create_dir_all(&folder)?;
    for (name, path) in found {
        // A linker takes a file of this kind for a script. The C library and the unwinder need each other.
        fs::write(
            folder.join(format!("lib{name}.a")),
            format!("GROUP ( {path} {unwinder} {gcc} )\n"),
        )?;
    }
    println!("cargo:rustc-link-arg-bin=lockstep=-L{}", folder.display());
    Ok(())
}
