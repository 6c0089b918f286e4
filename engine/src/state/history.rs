//! What does one entry of the operation history say, before it is judged?
//!
//! An [`Entry`] is one `lrm_rsc_op`, read in a single walk over its attributes into borrowed text
//! and numbers. Half a million of them are normal in a large cluster, so nothing is allocated.

use std::collections::BTreeMap;

use crate::parse::{Document, ElementId, names};
use crate::value;

/// What an operation does, of the operations whose results say something about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Kind {
    Monitor,
    Start,
    Stop,
    Promote,
    Demote,
    MigrateTo,
    MigrateFrom,
    /// A monitor that an agent reports by itself.
    AsyncMonitor,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 8] = [
        Kind::Monitor,
        Kind::Start,
        Kind::Stop,
        Kind::Promote,
        Kind::Demote,
        Kind::MigrateTo,
        Kind::MigrateFrom,
        Kind::AsyncMonitor,
    ];

    /// The kind of the operation called `name`, if its result matters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        Some(match name {
            "monitor" => Kind::Monitor,
            "start" => Kind::Start,
            "stop" => Kind::Stop,
            "promote" => Kind::Promote,
            "demote" => Kind::Demote,
            "migrate_to" => Kind::MigrateTo,
            "migrate_from" => Kind::MigrateFrom,
            "asyncmon" => Kind::AsyncMonitor,
            _ => return None,
        })
    }
}

/// One `lrm_rsc_op` as written. Numbers that are missing or malformed are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'d> {
    /// The element.
    pub element: ElementId,
    /// `id`.
    pub id: Option<&'d str>,
    /// `operation_key`, or `id` where that is missing.
    pub key: Option<&'d str>,
    /// `operation`.
    pub operation: Option<&'d str>,
    /// `interval` in milliseconds, 0 if missing or malformed.
    pub interval_ms: u32,
    /// `interval` was given and well-formed.
    pub has_interval: bool,
    /// `op-status`.
    pub status: Option<i32>,
    /// `rc-code`.
    pub rc: Option<i32>,
    /// `call-id`.
    pub call_id: Option<i32>,
    /// `last-rc-change`, seconds since the epoch.
    pub last_rc_change: Option<i64>,
    /// `transition-key`.
    pub transition_key: Option<&'d str>,
    /// `transition-magic`.
    pub transition_magic: Option<&'d str>,
    /// `on_node`.
    pub on_node: Option<&'d str>,
    /// `migrate_source`.
    pub migrate_source: Option<&'d str>,
    /// `migrate_target`.
    pub migrate_target: Option<&'d str>,
}

impl<'d> Entry<'d> {
    /// Reads an `lrm_rsc_op`.
    #[must_use]
    pub fn read(document: &'d Document, element: ElementId) -> Entry<'d> {
        let mut entry = Entry {
            element,
            id: None,
            key: None,
            operation: None,
            interval_ms: 0,
            has_interval: false,
            status: None,
            rc: None,
            call_id: None,
            last_rc_change: None,
            transition_key: None,
            transition_magic: None,
            on_node: None,
            migrate_source: None,
            migrate_target: None,
        };
        for (name, value) in document.attrs_by(element) {
            match name {
                names::ID => entry.id = Some(value),
                names::OPERATION_KEY => entry.key = Some(value),
                names::OPERATION => entry.operation = Some(value),
                names::INTERVAL => {
                    if let Some(interval) = number(value) {
                        (entry.interval_ms, entry.has_interval) = (interval, true);
                    }
                }
                names::OP_STATUS => entry.status = number(value),
                names::RC_CODE => entry.rc = number(value),
                names::CALL_ID => entry.call_id = number(value),
                names::LAST_RC_CHANGE => entry.last_rc_change = integer(value),
                names::TRANSITION_KEY => entry.transition_key = Some(value),
                names::TRANSITION_MAGIC => entry.transition_magic = Some(value),
                names::ON_NODE => entry.on_node = Some(value),
                names::MIGRATE_SOURCE => entry.migrate_source = Some(value),
                names::MIGRATE_TARGET => entry.migrate_target = Some(value),
                _ => {}
            }
        }
        entry.key = entry.key.or(entry.id);
        entry
    }

    /// What the operation does, if its result matters.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_name(self.operation?)
    }

    /// Whether this is a probe: a monitor that runs once.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.interval_ms == 0 && self.operation == Some("monitor")
    }

    /// The result that the cluster expected, as the transition key says.
    #[must_use]
    pub fn expected_rc(&self) -> Option<i32> {
        let expected = TransitionKey::parse(self.transition_key?)?.expected_rc;
        (expected >= 0).then_some(expected)
    }
}

