//! Meta attributes of an action: the operation's, shared by all actions like it, and its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

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
    /// The operation's first. Mostly it is the only one, or that of probes is over it.
    layers: SmallVec<[Arc<MetaLayer>; 2]>,
    /// Few actions have any, and there are many actions.
    own: Option<Box<Own>>,
}

/// By name.
#[derive(Clone, Debug, Default)]
struct Own(Vec<(Text, Text)>);

impl Own {
    /// Where the value is, or belongs.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }
}

impl ActionMeta {
    /// The meta attributes of an operation, with nothing of the action's own yet.
    #[must_use]
    pub fn of_operation(layer: Arc<MetaLayer>) -> Self {
        ActionMeta {
            layers: SmallVec::from_iter([layer]),
            own: None,
        }
    }
    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Some(own) = &self.own
            && let Ok(place) = own.place(name)
        {
            return Some(&own.0[place].1);
        }
        let mut layers = self.layers.iter().rev();
        layers.find_map(|layer| layer.get(name))
    }
    /// Sets `name`, whatever it was.
    pub fn set(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        let (name, value) = (name.into(), value.into());
        let own = self.own.get_or_insert_default();
        match own.place(&name) {
            Ok(place) => own.0[place].1 = value,
            Err(place) => own.0.insert(place, (name, value)),
        }
    }
    /// Sets everything that `layer` says, over earlier layers.
    pub fn share(&mut self, layer: Arc<MetaLayer>) {
        self.layers.push(layer);
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
        for layer in &self.layers {
            map.extend(layer.0.iter().map(|(name, value)| (&**name, &**value)));
        }
        let own = self.own.iter().flat_map(|own| &own.0);
        map.extend(own.map(|(name, value)| (name.as_ref(), value.as_ref())));
        map
    }
}

#[cfg(test)]
mod tests;
