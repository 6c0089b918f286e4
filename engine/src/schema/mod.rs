//! Is this a CIB, and what does it say in today's words?
//!
//! The engine reads schema 4.0. [`upgrade()`] brings a CIB of an older version there as Pacemaker
//! does: from version to version, as long as the document follows the rules of each; where a new
//! major version has dropped something, and the document uses it, the document is rewritten.

mod grammar;
#[cfg(test)]
mod tests;
mod to_2_0;
mod to_3_0;
mod to_4_0;
mod upgrade;
mod validate;
mod version;

pub use upgrade::{SchemaError, Upgrade, upgrade};
pub use validate::{Problem, Violation};
pub use version::Version;

use crate::parse::Document;

/// Does a document follow the rules of a schema version?
///
/// # Errors
/// The first place where it does not.
pub fn validate(document: &Document, version: Version) -> Result<(), Box<Violation>> {
    validate::Validator::new(version).validate(document)?;
    Ok(())
}
