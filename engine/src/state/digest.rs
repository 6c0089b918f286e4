//! Have parameters changed since an operation was done?
//!
//! Each history entry carries digests of the parameters that the operation ran with: of all of
//! them, of those that need a restart when they change, and of those that are not secret (which
//! saved inputs leave out). They are calculated again from the configuration and compared.
//!
//! Digests are calculated once for each operation of a resource on a node, and which of several
//! entries is asked first decides what the restart digest is about; so whoever compares more has to
//! go on with the [`Cache`] that unpacking leaves. (Behaviour: Pacemaker's `rsc_action_digest_cmp`
//! and `pe__compare_fencing_digest`.)

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use md5::{Digest as _, Md5};

use super::history::Entry;
use super::{ResourceState, State};
use crate::World;
use crate::config::{self, Attributes, Config, Evaluation, OperationContext, Resource, Variant};
use crate::id::{NodeId, ResourceId};
use crate::parse::{self, Document, ElementId, names};
use crate::time::Earliest;
use crate::value::compare_versions;

/// Digests calculated so far, by node and operation.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    digests: BTreeMap<(NodeId, ResourceId, Box<str>, u32), Digests>,
}

/// Digests of the parameters with which an operation would run now.
#[derive(Clone, Debug)]
struct Digests {
    all: Digest,
    /// Only if the history entry that was asked first has one.
    restart: Option<Digest>,
    not_secret: Digest,
    /// The last result; before any, what a difference in `all` means at least.
    verdict: Verdict,
}

/// What has changed since an operation was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Match,
    /// Only secrets, which saved inputs leave out: treated as no change.
    OnlyPrivate,
    /// History does not say what the parameters were.
    Unknown,
    /// Parameters that need no restart.
    Mismatch,
    /// Parameters that need a restart.
    Restart,
}

/// An MD5 digest in hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digest of parameters: of ` <parameters a="…" b="…"/>` and a newline, in order of name.
    #[must_use]
    pub fn of<N: AsRef<str>, V: AsRef<str>>(
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Digest {
        let mut text = String::with_capacity(200);
        text.push_str(" <parameters");
        for (name, value) in parameters {
            text.push(' ');
            text.push_str(name.as_ref());
            text.push_str("=\"");
            parse::escape_attribute(value.as_ref(), &mut text);
            text.push('"');
        }
        text.push_str("/>\n");
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(Md5::digest(text)) {
            pair[0] = hexadecimal(byte >> 4);
            pair[1] = hexadecimal(byte & 0xf);
        }
        Digest(digits)
    }
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0' + digit,
        _ => b'a' + (digit - 10),
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<str> for Digest {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

/// Compares the parameters with which an operation was done to those of now. `host` says where a
/// container is (going to be).
pub fn compare(
    world: World<'_>,
    cache: &mut Cache,
    resource: ResourceId,
    node: NodeId,
    entry: &Entry<'_>,
    host: &dyn Fn(ResourceId) -> Option<NodeId>,
    recheck_by: &mut Earliest,
) -> Verdict {
    let mut evaluation = Evaluation::new(world.document, world.now);
    let mut subject = Subject::new(world.config, world.state, resource, node, &mut evaluation);
    let container = subject.container();
    let current = |container| super::current_node(world.state, container);
    let host = container.and_then(|container| host(container).or_else(|| current(container)));
    subject.address = host.map(|host| world.state.nodes[host].name.as_str());
    let verdict = subject.compare(cache, &world.state.expired_recurring, entry);
    let key = subject.key(entry);
    recheck_by.merge(evaluation.recheck_by);
    let before = world
        .document
        .attr_by(entry.element, names::OP_SECURE_DIGEST);
    match before {
        Some(before) if verdict != Verdict::Match => {
            let now = cache.digests.get(&key);
            let same = now.is_some_and(|now| now.not_secret == *before);
            if same { Verdict::OnlyPrivate } else { verdict }
        }
        _ => verdict,
    }
}

/// What fence devices say about unfencing a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfencing {
    /// Devices that are not what they were when the node was last unfenced.
    pub changed: Vec<ChangedDevice>,
    /// `device:type:digest,` for each device, for the node's `#digests-all`.
    pub all: String,
    /// Likewise of what is not secret, for `#digests-secure`.
    pub secure: String,
    /// When a rule about the devices' parameters changes its result.
    pub recheck_by: Earliest,
}

/// A fence device that is not what it was when a node was last unfenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedDevice {
    /// Which.
    pub device: ResourceId,
    /// `device:type:digest` of what is not secret now; nothing if that is as it was: then the node
    /// need not be unfenced.
    pub secure: Option<String>,
}

