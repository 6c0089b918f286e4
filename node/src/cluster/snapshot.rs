//! How is the whole state written down, and taken up again?
//!
//! Graphs are not written: they are computed again from the saved inputs. That the digest is the
//! one of the controller that made the snapshot is checked on the way.
//!
//! The layout is the one that everybody in the group understands, [`Versions::layout`]; those before it
//! are read as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use bincode::{Decode, Encode};
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::time::Timestamp;

use super::agreement::Agreement;
use super::fencings::Fencings;
use super::history::{Endings, History};
use super::policy::{Digest, Policy};
use super::transition::{Progress, Transition};
use super::versions::{Earlier, Versions};
use super::{Cluster, Leadership, NodeRecord, uuid_of};
use crate::codec;

#[cfg(test)]
mod tests;

/// The newest layout that this program knows. What a later one adds stands behind what earlier ones had.
pub(super) const NEWEST: u16 = 5;

#[derive(Encode, Decode)]
struct Snapshot {
    name: String,
    voters: u32,
    index: u64,
    clock: i64,
    cib: String,
    configured: bool,
    leadership: Option<Leadership>,
    nodes: Vec<(String, NodeRecord)>,
    transition: Option<SavedTransition>,
    previous: Option<SavedTransition>,
    planned: u64,
    wanted: Option<String>,
    fencing_failures: Vec<(String, u32)>,
    agreement: Agreement,
    history: History,
}

type Whole = (Snapshot, SinceTwo, SinceThree, SinceFour, SinceFive);

/// What layout 2 added.
#[derive(Default, Encode, Decode)]
struct SinceTwo {
    endings: Endings,
}

/// What layout 3 added.
#[derive(Default, Encode, Decode)]
struct SinceThree {
    fencings: Fencings,
}

/// What layout 4 added.
#[derive(Default, Encode, Decode)]
struct SinceFour {
    versions: Versions,
    lives: BTreeMap<String, u64>,
}

/// What layout 5 added.
#[derive(Default, Encode, Decode)]
struct SinceFive {
    earlier: Earlier,
}

#[derive(Encode, Decode)]
struct SavedTransition {
    number: u64,
    digest: Digest,
    progress: Vec<Progress>,
    aborted: Option<String>,
}

/// Why a snapshot cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// From a newer program.
    #[error(
        "the snapshot is of layout {0}, this controller knows up to {NEWEST}: upgrade it and start it again"
    )]
    Newer(u16),
    /// Not a snapshot.
    #[error("the snapshot cannot be read: {0}")]
    Malformed(String),
    /// Of another cluster.
    #[error("the snapshot is of cluster '{0}'")]
    OfAnother(String),
}

impl Cluster {
    /// The whole state. Equal states give equal bytes, on whichever controller.
    pub fn snapshot(&self) -> Vec<u8> {
        let saved = |transition: &Transition| SavedTransition {
            number: transition.number,
            digest: transition.digest,
            progress: transition.all_progress().to_vec(),
            aborted: transition.aborted.clone(),
        };
        let snapshot = Snapshot {
            name: self.name.clone(),
            voters: u32::try_from(self.voters).unwrap_or(u32::MAX),
            index: self.index,
            clock: self.clock,
            cib: self.cib.to_xml(),
            configured: self.configured,
            leadership: self.leadership,
            nodes: self
                .nodes
                .iter()
                .map(|(name, node)| (name.clone(), node.clone()))
                .collect(),
            transition: self.transition.as_ref().map(saved),
            previous: self.previous.as_ref().map(saved),
            planned: self.planned,
            wanted: self.wanted.clone(),
            fencing_failures: self.fencing_failures.clone().into_iter().collect(),
            agreement: self.agreement.clone(),
            history: self.history.clone(),
        };
        let since_two = SinceTwo {
            endings: self.endings.clone(),
        };
        let since_three = SinceThree {
            fencings: self.fencings.clone(),
        };
        let since_four = SinceFour {
            versions: self.versions.clone(),
            lives: self.lives.clone(),
        };
        let since_five = SinceFive {
            earlier: self.earlier.clone(),
        };
        let layout = self.versions.layout();
        let mut bytes = layout.to_le_bytes().to_vec();
        bytes.extend(codec::encode(&(
            snapshot,
            since_two,
            since_three,
            since_four,
        )));
        if layout >= 5 {
            bytes.extend(codec::encode(&since_five));
        }
        bytes
    }

