//! Which schemas are there, and in which order?

use std::fmt;

/// A schema version. Later versions are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub(super) u8);

/// Every version, in order.
const NAMES: [&str; 26] = [
    "1.0", "1.2", "1.3", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9",
    "2.10", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "4.0",
];

/// How the versions are called in a CIB, before their number.
const PREFIX: &str = "pacemaker-";

impl Version {
    /// The first version.
    pub const FIRST: Self = Self(0);
    /// The version that the engine reads.
    pub const LATEST: Self = Self(NAMES.len() as u8 - 1);

    /// The version of a number like `3.10`.
    pub fn from_number(number: &str) -> Option<Self> {
        NAMES
            .iter()
            .position(|&name| name == number)
            .map(|index| Self(index as u8))
    }

    /// The version of a schema name like `pacemaker-3.10`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_number(name.strip_prefix(PREFIX)?)
    }

    /// The number, like `3.10`.
    pub fn number(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// The schema name, like `pacemaker-3.10`.
    pub fn name(self) -> String {
        format!("{PREFIX}{}", self.number())
    }

    /// The version after this one.
    pub fn next(self) -> Option<Self> {
        (self < Self::LATEST).then_some(Self(self.0 + 1))
    }

    /// The version before this one.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// Every version, in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..NAMES.len() as u8).map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schema {self}")
    }
}