impl Unfencing {
    /// Whether a device changed such that the node is to be unfenced.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.changed.iter().any(|changed| changed.secure.is_some())
    }
}

/// Compares the devices that unfence a node to those with which that was done last.
#[must_use]
pub fn unfencing(world: World<'_>, node: NodeId, devices: &[ResourceId]) -> Unfencing {
    let mut result = Unfencing::default();
    let attributes = &world.state.node[node].attributes;
    let before = |name: &str| attributes.get(name).map(AsRef::as_ref);
    let mut evaluation = Evaluation::new(world.document, world.now);
    for device in devices.iter().copied() {
        let mut subject = Subject::new(world.config, world.state, device, node, &mut evaluation);
        // Not the name of an operation, so that nothing else is compared to this.
        let digests = subject.calculate("stonith-on", 0, None);
        let id = &world.state.resources[device].id;
        let agent = world.state.resources[device].agent();
        let agent = agent.map_or("", |agent| agent.agent.as_str());
        let summary = |digest: &Digest| format!("{id}:{agent}:{}", digest.as_str());
        let (all, secure) = (summary(&digests.all), summary(&digests.not_secret));
        let is_in = |summary: &str, list| before(list).is_some_and(|list| list.contains(summary));
        result.all += &format!("{all},");
        result.secure += &format!("{secure},");
        if before("#digests-all").is_some() && !is_in(&all, "#digests-all") {
            let secure = (!is_in(&secure, "#digests-secure")).then_some(secure);
            result.changed.push(ChangedDevice { device, secure });
        }
    }
    result.recheck_by = evaluation.recheck_by;
    result
}

/// Whether a resource is a connection that goes to wherever its container runs, which is only known
/// after assignment.
pub(crate) fn goes_to_host(resource: &Resource, evaluation: &mut Evaluation<'_>) -> bool {
    // Every resource is asked for its address, so that rules in its parameters count for when to
    // look again.
    if !resource.remote_connection && !resource.parameters.has_rules() {
        return false;
    }
    let parameters = evaluation.parameters(&resource.parameters, None);
    let address = parameters.get("addr");
    resource.remote_connection
        && address.is_some_and(|address| address.eq_ignore_ascii_case("#uname"))
}

/// One resource on one node.
pub(super) struct Subject<'s, 'd> {
    pub(super) config: &'s Config,
    pub(super) resources: &'s crate::id::Table<ResourceId, Resource>,
    pub(super) id: ResourceId,
    pub(super) state: &'s ResourceState,
    pub(super) node: NodeId,
    /// The node's attributes.
    pub(super) attributes: &'s Attributes,
    pub(super) evaluation: &'s mut Evaluation<'d>,
    /// Where a bundle's connection goes if its parameters say: to its container's host.
    pub(super) address: Option<&'s str>,
}

impl<'s, 'd> Subject<'s, 'd> {
    fn new(
        config: &'s Config,
        state: &'s State,
        id: ResourceId,
        node: NodeId,
        evaluation: &'s mut Evaluation<'d>,
    ) -> Self {
        Subject {
            config,
            resources: &state.resources,
            id,
            state: &state.resource[id],
            node,
            attributes: &state.node[node].attributes,
            evaluation,
            address: None,
        }
    }

    /// Whether this is a bundle's connection that goes to wherever its container runs.
    pub(super) fn needs_container_host(&mut self) -> bool {
        goes_to_host(&self.resources[self.id], self.evaluation)
    }

