//! When does a node get a new certificate? When a third of its life is left. A controller makes its
//! own; a worker asks a controller, over a connection that its old one is still good for.

use std::sync::Arc;
use std::time::Duration;

use lockstep_consensus::tls::{Authority, Credentials, PublicKey};
use lockstep_consensus::types::NodeId;

use super::files::{CERTIFICATE_LIFE, Files, validity};
use super::{SecurityError, names_of};
use crate::clock::Clock;

/// How often a node looks at its certificate,
const LOOK: Duration = Duration::from_secs(60);
/// and how often one whose renewal is due: the answer may be on its way.
const LOOK_WHEN_DUE: Duration = Duration::from_secs(2);

/// Whether a certificate that is good until then should be renewed.
pub fn is_due(good_until: i64, now: i64) -> bool {
    good_until - now < CERTIFICATE_LIFE / 3
}

/// Renews a controller's certificate, whether that is due or not. Says until when it is good.
pub fn renew(
    files: &Files,
    cluster: &str,
    node: &str,
    id: NodeId,
    now: i64,
) -> Result<i64, SecurityError> {
    let authority = files.authority(cluster)?;
    let (certificate, until) = certify(
        &authority,
        files,
        node,
        Some(id),
        &files.key()?.public(),
        now,
    )?;
    files.write_certificate(&certificate, until)?;
    Ok(until)
}

/// Makes a certificate for the key of a node.
pub fn certify(
    authority: &Authority,
    files: &Files,
    node: &str,
    id: Option<NodeId>,
    key: &PublicKey,
    now: i64,
) -> Result<(String, i64), SecurityError> {
    let validity = validity(now, CERTIFICATE_LIFE);
    let made = authority.certify(key, &names_of(node, id), validity);
    let certificate = made.map_err(|error| SecurityError::Unusable {
        path: files.folder().join("node.pem"),
        error,
    })?;
    Ok((certificate, validity.until))
}

/// Shows the node's newest certificate, whoever put it there, and has it renewed in time: `renewal`
/// is called when it is due, and may put a new one into the files.
pub async fn keep_fresh<F: Future<Output = ()>>(
    files: Files,
    credentials: Arc<Credentials>,
    mut renewal: impl FnMut() -> F,
) {
    let clock = Clock::start();
    let mut shown = files.good_until().unwrap_or(0);
    loop {
        match files.good_until() {
            Ok(until) if is_due(until, clock.unix_s()) => renewal().await,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "cannot look at the node's certificate"),
        }
        let until = files.good_until().unwrap_or(shown);
        let pause = if is_due(until, clock.unix_s()) {
            LOOK_WHEN_DUE
        } else {
            LOOK
        };
        if until != shown {
            match files.credentials() {
                Ok(new) => {
                    credentials.replace(new);
                    tracing::info!(until, "showing a renewed certificate");
                    shown = until;
                }
                Err(error) => tracing::error!(%error, "cannot use the renewed certificate"),
            }
        }
        tokio::time::sleep(pause).await;
    }
}
