//! Meta attributes of an action: the operation's, shared by all actions like it, and its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Attribute, Attributes};

/// Names and values that several actions have in common.
#[derive(Clone, Debug, Default)]
pub struct MetaLayer(
    /// By name. A map would be emptier than full: most layers hold three values.
    Box<[Attribute]>,
);

impl MetaLayer {
    fn get(&self, name: &str) -> Option<&str> {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
        place.ok().map(|place| &*self.0[place].1)
    }
}

impl From<Attributes> for MetaLayer {
    fn from(values: Attributes) -> Self {
        MetaLayer(values.into_iter().collect())
    }
}

/// Of names that are all different.
impl<N: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for MetaLayer {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        let values = values.into_iter();
        let shared = values.map(|(name, value)| (name.into(), value.into()));
        let mut by_name: Box<[Attribute]> = shared.collect();
        by_name.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        MetaLayer(by_name)
    }
}

/// Mostly known when the program is built.
type Text = Cow<'static, str>;

/// Meta attributes of an action, by name without `CRM_meta_`.
///
/// A cluster has far more actions than operations, so what an operation says is kept once. The
/// action's own values win over layers, later layers win over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct ActionMeta {
    operation: Option<Arc<MetaLayer>>,
    /// Over the operation's.
    shared: Vec<Arc<MetaLayer>>,
    /// By name.
    own: Vec<(Text, Text)>,
}

impl ActionMeta {
    /// The meta attributes of an operation, with nothing of the action's own yet.
    #[must_use]
    pub fn of_operation(layer: Arc<MetaLayer>) -> Self {
        ActionMeta {
            operation: Some(layer),
            ..Self::default()
        }
    }
    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Ok(place) = self.own_place(name) {
            return Some(&self.own[place].1);
        }
        let mut layers = self.layers().rev();
        layers.find_map(|layer| layer.get(name))
    }
    /// Sets `name`, whatever it was.
    pub fn set(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        let (name, value) = (name.into(), value.into());
        match self.own_place(&name) {
            Ok(place) => self.own[place].1 = value,
            Err(place) => {
                // Mostly the only one: the result that a probe is expected to have.
                if self.own.is_empty() {
                    self.own.reserve_exact(1);
                }
                self.own.insert(place, (name, value));
            }
        }
    }
    /// Where the action's own value is, or belongs.
    fn own_place(&self, name: &str) -> Result<usize, usize> {
        self.own
            .binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }
    /// Later ones win.
    fn layers(&self) -> impl DoubleEndedIterator<Item = &Arc<MetaLayer>> {
        self.operation.iter().chain(&self.shared)
    }
    /// Sets everything that `layer` says, over earlier layers.
    pub fn share(&mut self, layer: Arc<MetaLayer>) {
        self.shared.push(layer);
    }
    /// Takes from `other` what is not set here.
    pub fn fill_from(&mut self, other: &ActionMeta) {
        for (name, value) in other.to_map() {
            if self.get(name).is_none() {
                self.set(name.to_owned(), value.to_owned());
            }
        }
    }
    /// All names with their values, sorted by name.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<&str, &str> {
        let mut map = BTreeMap::new();
        for layer in self.layers() {
            map.extend(layer.0.iter().map(|(name, value)| (&**name, &**value)));
        }
        map.extend(
            self.own
                .iter()
                .map(|(name, value)| (name.as_ref(), value.as_ref())),
        );
        map
    }
}

#[cfg(test)]
mod tests;