    /// Compares what the entry says to what is calculated. Recurring operations whose failure has
    /// expired are treated as changed.
    pub(super) fn compare(
        &mut self,
        cache: &mut Cache,
        expired: &BTreeSet<ElementId>,
        entry: &Entry<'_>,
    ) -> Verdict {
        let document = self.evaluation.document();
        let digest = |name| document.attr_by(entry.element, name);
        let all = digest(names::OP_DIGEST);
        let restart = if expired.contains(&entry.element) {
            Some("calculated-failure-timeout")
        } else {
            digest(names::OP_RESTART_DIGEST)
        };
        let operation = entry.operation.unwrap_or_default();
        let now = cache.digests.entry(self.key(entry)).or_insert_with(|| {
            let reference = Reference {
                document,
                entry,
                restart: restart.is_some(),
            };
            self.calculate(operation, entry.interval_ms, Some(&reference))
        });
        let differs = |now: Option<&Digest>, before: Option<&str>| match (now, before) {
            (Some(now), Some(before)) => *now != *before,
            _ => false,
        };
        now.verdict = match all {
            _ if differs(now.restart.as_ref(), restart) => Verdict::Restart,
            None => Verdict::Unknown,
            Some(all) if now.all == *all => Verdict::Match,
            // Parameters of the operation itself are not known to the agent's reload.
            Some(_) if entry.interval_ms == 0 && now.verdict == Verdict::Restart => {
                Verdict::Restart
            }
            Some(_) => Verdict::Mismatch,
        };
        now.verdict
    }

    fn key(&self, entry: &Entry<'_>) -> (NodeId, ResourceId, Box<str>, u32) {
        let operation = entry.operation.unwrap_or_default();
        (self.node, self.id, operation.into(), entry.interval_ms)
    }

    fn calculate(
        &mut self,
        operation: &str,
        interval_ms: u32,
        reference: Option<&Reference<'_, '_>>,
    ) -> Digests {
        let resource = &self.resources[self.id];
        let own = self
            .evaluation
            .parameters(&resource.parameters, Some(self.attributes));
        let mut parameters: Parameters<'_> = texts(&own).collect();
        parameters.extend(self.address.map(|address| ("addr", address)));
        let entry = config::operation::find(resource, operation, interval_ms, true);
        let mut verdict = Verdict::Match;
        let extra = entry.map(|entry| {
            self.evaluation
                .parameters(&entry.parameters, Some(self.attributes))
        });
        if let Some(extra) = &extra {
            if interval_ms == 0 && !extra.is_empty() {
                verdict = Verdict::Restart;
            }
            for (name, value) in texts(extra) {
                parameters.entry(name).or_insert(value);
            }
        }
        parameters.retain(|name, _| is_hashed(name));
        // Of a recurring operation the timeout counts; of any, when a rule about its settings changes.
        let has_rules = self.config.operation_defaults.has_rules()
            || entry.is_some_and(|entry| entry.meta.has_rules());
        let meta = (interval_ms != 0 || has_rules).then(|| {
            let context = OperationContext {
                managed: self.state.managed,
                requires: self.state.requires,
                node: Some(self.attributes),
            };
            config::operation_meta(
                self.evaluation,
                self.config,
                resource,
                operation,
                interval_ms,
                entry,
                context,
            )
        });
        let timeout = meta.filter(|_| interval_ms != 0);
        let timeout = timeout.map(|meta| meta.timeout_ms.to_string());
        parameters.extend(timeout.as_deref().map(|timeout| (TIMEOUT, timeout)));
        let all = Digest::of(&parameters);
        Digests {
            all,
            restart: reference.and_then(|reference| reference.restart_digest(&parameters)),
            not_secret: self.not_secret(&parameters, all, &own, reference),
            verdict,
        }
    }

    /// The digest of what is not secret; `all` is that of all parameters.
    fn not_secret(
        &self,
        parameters: &Parameters<'_>,
        all: Digest,
        own: &Attributes,
        reference: Option<&Reference<'_, '_>>,
    ) -> Digest {
        let document = self.evaluation.document();
        let secrets = match reference {
            Some(reference) => reference.words(names::OP_SECURE_PARAMS),
            None => Some(vec!["", "passwd", "password", "user"]),
        };
        let version = |element| document.attr_by(element, names::CRM_FEATURE_SET);
        let version = reference
            .and_then(|reference| version(reference.entry.element))
            .or_else(|| version(document.root()))
            .unwrap_or(config::FEATURE_SET);
        let secrets = secrets.unwrap_or_default();
        let is_public = |name: &str| !secrets.contains(&name);
        if compare_versions(version, "3.16.0").is_lt() {
            // Older controllers left out what the agent does not declare.
            let fence_device = self.resources[self.id].fence_device;
            let is_declared = |name: &str| is_hashed(name) && !(fence_device && is_of_fencer(name));
            let kept = texts(own).filter(|(name, _)| is_declared(name) && is_public(name));
            let kept: Parameters<'_> = kept.collect();
            // Mostly nothing is left out.
            return if kept == *parameters {
                all
            } else {
                Digest::of(kept)
            };
        }
        if parameters
            .keys()
            .all(|name| *name != TIMEOUT && is_public(name))
        {
            return all;
        }
        let kept = parameters.iter();
        Digest::of(kept.filter(|(name, _)| **name != TIMEOUT && is_public(name)))
    }
}

