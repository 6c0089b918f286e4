//! Was anything active twice, or recovered before its node was fenced?
//!
//! A resource that may run once is *claimed* for a node from the moment its agent begins to start it
//! there. The claim ends when it is known to be over, not when it merely is: the agent stopped it or
//! found it not running, or the node was fenced. Starting it elsewhere while a claim stands is wrong
//! in one of two ways: the service may still be there (rule 1), or its host is off and nobody had made
//! sure of that (rule 2). The role Promoted of a promotable clone is claimed in the same way.

use std::collections::{BTreeMap, BTreeSet};

use crate::witness::Testimony;

#[cfg(test)]
mod tests;

/// What may be in one place only.
#[derive(Clone, Debug, Default)]
pub struct Exclusive {
    /// Resources that may run once.
    pub resources: BTreeSet<String>,
    /// Promotable resources, of which one instance may be promoted.
    pub promotable: BTreeSet<String>,
}

/// A safety rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// It may still be active elsewhere.
    #[error("rule 1: {what} became active on {node} while it was active on {holder}")]
    ActiveTwice {
        /// The resource, or its role Promoted.
        what: String,
        /// Where it became active.
        node: String,
        /// Where it was.
        holder: String,
        /// When, in microseconds since the epoch.
        at_us: u64,
    },
    /// Its node is down, but that was not known.
    #[error(
        "rule 2: {what} became active on {node} before {holder}, which had lost its power, was fenced"
    )]
    BeforeFencing {
        /// The resource, or its role Promoted.
        what: String,
        /// Where it became active.
        node: String,
        /// Where it was.
        holder: String,
        /// When, in microseconds since the epoch.
        at_us: u64,
    },
}

impl Violation {
    /// When it happened, in microseconds since the epoch.
    #[must_use]
    pub fn at_us(&self) -> u64 {
        match self {
            Self::ActiveTwice { at_us, .. } | Self::BeforeFencing { at_us, .. } => *at_us,
        }
    }
}

/// The role Promoted, as something that is claimed of its own.
fn role(resource: &str) -> String {
    format!("{resource} (promoted)")
}

/// Who claims what, and which hosts are off.
#[derive(Default)]
struct Claims {
    /// By what, then by node.
    held: BTreeMap<String, BTreeSet<String>>,
    off: BTreeSet<String>,
    found: Vec<Violation>,
}

impl Claims {
    fn claim(&mut self, what: String, testimony: &Testimony) {
        let holders = self.held.entry(what.clone()).or_default();
        for holder in holders.iter().filter(|holder| **holder != testimony.node) {
            let (what, node) = (what.clone(), testimony.node.clone());
            let (holder, at_us) = (holder.clone(), testimony.at_us);
            self.found.push(match self.off.contains(&holder) {
                true => Violation::BeforeFencing {
                    what,
                    node,
                    holder,
                    at_us,
                },
                false => Violation::ActiveTwice {
                    what,
                    node,
                    holder,
                    at_us,
                },
            });
        }
        holders.insert(testimony.node.clone());
    }

    fn release(&mut self, what: &str, node: &str) {
        if let Some(holders) = self.held.get_mut(what) {
            holders.remove(node);
        }
    }

    fn host(&mut self, testimony: &Testimony) {
        let Testimony {
            node,
            action,
            phase,
            ..
        } = testimony;
        match (action.as_str(), phase.as_str()) {
            ("off", "fence") | ("confirmed", _) => {
                for holders in self.held.values_mut() {
                    holders.remove(node);
                }
                self.off.insert(node.clone());
            }
            ("off", _) => {
                self.off.insert(node.clone());
            }
            ("on", _) => {
                self.off.remove(node);
            }
            _ => {}
        }
    }
}

/// All violations in what was witnessed.
#[must_use]
pub fn check(testimonies: &[Testimony], exclusive: &Exclusive) -> Vec<Violation> {
    let mut claims = Claims::default();
    for testimony in testimonies {
        let Testimony {
            node,
            resource,
            action,
            phase,
            code,
            ..
        } = testimony;
        let once = exclusive.resources.contains(resource);
        let promotable = exclusive.promotable.contains(resource);
        match (action.as_str(), phase.as_str(), code) {
            _ if resource.is_empty() => claims.host(testimony),
            ("start", "begin", _) if once => claims.claim(resource.clone(), testimony),
            ("promote", "begin", _) if promotable => claims.claim(role(resource), testimony),
            ("stop", "end", 0) | ("monitor", "end", 7) => {
                claims.release(resource, node);
                claims.release(&role(resource), node);
            }
            ("demote", "end", 0) => claims.release(&role(resource), node),
            _ => {}
        }
    }
    claims.found
}
