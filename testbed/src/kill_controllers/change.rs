//! How does a change get into the configuration, and was it acknowledged?
//!
//! Every change also sets a node attribute of its own, its mark, by which it is found again. It is
//! made from the epoch that was read, so that a repeated one cannot undo another.

use lockstep_engine::parse::{Document, Limits};
use lockstep_node::cluster::status;
use lockstep_node::http::client::{Client, ClientError};
use lockstep_node::http::types::ConfigAnswer;

use super::schedule::{NODES, Work};

#[cfg(test)]
mod tests;

/// What one attempt came to.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is in force, and made this epoch.
    Acknowledged(u64),
    /// Nobody said that it is; it may be all the same.
    Unknown,
    /// It never will be.
    Refused(ClientError),
}

/// A change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The node attribute that it sets.
    pub(super) mark: String,
    /// What it has the cluster do, if anything.
    pub(super) work: Option<Work>,
}

impl Change {
    /// Asks a controller once.
    pub(super) async fn attempt(&self, client: Client) -> Attempt {
        let sent = async {
            let text = client.get_text("/v1/cib").await?;
            let Ok(mut cib) = Document::parse(text.as_bytes(), &Limits::default()) else {
                return Ok(None);
            };
            let number = |name| status::number(&cib, name);
            let expected = format!("{}.{}", number("admin_epoch"), number("epoch"));
            self.edit(&mut cib);
            let path = format!("/v1/config?expected={expected}");
            let answer: ConfigAnswer = client.post(&path, cib.to_xml().into_bytes()).await?;
            let epoch = answer.epoch.rsplit('.').next().map(str::parse);
            Ok::<_, ClientError>(epoch.and_then(Result::ok))
        };
        match sent.await {
            Ok(Some(epoch)) => Attempt::Acknowledged(epoch),
            Ok(None) => Attempt::Unknown,
            Err(
                error @ ClientError::Refused {
                    code: 400..=408 | 410..=499,
                    ..
                },
            ) => Attempt::Refused(error),
            // 409: it was made from an epoch that is over; 5xx: nobody knows.
            Err(_) => Attempt::Unknown,
        }
    }

    fn edit(&self, cib: &mut Document) {
        status::set_permanent(cib, NODES[0], &self.mark, Some("1"));
        match &self.work {
            None => {}
            Some(Work::Standby { node }) => {
                status::set_permanent(cib, node, "standby", Some("on"));
            }
            Some(Work::Active { node }) => {
                status::set_permanent(cib, node, "standby", None);
            }
            Some(Work::Restart { resource, takes_ms }) => {
                let id = format!("{resource}-op_sleep");
                let pair = cib
                    .descendants(cib.root())
                    .find(|e| cib.id(*e) == Some(id.as_str()));
                if let Some(pair) = pair {
                    let seconds = format!("{}.{:03}", takes_ms / 1000, takes_ms % 1000);
                    cib.set_attr(pair, "value", &seconds);
                }
            }
        }
    }
}