impl Subject<'_, '_> {
    /// The container of a bundle's connection, if it matters where that is.
    fn container(&mut self) -> Option<ResourceId> {
        if !self.needs_container_host() {
            return None;
        }
        let bundle = self.resources[self.id].parent?;
        let Variant::Bundle(bundle) = &self.resources[bundle].variant else {
            return None;
        };
        let mut replicas = bundle.replicas.iter();
        let replica = replicas.find(|replica| replica.connection == Some(self.id));
        Some(replica?.container)
    }
}

/// The history entry to which digests are compared first.
struct Reference<'d, 'e> {
    document: &'d Document,
    entry: &'e Entry<'e>,
    /// It has a restart digest.
    restart: bool,
}

impl<'d> Reference<'d, '_> {
    /// The words of an attribute of the entry.
    fn words(&self, name: parse::Name) -> Option<Vec<&'d str>> {
        let text = self.document.attr_by(self.entry.element, name)?;
        Some(text.split(' ').collect())
    }

    fn restart_digest(&self, parameters: &Parameters<'_>) -> Option<Digest> {
        if !self.restart {
            return None;
        }
        let Some(wanted) = self.words(names::OP_FORCE_RESTART) else {
            return Some(Digest::of(parameters));
        };
        let kept = parameters.iter().filter(|(name, _)| wanted.contains(name));
        Some(Digest::of(kept))
    }
}

/// The setting of an operation that digests of recurring operations contain.
const TIMEOUT: &str = "CRM_meta_timeout";

/// Parameters by name, wherever their text is.
type Parameters<'a> = BTreeMap<&'a str, &'a str>;

fn texts(parameters: &Attributes) -> impl Iterator<Item = (&str, &str)> {
    let pairs = parameters.iter();
    pairs.map(|(name, value)| (&**name, &**value))
}

/// Whether a parameter is part of digests.
fn is_hashed(name: &str) -> bool {
    const LEFT_OUT: [&str; 6] = [
        "id",
        "crm_feature_set",
        "op-digest",
        "on_node",
        "on_node_uuid",
        "pcmk_external_ip",
    ];
    !name.starts_with("CRM_meta_") && !LEFT_OUT.contains(&name)
}

/// Whether a parameter is for the fencer, not for the agent of a fence device.
fn is_of_fencer(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "provides",
        "stonith-timeout",
        "pcmk_action_limit",
        "pcmk_delay_base",
        "pcmk_delay_max",
        "pcmk_host_argument",
        "pcmk_host_check",
        "pcmk_host_list",
        "pcmk_host_map",
    ];
    let setting = name
        .strip_prefix("pcmk_")
        .and_then(|rest| rest.split_once('_'))
        .map(|(_, setting)| setting);
    NAMES.contains(&name) || matches!(setting, Some("action" | "timeout" | "retries"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_peer() {
        assert_eq!(
            Digest::of::<&str, &str>([]).as_str(),
            "f2317cad3d54cec5d7d7aa7d0bf35cf8"
        );
        // md5sum of ` <parameters a="1" b="&lt;&quot;x&quot;>"/>`, as `printf … | md5sum` says.
        let digest = Digest::of([("a", "1"), ("b", "<\"x\">")]);
        assert_eq!(digest.as_str(), "c7a8a33253140e218b9789fff4e8c26a");
    }

    #[test]
    fn parameters_for_the_fencer_are_told_from_those_for_the_agent() {
        for name in [
            "pcmk_host_list",
            "pcmk_reboot_timeout",
            "pcmk_off_action",
            "provides",
        ] {
            assert!(is_of_fencer(name), "{name}");
        }
        for name in ["ip", "pcmk_", "pcmk_x", "pcmk_reboot_other", "timeout"] {
            assert!(!is_of_fencer(name), "{name}");
        }
    }
}
