//! Which attributes does an element have?

use super::arena::Symbol;
use super::tables::ContentId;
use super::types::{IdKind, Type};

/// What is left of a content's alternatives after some attributes. Attributes have no order.
pub(in crate::schema) struct Attributes {
    pub(super) content: ContentId,
    /// Alternatives that have all attributes so far, as bits.
    possible: u64,
    /// Which of the content's attributes have come, as bits.
    come: u64,
}

impl Attributes {
    /// Before the first attribute.
    pub(in crate::schema) fn new(content: ContentId) -> Self {
        let alternatives = content.alternatives().len() as u32;
        Attributes {
            content,
            possible: u64::MAX.checked_shr(64 - alternatives).unwrap_or(0),
            come: 0,
        }
    }

    /// Takes an attribute, and says what its value is. None: it is not permitted.
    pub(in crate::schema) fn take(&mut self, name: Symbol, value: &str) -> Option<Option<IdKind>> {
        let (mut permitted, mut id_kind) = (0, None);
        for (bit, attribute) in self.content.attributes().iter().enumerate() {
            if attribute.name != name {
                continue;
            }
            self.come |= 1 << bit;
            if attribute.permitted & self.possible != 0 && attribute.kind().admits(value) {
                permitted |= attribute.permitted;
                id_kind = id_kind.or(attribute.kind().id_kind());
            }
        }
        self.possible &= permitted;
        (self.possible != 0).then_some(id_kind)
    }

    /// The alternatives that are possible and lack nothing, as bits.
    pub(super) fn complete(&self) -> u64 {
        let attributes = self.content.attributes().iter().enumerate();
        let absent = attributes.filter(|(bit, _)| self.come & (1 << bit) == 0);
        absent.fold(self.possible, |left, (_, absent)| left & !absent.required)
    }

    /// Names of the attributes that all possible alternatives lack, or if there are none, of those
    /// that some lack. An alternative that lacks more than another one does not count.
    pub(in crate::schema) fn missing(&self) -> Vec<&'static str> {
        let alternatives = 0..self.content.alternatives().len();
        let possible = alternatives.filter(|bit| self.possible & (1 << bit) != 0);
        let lacking: Vec<u64> = possible.map(|bit| self.lacking(bit)).collect();
        let is_least = |lacks: &&u64| {
            let more_than = |other: &u64| other != *lacks && other & *lacks == *other;
            !lacking.iter().any(more_than)
        };
        let (all, some) = lacking
            .iter()
            .filter(is_least)
            .fold((u64::MAX, 0), |(all, some), lacks| {
                (all & lacks, some | lacks)
            });
        let told = if all == 0 { some } else { all };
        let attributes = self.content.attributes().iter().enumerate();
        let told = attributes.filter(|(bit, _)| told & (1 << bit) != 0);
        told.map(|(_, attribute)| attribute.name.text()).collect()
    }

    /// What an alternative lacks, as bits: of attributes with one name the first.
    fn lacking(&self, alternative: usize) -> u64 {
        let attributes = self.content.attributes();
        let absent = attributes.iter().enumerate().filter(|(bit, attribute)| {
            self.come & (1 << bit) == 0 && attribute.required & (1 << alternative) != 0
        });
        absent.fold(0, |lacking, (_, absent)| {
            let first = attributes.iter().position(|a| a.name == absent.name);
            lacking | 1 << first.unwrap_or_default()
        })
    }
}

impl ContentId {
    /// Names of all attributes, with their types.
    pub(in crate::schema) fn attribute_types(
        self,
    ) -> impl Iterator<Item = (&'static str, &'static Type)> {
        let attributes = self.attributes().iter();
        attributes.map(|attribute| (attribute.name.text(), attribute.kind()))
    }
}
