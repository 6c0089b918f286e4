//! What the targets share: clusters and documents with structure, and what must hold for them.
//!
//! - [`scene`] makes small clusters, valid as far as structure goes;
//! - [`draft`] edits their documents, so that they are nearly valid;
//! - [`checks`] says what must hold for any document and any plan;
//! - [`commands`] makes commands of the replicated state, [`hostile`] messages of a group.

pub mod checks;
pub mod commands;
pub mod draft;
pub mod hostile;
pub mod scene;

/// At most `MAX` values: how many comes first, so that a small change of the input stays small.
///
/// # Errors
/// If the input is used up.
pub fn few<'a, T: arbitrary::Arbitrary<'a>, const MAX: usize>(
    u: &mut arbitrary::Unstructured<'a>,
) -> arbitrary::Result<Vec<T>> {
    let count = u.int_in_range(0..=MAX)?;
    (0..count).map(|_| T::arbitrary(u)).collect()
}
