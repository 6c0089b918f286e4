//! What is a unit called, and what does the cluster tell systemd about it?

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Kinds of units that can be resources.
const EXTENSIONS: [&str; 5] = [".service", ".socket", ".mount", ".timer", ".path"];
/// What an agent's name means without an extension.
const SERVICE: &str = ".service";
/// The instance of a template of which somebody only wants to know.
const SOME_INSTANCE: &str = "lockstep";
/// Name of the file that the cluster adds to a unit.
const OVERRIDE: &str = "50-lockstep.conf";

/// The unit that an agent's name means.
pub(super) fn name(kind: &str) -> String {
    match extension(kind) {
        Some(_) => kind.to_owned(),
        None => format!("{kind}{SERVICE}"),
    }
}

/// The same of a template, `getty@`: some instance of it. Enough to ask whether it exists.
pub(super) fn name_of_any_instance(kind: &str) -> String {
    let extension = extension(kind).unwrap_or(SERVICE);
    let stem = kind.strip_suffix(extension).unwrap_or(kind);
    let instance = if stem.ends_with('@') {
        SOME_INSTANCE
    } else {
        ""
    };
    format!("{stem}{instance}{extension}")
}

/// The agent's name by which a unit file goes, if it can be a resource.
pub(super) fn kind_of_file(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next().unwrap_or(path);
    extension(file).map(|_| file.strip_suffix(SERVICE).unwrap_or(file))
}

fn extension(name: &str) -> Option<&'static str> {
    EXTENSIONS.into_iter().find(|end| name.ends_with(end))
}

/// What the cluster adds to units while it manages them. It starts them, never systemd; but systemd
/// stops them when the machine shuts down, and must do so after the cluster had its chance: units
/// stop in reverse order. Nor may systemd restart what the cluster wants to know the end of.
pub(super) struct Override {
    file: PathBuf,
    text: String,
}

impl Override {
    /// That of a unit; `folder` is where systemd looks for what does not survive a boot.
    pub(super) fn of(folder: &Path, unit: &str) -> Self {
        let mut text = format!(
            "[Unit]\nDescription=Cluster Controlled {unit}\n\
             Before=lockstep.service lockstep-executor.service\n"
        );
        if unit.ends_with(SERVICE) {
            text.push_str("\n[Service]\nRestart=no\n");
        }
        Self {
            file: folder.join(format!("{unit}.d")).join(OVERRIDE),
            text,
        }
    }

    /// Writes it. systemd has to reload then.
    pub(super) fn write(&self) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("/"));
        let mut make = std::fs::DirBuilder::new();
        make.recursive(true).mode(0o755).create(folder)?;
        let mut open = std::fs::OpenOptions::new();
        open.write(true).create(true).truncate(true).mode(0o644);
        let written = open
            .open(&self.file)
            .and_then(|mut file| io::Write::write_all(&mut file, self.text.as_bytes()));
        if written.is_err() {
            // Half of it would be worse than nothing.
            let _ = std::fs::remove_file(&self.file);
        }
        written
    }

    /// Takes it away; whether there was one, so that systemd has to reload.
    pub(super) fn remove(&self) -> io::Result<bool> {
        match std::fs::remove_file(&self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