    /// Takes up a snapshot of this cluster.
    pub fn restore(
        name: &str,
        bytes: &[u8],
        policy: Arc<dyn Policy>,
    ) -> Result<Self, SnapshotError> {
        let malformed = |why: String| SnapshotError::Malformed(why);
        let (layout, rest) = bytes
            .split_first_chunk::<2>()
            .ok_or_else(|| malformed("too short".into()))?;
        let layout = u16::from_le_bytes(*layout);
        if layout == 0 {
            return Err(malformed("there is no layout 0".into()));
        }
        if layout > NEWEST {
            return Err(SnapshotError::Newer(layout));
        }
        let mut whole = rest.to_vec();
        append_later(&mut whole, layout);
        let (snapshot, since_two, since_three, since_four, since_five): Whole =
            codec::decode(&whole).map_err(|error| malformed(error.to_string()))?;
        if snapshot.name != name {
            return Err(SnapshotError::OfAnother(snapshot.name));
        }
        let parse = |xml: &str| {
            Document::parse(xml.as_bytes(), &Limits::default())
                .map_err(|error| malformed(error.to_string()))
        };
        let mut cluster = Self {
            uuid: uuid_of(name),
            voters: snapshot.voters as usize,
            cib: parse(&snapshot.cib)?,
            configured: snapshot.configured,
            clock: snapshot.clock,
            index: snapshot.index,
            leadership: snapshot.leadership,
            nodes: snapshot.nodes.into_iter().collect(),
            transition: None,
            previous: None,
            planned: snapshot.planned,
            wanted: snapshot.wanted,
            fencing_failures: snapshot.fencing_failures.into_iter().collect(),
            agreement: snapshot.agreement,
            history: snapshot.history,
            endings: since_two.endings,
            fencings: since_three.fencings,
            versions: since_four.versions,
            lives: since_four.lives,
            earlier: since_five.earlier,
            diverged_from_snapshot: false,
            name: snapshot.name,
            policy,
        };
        cluster.previous = cluster.recompute(snapshot.previous)?;
        cluster.transition = cluster.recompute(snapshot.transition)?;
        Ok(cluster)
    }

    /// Computes a saved transition's graph again.
    fn recompute(
        &mut self,
        saved: Option<SavedTransition>,
    ) -> Result<Option<Transition>, SnapshotError> {
        let Some(saved) = saved else { return Ok(None) };
        let malformed = |why: String| SnapshotError::Malformed(why);
        let Some(plan) = self.history.find(saved.number) else {
            return Err(malformed(format!(
                "the input of plan {} is missing",
                saved.number
            )));
        };
        let cib = Document::parse(plan.cib.as_bytes(), &Limits::default())
            .map_err(|error| malformed(error.to_string()))?;
        let now = Timestamp {
            seconds: plan.now,
            offset: plan.utc_offset,
        };
        let level = self.earlier.level_of(saved.number, self.versions.level());
        let planned = self
            .policy
            .plan(&cib, saved.number, now, level)
            .map_err(malformed)?;
        let mut transition =
            Transition::new(saved.number, plan.index, now, planned.graph, planned.digest);
        let same = planned.digest == saved.digest && transition.restore_progress(&saved.progress);
        self.diverged_from_snapshot |= !same;
        transition.aborted = saved.aborted;
        Ok(Some(transition))
    }
}

/// Completes the bytes of a layout: what later ones added is as in a new cluster.
fn append_later(bytes: &mut Vec<u8>, layout: u16) {
    let added = [
        (2, codec::encode(&SinceTwo::default())),
        (3, codec::encode(&SinceThree::default())),
        (4, codec::encode(&SinceFour::default())),
        (5, codec::encode(&SinceFive::default())),
    ];
    for (_, default) in added.into_iter().filter(|(since, _)| *since > layout) {
        bytes.extend(default);
    }
}
