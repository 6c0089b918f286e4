//! What does an operator carry from the cluster to a new machine? A join token: where to go, whom to
//! believe there, and a secret that is good once and for a limited time.
//!
//! `lockstep1/10.0.0.1:4748/<SHA-256 of the authority's certificate>/<number><secret>`. The
//! controller that gave it out keeps number, secret and conditions in a file; using it up is the
//! renaming of that file, which happens once.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use lockstep_consensus::types::NodeId;
use serde::{Deserialize, Serialize};

use super::files::Files;
use super::{SecurityError, hex, random, unhex};

const PREFIX: &str = "lockstep1";

/// A join token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The controller that gave it out.
    pub address: SocketAddr,
    /// SHA-256 of the certificate of the cluster's authority.
    pub authority: [u8; 32],
    /// Its number: no secret.
    pub number: [u8; 8],
    /// Its secret. It never leaves the new machine: what goes over the network is a proof.
    pub secret: [u8; 16],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token {} of {}", hex(&self.number), self.address)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Token {
            address,
            authority,
            number,
            secret,
        } = self;
        let (authority, number, secret) = (hex(authority), hex(number), hex(secret));
        write!(f, "{PREFIX}/{address}/{authority}/{number}{secret}")
    }
}

/// Why a text is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no join token: {0}. `lockstep cluster token`, on a controller, prints one")]
pub struct NoToken(&'static str);

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let mut parts = text.trim().split('/');
        let mut part = |what| parts.next().ok_or(NoToken(what));
        if part("it is empty")? != PREFIX {
            return Err(NoToken("it does not begin with lockstep1/"));
        }
        let address = part("the address is missing")?.parse();
        let authority = unhex(part("the authority's fingerprint is missing")?);
        let secret = part("the secret is missing")?;
        let halves = secret.split_at_checked(16);
        let (number, secret) = halves.map_or((None, None), |(n, s)| (unhex(n), unhex(s)));
        if parts.next().is_some() {
            return Err(NoToken("there is something behind it"));
        }
        Ok(Token {
            address: address.map_err(|_| NoToken("the address is none"))?,
            authority: authority.ok_or(NoToken("the authority's fingerprint is damaged"))?,
            number: number.ok_or(NoToken("the secret is damaged"))?,
            secret: secret.ok_or(NoToken("the secret is damaged"))?,
        })
    }
}

/// As what a token lets a machine in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admits {
    /// As a controller: it votes, plans, and may lead.
    Controller,
    /// As a node that only runs resources.
    Worker,
}

/// What the controller that gave a token out remembers of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// The secret, in hexadecimal digits.
    pub secret: String,
    /// As what it lets a machine in.
    pub admits: Admits,
    /// The controller whose place the machine takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<NodeId>,
    /// Until when it is good, in seconds since the epoch.
    pub until: i64,
}

impl TokenRecord {
    /// The secret.
    pub fn secret(&self) -> Option<[u8; 16]> {
        unhex(&self.secret)
    }
}

fn name_of(number: &[u8; 8]) -> String {
    format!("tokens/{}.toml", hex(number))
}

/// Makes a token, good for `life` seconds.
pub fn give_out(
    files: &Files,
    cluster: &str,
    address: SocketAddr,
    admits: Admits,
    replaces: Option<NodeId>,
    (now, life): (i64, i64),
) -> Result<Token, SecurityError> {
    let token = Token {
        address,
        authority: files.authority(cluster)?.fingerprint(),
        number: random()?,
        secret: random()?,
    };
    let record = TokenRecord {
        secret: hex(&token.secret),
        admits,
        replaces,
        until: now.saturating_add(life),
    };
    files.make_private()?;
    sweep(files, now);
    let name = name_of(&token.number);
    let text = toml::to_string(&record).map_err(std::io::Error::other);
    files.write(&name, &text.map_err(|error| files.io(&name, error))?)?;
    Ok(token)
}

/// What is known of a token: nothing, if it was used, or never given out here, or is out of date.
pub fn look_up(
    files: &Files,
    number: &[u8; 8],
    now: i64,
) -> Result<Option<TokenRecord>, SecurityError> {
    let name = name_of(number);
    let text = match files.read(&name) {
        Err(SecurityError::NoNode { .. }) => return Ok(None),
        text => text?,
    };
    let record: TokenRecord =
        toml::from_str(&text).map_err(|error| files.io(&name, std::io::Error::other(error)))?;
    Ok((record.until >= now).then_some(record))
}

/// Uses a token up. Whether it was there: of two that try, one succeeds.
pub fn use_up(files: &Files, number: &[u8; 8]) -> Result<bool, SecurityError> {
    let name = name_of(number);
    let path = files.folder().join(&name);
    let folder = files.folder().join("tokens");
    match std::fs::rename(&path, path.with_extension("used")) {
        // Not to be taken back by a power failure.
        Ok(()) => std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map(|()| true)
            .map_err(|error| files.io(&name, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(files.io(&name, error)),
    }
}

/// Removes what is of no use any more. What cannot be removed is not good either.
fn sweep(files: &Files, now: i64) {
    let folder = std::fs::read_dir(files.folder().join("tokens"));
    for entry in folder.into_iter().flatten().flatten() {
        let path = entry.path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let record = toml::from_str::<TokenRecord>(&text);
        if record.is_ok_and(|record| record.until < now) {
            let _ = std::fs::remove_file(&path);
        }
    }
}
