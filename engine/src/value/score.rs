//! Scores: how much a node is wanted or refused.

use std::fmt;
use std::ops::{Add, AddAssign, Neg};

use super::number::integer;

/// A score between −1000000 ([`Score::MINUS_INFINITY`]) and 1000000 ([`Score::INFINITY`]).
///
/// Adding saturates and −INFINITY wins over +INFINITY, so a sum depends on its order: it is a fold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Score(i32);

const INFINITY: i32 = 1_000_000;

/// What the peer says of a text that is no score.
pub const BAD_INPUT: &str = "Bad input value provided";

impl Score {
    /// No preference.
    pub const ZERO: Self = Self(0);
    /// Must, if at all possible.
    pub const INFINITY: Self = Self(INFINITY);
    /// Must not.
    pub const MINUS_INFINITY: Self = Self(-INFINITY);

    /// The score nearest to a value.
    pub const fn new(value: i64) -> Self {
        Self(if value > INFINITY as i64 {
            INFINITY
        } else if value < -(INFINITY as i64) {
            -INFINITY
        } else {
            value as i32
        })
    }

    /// The value, infinities as ±1000000.
    pub const fn value(self) -> i32 {
        self.0
    }

    /// Is it [`Score::INFINITY`]?
    pub const fn is_infinite(self) -> bool {
        self.0 >= INFINITY
    }

    /// Is it [`Score::MINUS_INFINITY`]?
    pub const fn is_minus_infinite(self) -> bool {
        self.0 <= -INFINITY
    }

    /// Is it below zero?
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Reads a score: an integer, an infinity, or the word for a node health. None if invalid.
    pub fn parse_with(text: &str, health: &HealthScores) -> Option<Self> {
        match text {
            "-INFINITY" => Some(Self::MINUS_INFINITY),
            "INFINITY" | "+INFINITY" => Some(Self::INFINITY),
            _ if text.eq_ignore_ascii_case("red") => Some(health.red),
            _ if text.eq_ignore_ascii_case("yellow") => Some(health.yellow),
            _ if text.eq_ignore_ascii_case("green") => Some(health.green),
            _ => integer(text).map(Self::new),
        }
    }

    /// Like [`Score::parse_with`], where node health says nothing: its words mean 0.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_with(text, &HealthScores::default())
    }

    /// Like [`Score::parse`]; a missing or invalid text means `default`.
    pub fn parse_or(text: Option<&str>, default: Self) -> Self {
        text.and_then(Self::parse).unwrap_or(default)
    }
}

/// What the words `red`, `yellow` and `green` mean as scores: it depends on the cluster's
/// `node-health-strategy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct HealthScores {
    pub red: Score,
    pub yellow: Score,
    pub green: Score,
}

impl Add for Score {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        if self.is_minus_infinite() || other.is_minus_infinite() {
            Self::MINUS_INFINITY
        } else if self.is_infinite() || other.is_infinite() {
            Self::INFINITY
        } else {
            Self::new(i64::from(self.0) + i64::from(other.0))
        }
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Neg for Score {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl From<i32> for Score {
    fn from(value: i32) -> Self {
        Self::new(i64::from(value))
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_infinite() {
            f.pad("INFINITY")
        } else if self.is_minus_infinite() {
            f.pad("-INFINITY")
        } else {
            self.0.fmt(f)
        }
    }
}
