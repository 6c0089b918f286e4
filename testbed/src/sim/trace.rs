//! What happened, in order? One line an event, and a fingerprint of all of them.

use std::collections::VecDeque;

use crate::say;

/// So many lines are kept for whoever wants to know what led to a violation.
const KEPT: usize = 60;

/// What becomes of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    /// The last ones are kept.
    Last,
    /// All are kept.
    All,
    /// All are printed as they come.
    Print,
}

/// The events of one run.
#[derive(Debug)]
pub(super) struct Trace {
    tracing: Tracing,
    lines: VecDeque<String>,
    fingerprint: u64,
}

impl Trace {
    pub(super) fn new(tracing: Tracing) -> Self {
        Self {
            tracing,
            lines: VecDeque::new(),
            fingerprint: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Adds a line.
    pub(super) fn note(&mut self, now_us: u64, text: std::fmt::Arguments<'_>) {
        let line = format!("{:>11.6} {text}", now_us as f64 / 1e6);
        for chunk in line.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        if self.tracing == Tracing::Print {
            say!("{line}");
        }
        self.lines.push_back(line);
        if self.tracing != Tracing::All && self.lines.len() > KEPT {
            self.lines.pop_front();
        }
    }

    /// Counts something that is not worth a line.
    pub(super) fn mix(&mut self, what: u64) {
        self.fingerprint = (self.fingerprint ^ what).wrapping_mul(0x100_0000_01b3);
        self.fingerprint ^= self.fingerprint >> 29;
    }

    pub(super) fn into_parts(self) -> (Vec<String>, u64) {
        (self.lines.into(), self.fingerprint)
    }
}