/// An integer that a text starts with. `None` without digits or outside of 64 bits.
pub(super) fn integer(text: &str) -> Option<i64> {
    let integer = value::scan_integer(text)?;
    (!integer.clipped).then_some(integer.value)
}

fn number<T: TryFrom<i64>>(text: &str) -> Option<T> {
    T::try_from(integer(text)?).ok()
}

/// A decoded transition key, `action:transition:expected-rc:uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionKey<'t> {
    /// Number of the transition; −1 for what no transition asked for.
    pub transition: i64,
    /// Expected result.
    pub expected_rc: i32,
    /// Which controller's transitions are counted.
    pub uuid: &'t str,
}

impl<'t> TransitionKey<'t> {
    /// Decodes a `transition-key`.
    #[must_use]
    pub fn parse(text: &'t str) -> Option<TransitionKey<'t>> {
        let mut scan = Scan(text);
        scan.integer()?;
        scan.literal(':')?;
        let transition = scan.integer()?;
        scan.literal(':')?;
        let expected = scan.integer()?;
        scan.literal(':')?;
        let uuid = scan.word(36)?;
        let expected_rc = i32::try_from(expected).ok()?;
        Some(TransitionKey {
            transition,
            expected_rc,
            uuid,
        })
    }

    /// Decodes a `transition-magic`, `status:rc;` followed by a transition key.
    #[must_use]
    pub fn from_magic(text: &'t str) -> Option<TransitionKey<'t>> {
        let mut scan = Scan(text);
        scan.integer()?;
        scan.literal(':')?;
        scan.integer()?;
        scan.literal(';')?;
        TransitionKey::parse(scan.word(usize::MAX)?)
    }
}

/// Reads text as C's `scanf` does.
struct Scan<'t>(&'t str);

impl<'t> Scan<'t> {
    fn integer(&mut self) -> Option<i64> {
        let integer = value::scan_integer(self.0)?;
        self.0 = integer.rest;
        Some(integer.value)
    }

    fn literal(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn word(&mut self, limit: usize) -> Option<&'t str> {
        // What C takes for white space: all of it is ASCII.
        let is_blank = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
        let blanks = self.0.bytes().take_while(is_blank).count();
        let text = &self.0[blanks..];
        let within = text.bytes().take(limit);
        let mut end = within.take_while(|byte| !is_blank(byte)).count();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// Histories by node name and resource name, as written: what migration has to look up across
/// nodes. A node's part is indexed when it is first asked for.
#[derive(Debug)]
pub(super) struct Histories<'d> {
    document: &'d Document,
    states: BTreeMap<&'d str, Vec<ElementId>>,
    resources: BTreeMap<&'d str, BTreeMap<&'d str, Vec<ElementId>>>,
}

impl<'d> Histories<'d> {
    /// Histories below the `node_state` elements of `status`.
    pub(super) fn new(document: &'d Document, status: Option<ElementId>) -> Histories<'d> {
        let mut states: BTreeMap<&str, Vec<ElementId>> = BTreeMap::new();
        for state in status
            .into_iter()
            .flat_map(|e| document.children_by(e, names::NODE_STATE))
        {
            if let Some(name) = document.attr_by(state, names::UNAME) {
                states.entry(name).or_default().push(state);
            }
        }
        Histories {
            document,
            states,
            resources: BTreeMap::new(),
        }
    }

    /// The `lrm_resource` elements of `resource` on the node called `node`.
    pub(super) fn resource(&mut self, node: &str, resource: &str) -> &[ElementId] {
        let Some((&node, states)) = self.states.get_key_value(node) else {
            return &[];
        };
        let document = self.document;
        let index = self.resources.entry(node).or_insert_with(|| {
            let mut index: BTreeMap<&str, Vec<ElementId>> = BTreeMap::new();
            let histories = states
                .iter()
                .flat_map(|&e| document.children_by(e, names::LRM))
                .flat_map(|e| document.children_by(e, names::LRM_RESOURCES))
                .flat_map(|e| document.children_by(e, names::LRM_RESOURCE));
            for history in histories {
                if let Some(id) = document.id(history) {
                    index.entry(id).or_default().push(history);
                }
            }
            index
        });
        index.get(resource).map_or(&[], Vec::as_slice)
    }

    /// The entries of `resource` on the node called `node`, in document order.
    pub(super) fn entries(
        &mut self,
        node: &str,
        resource: &str,
    ) -> impl Iterator<Item = Entry<'d>> + use<'d, '_> {
        let document = self.document;
        self.resource(node, resource)
            .iter()
            .flat_map(move |&e| document.children_by(e, names::LRM_RSC_OP))
            .map(move |e| Entry::read(document, e))
    }
}

#[cfg(test)]
mod tests;
