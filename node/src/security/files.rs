//! Which files make a machine a node, and who can read them?
//!
//! In `tls` of the data folder, which only its owner can enter: `authority.pem` and `node.pem`, the
//! certificates; `node.key`; on controllers also `authority.key` and, in `tokens`, the join tokens
//! that were given out here. `node.pem` begins with a line that says until when it is good.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use lockstep_consensus::tls::{Authority, Credentials, KeyPair, Validity};
use lockstep_consensus::types::NodeId;

use super::{SecurityError, names_of};
use crate::config::Config;

const DAY: i64 = 24 * 3_600;
/// How long an authority is good, in seconds.
const AUTHORITY_LIFE: i64 = 20 * 365 * DAY;
/// How long a certificate is good, in seconds.
pub const CERTIFICATE_LIFE: i64 = 90 * DAY;
/// How far clocks of two nodes may be apart, in seconds.
const CLOCKS_APART: i64 = 3_600;

/// What `node.pem` says of itself.
const UNTIL: &str = "# good until ";

/// The folder with a node's certificates and keys.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

/// What a machine is given when it becomes a node.
pub struct Admission<'a> {
    /// The authority's certificate.
    pub authority: &'a str,
    /// The authority's key, for a controller.
    pub authority_key: Option<&'a str>,
    /// The node's certificate.
    pub certificate: &'a str,
    /// The node's key.
    pub key: &'a str,
    /// Until when the certificate is good, in seconds since the epoch.
    pub until: i64,
}

impl Files {
    /// Those of the node with this data folder.
    pub fn of(data_dir: &Path) -> Self {
        let folder = data_dir.join("tls");
        Self { folder }
    }

    /// Those of the node with this configuration.
    pub fn of_config(config: &Config) -> Self {
        Self::of(&config.data_dir)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Fails if the machine is a node already.
    pub fn ensure_new(&self) -> Result<(), SecurityError> {
        let path = self.path("node.pem");
        match path.symlink_metadata() {
            Ok(_) => Err(SecurityError::IsNode { path }),
            Err(_) => Ok(()),
        }
    }

    /// Writes what makes this machine a node; its certificate last, so that it is one or is not.
    pub fn admit(&self, admission: &Admission<'_>) -> Result<(), SecurityError> {
        self.make_private()?;
        self.write("authority.pem", admission.authority)?;
        if let Some(key) = admission.authority_key {
            self.write("authority.key", key)?;
        }
        self.write("node.key", admission.key)?;
        self.write_certificate(admission.certificate, admission.until)
    }

    /// Makes this machine a node of the cluster whose authority is given.
    pub fn admit_by(
        &self,
        authority: &Authority,
        node: &str,
        id: Option<NodeId>,
        now: i64,
    ) -> Result<(), SecurityError> {
        let unusable = |error| self.unusable("node.pem", error);
        let key = KeyPair::generate().map_err(unusable)?;
        let validity = validity(now, CERTIFICATE_LIFE);
        let certificate = authority
            .certify(&key.public(), &names_of(node, id), validity)
            .map_err(unusable)?;
        self.admit(&Admission {
            authority: authority.certificate_pem(),
            authority_key: id.map(|_| authority.key_pem()),
            certificate: &certificate,
            key: &key.to_pem(),
            until: validity.until,
        })
    }

    /// Takes all keys away: this machine is no node any more.
    pub fn forget(&self) -> Result<(), SecurityError> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.io(".", error)),
            _ => Ok(()),
        }
    }

    /// What this node shows to others, and whom it believes.
    pub fn credentials(&self) -> Result<Credentials, SecurityError> {
        let (authority, own) = (self.read("authority.pem")?, self.read("node.pem")?);
        let key = self.read("node.key")?;
        Credentials::from_pem(&authority, &own, &key)
            .map_err(|error| self.unusable("node.pem", error))
    }

    /// The cluster's authority, on a controller.
    pub fn authority(&self, cluster: &str) -> Result<Authority, SecurityError> {
        let certificate = self.read("authority.pem")?;
        let key = match self.read("authority.key") {
            Err(SecurityError::NoNode { path }) => return Err(SecurityError::NoAuthority { path }),
            key => key?,
        };
        Authority::load(cluster, &certificate, &key)
            .map_err(|error| self.unusable("authority.key", error))
    }

    /// The authority's certificate.
    pub fn authority_certificate(&self) -> Result<String, SecurityError> {
        self.read("authority.pem")
    }

    /// This node's key.
    pub fn key(&self) -> Result<KeyPair, SecurityError> {
        let text = self.read("node.key")?;
        KeyPair::from_pem(&text).map_err(|error| self.unusable("node.key", error))
    }

    /// Until when the node's certificate is good, in seconds since the epoch.
    pub fn good_until(&self) -> Result<i64, SecurityError> {
        let text = self.read("node.pem")?;
        let until = text.lines().next().and_then(|l| l.strip_prefix(UNTIL));
        // A certificate from elsewhere does not say; it is replaced soon.
        Ok(until
            .and_then(|until| until.trim().parse().ok())
            .unwrap_or(0))
    }

    /// Puts another certificate, for the same key, in the place of the node's.
    pub fn write_certificate(&self, certificate: &str, until: i64) -> Result<(), SecurityError> {
        self.write("node.pem", &format!("{UNTIL}{until}\n{certificate}"))
    }

    /// Makes the folder, for its owner only.
    pub(super) fn make_private(&self) -> Result<(), SecurityError> {
        self.make_folder("")?;
        self.make_folder("tokens")
    }

    fn make_folder(&self, name: &str) -> Result<(), SecurityError> {
        let path = self.path(name);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| self.io(name, error))
    }

    /// Reads a file.
    pub(super) fn read(&self, name: &str) -> Result<String, SecurityError> {
        std::fs::read_to_string(self.path(name)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => SecurityError::NoNode {
                path: self.path(name),
            },
            _ => self.io(name, error),
        })
    }

    /// Writes a file that only its owner can read, whole or not at all.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), SecurityError> {
        let new = self.path(&format!("{name}.new"));
        let folder = new.parent().unwrap_or(&self.folder);
        let attempt = || {
            // What a crash left behind may have been made with other rights.
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, self.path(name))?;
            File::open(folder)?.sync_all()
        };
        attempt().map_err(|error| self.io(name, error))
    }

    pub(super) fn io(&self, name: &str, error: std::io::Error) -> SecurityError {
        let path = self.path(name);
        SecurityError::Io { path, error }
    }

    fn unusable(&self, name: &str, error: lockstep_consensus::tls::TlsError) -> SecurityError {
        let path = self.path(name);
        SecurityError::Unusable { path, error }
    }
}

/// A new authority for a cluster of this name.
pub fn found(cluster: &str, now: i64) -> Result<Authority, SecurityError> {
    Authority::create(cluster, validity(now, AUTHORITY_LIFE)).map_err(|error| {
        let path = PathBuf::from("authority.pem");
        SecurityError::Unusable { path, error }
    })
}

/// From now on, for so many seconds; other nodes' clocks may be behind.
pub(super) fn validity(now: i64, life: i64) -> Validity {
    Validity {
        from: now - CLOCKS_APART,
        until: now + life,
    }
}
