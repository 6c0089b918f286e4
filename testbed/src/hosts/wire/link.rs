//! When does a frame arrive, if it does? Without I/O: time and chance are given.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use crate::differential::random::Random;

/// A slow link keeps no more than this before it drops, in milliseconds of sending.
const QUEUE_MS: u64 = 200;

/// One direction between two hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Nothing arrives.
    pub cut: bool,
    /// Of a hundred frames, so many are lost.
    pub loss_percent: u8,
    /// Of a hundred frames, so many arrive twice.
    pub twice_percent: u8,
    /// Frames are this late, in milliseconds.
    pub delay_ms: u64,
    /// And up to this more, each for itself, so that they overtake each other.
    pub jitter_ms: u64,
    /// No more than this many bytes a second; 0 is any number.
    pub bytes_per_s: u64,
}

/// What a direction remembers.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// When what was sent before is through, in microseconds.
    busy_until_us: u64,
}

impl Line {
    /// When a frame arrives, in milliseconds: never, once or twice.
    pub(super) fn arrivals(
        &mut self,
        link: &Link,
        length: usize,
        now_ms: u64,
        random: &mut Random,
    ) -> Vec<u64> {
        if link.cut || random.chance(link.loss_percent.into()) {
            return Vec::new();
        }
        let mut sent_ms = now_ms;
        let length_us = (length as u64).saturating_mul(1_000_000);
        if let Some(takes_us) = length_us.checked_div(link.bytes_per_s) {
            let begins_us = self.busy_until_us.max(now_ms * 1000);
            if begins_us > (now_ms + QUEUE_MS) * 1000 {
                return Vec::new();
            }
            self.busy_until_us = begins_us + takes_us;
            sent_ms = self.busy_until_us / 1000;
        }
        let copies = 1 + usize::from(random.chance(link.twice_percent.into()));
        (0..copies)
            .map(|_| {
                let late = random.between(0, usize::try_from(link.jitter_ms).unwrap_or(0));
                sent_ms + link.delay_ms + late as u64
            })
            .collect()
    }
}

/// A frame on its way: when it arrives, how many were sent before it, where it goes, and itself.
type Late = (u64, u64, usize, Vec<u8>);

/// Frames that are on their way.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By arrival; those of one millisecond stay in order.
    frames: BinaryHeap<Reverse<Late>>,
    pushed: u64,
}

impl Waiting {
    pub(super) fn push(&mut self, at_ms: u64, to: usize, frame: Vec<u8>) {
        self.pushed += 1;
        self.frames.push(Reverse((at_ms, self.pushed, to, frame)));
    }

    /// When the next one arrives.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.frames.peek().map(|Reverse((at_ms, ..))| *at_ms)
    }

    /// What has arrived, and where.
    pub(super) fn due(&mut self, now_ms: u64) -> Vec<(usize, Vec<u8>)> {
        let mut due = Vec::new();
        while self.next_ms().is_some_and(|at| at <= now_ms) {
            if let Some(Reverse((_, _, to, frame))) = self.frames.pop() {
                due.push((to, frame));
            }
        }
        due
    }
}
