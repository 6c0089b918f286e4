//! How does one resource look, without what is in it?

use super::blocks::Evaluation;
use super::definition::{Definition, Kind, fill};
use super::meta::{MetaReader, Nature};
use super::{
    Attributes, Blocks, Clone_, Group, Node, Options, Resource, Variant, bundle, traits_of, written,
};
use crate::Diagnostic;
use crate::id::{NodeId, Table};
use crate::parse::names;
use crate::score::{ProbeMode, ScoreTable};
use crate::value;

/// Where a resource stands. Bundles do not count as what is around a resource: inside, all is as
/// at the top level.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Number of the clone instance that it is or belongs to.
    pub(super) instance: Option<&'a str>,
    /// Final meta attributes of the parent (here bundles count).
    pub(super) parent_meta: Option<&'a Attributes>,
    /// Nothing is around it.
    pub(super) is_top: bool,
    /// The topmost resource around it is a clone.
    pub(super) in_clone: bool,
    /// The topmost resource around it is a promotable clone.
    pub(super) in_promotable: bool,
    /// How many nodes are known by now: the default number of instances.
    pub(super) nodes: usize,
}

impl Place<'_> {
    /// Alone at the top level.
    pub(super) const TOP: Place<'static> = Place {
        instance: None,
        parent_meta: None,
        is_top: true,
        in_clone: false,
        in_promotable: false,
        nodes: 0,
    };
}

/// Makes resources.
pub(super) struct Maker<'m, 'd> {
    pub(super) evaluation: &'m mut Evaluation<'d>,
    pub(super) options: &'m Options,
}

impl Maker<'_, '_> {
    pub(super) fn make(&mut self, definition: &Definition, place: Place<'_>) -> Resource {
        let mut meta_text = definition.meta.clone();
        let mut id = definition.id.clone();
        if let Some(number) = place.instance {
            meta_text.insert("clone".into(), number.into());
            id = format!("{id}:{number}");
        }
        if let Some(parent) = place.parent_meta {
            fill(&mut meta_text, parent);
        }
        let in_clone = place.in_clone || place.is_top && definition.kind == Kind::Clone;
        let promotable = in_clone && is_true(&meta_text, "promotable");
        let unique = !in_clone || says_unique(&meta_text);
        let parameters = Blocks {
            levels: definition.parameter_levels.clone(),
        };
        let remote_connection = definition.agent.is_remote_connection();
        let fence_device = traits_of(&definition.agent.class).fence_device;
        let nature = Nature {
            fence_device,
            remote_connection,
            top_is_promotable: if place.is_top {
                promotable
            } else {
                place.in_promotable
            },
            reconnect_interval_ms: (remote_connection && !meta_text.contains_key("container"))
                .then(|| self.reconnect_interval_ms(&parameters))
                .flatten(),
        };
        let mut reader = MetaReader {
            id: &id,
            definition,
            text: &meta_text,
            options: self.options,
            evaluation: self.evaluation,
        };
        let meta = reader.read(nature);
        let variant = variant(definition, &meta_text, promotable, unique, place.nodes);
        self.report_variant(definition, &id, &variant, &meta_text, unique);
        Resource {
            meta,
            id,
            config_id: definition.id.clone(),
            element: definition.element,
            variant,
            parent: None,
            children: Vec::new(),
            meta_text,
            operations: definition.operations.clone(),
            parameters,
            utilization: definition.utilization.clone(),
            launcher: None,
            launched: Vec::new(),
            connection_to: None,
            unique,
            makes_anonymous: false,
            promotable,
            fence_device,
            remote_connection,
            replica_container: false,
            exclusive_probes: false,
            removed: false,
            allowed: ScoreTable::new(),
        }
    }

    /// Says what is wrong with the meta attributes of a collective.
    fn report_variant(
        &mut self,
        definition: &Definition,
        id: &str,
        variant: &Variant,
        meta: &Attributes,
        unique: bool,
    ) {
        let element = definition.element;
        let document = self.evaluation.document();
        let mut say = |name: &str, is_error: bool, message: String, once: Option<&'static str>| {
            let at = written::meta_attribute(document, element, name);
            let message = if is_error {
                Diagnostic::error(at, message)
            } else {
                Diagnostic::warning(at, message)
            };
            self.evaluation.messages.push(Diagnostic {
                once,
                ..message.at(names::VALUE)
            });
        };
        match variant {
            Variant::Group(group) => {
                let options = [(group.ordered, "ordered"), (group.colocated, "collocated")];
                for (_, option) in options.into_iter().filter(|option| !option.0) {
                    let message = format!(
                        "Support for the '{option}' group meta-attribute is deprecated and will \
                         be removed in a future release (use a resource set instead)"
                    );
                    say(option, false, message, Some(option));
                }
            }
            Variant::Clone(clone) => {
                for (old, new) in [
                    ("master-max", "promoted-max"),
                    ("master-node-max", "promoted-node-max"),
                ] {
                    let is_old = !meta.contains_key(new) && meta.contains_key(old);
                    if clone.promotable && is_old {
                        let message = format!(
                            "Support for the {old} meta-attribute (such as in {id}) is deprecated \
                             and will be removed in a future release. Use the {new} \
                             meta-attribute instead."
                        );
                        say(old, false, message, Some(old));
                    }
                }
                const PER_NODE: &str = "clone-node-max";
                let asked = meta.get(PER_NODE).map(AsRef::as_ref);
                let asked = asked.map_or(1, |text| value::min_integer(Some(text), 0));
                if !unique && asked > 1 {
                    let message = format!(
                        "Ignoring {PER_NODE} of {asked} for {id} because anonymous clones support \
                         only one instance per node"
                    );
                    say(PER_NODE, true, message, None);
                }
            }
            Variant::Primitive(_) | Variant::Bundle(_) => {}
        }
    }

    /// Read without a node: rules on node attributes have no say.
    fn reconnect_interval_ms(&mut self, parameters: &Blocks) -> Option<i64> {
        let parameters = self.evaluation.parameters(parameters, None);
        let interval = parameters.get("reconnect_interval")?;
        Some(i64::from(value::interval(interval).ms))
    }
}

fn variant(
    definition: &Definition,
    meta: &Attributes,
    promotable: bool,
    unique: bool,
    nodes: usize,
) -> Variant {
    // A boolean that has to be said to be false.
    let unless_false = |name: &str| {
        meta.get(name)
            .and_then(|text| value::boolean(text))
            .unwrap_or(true)
    };
    match definition.kind {
        Kind::Primitive => Variant::Primitive(definition.agent.clone()),
        Kind::Group => Variant::Group(Group {
            ordered: unless_false("ordered"),
            colocated: unless_false("collocated"),
        }),
        Kind::Clone => Variant::Clone(Clone_::from_meta(meta, promotable, unique, nodes)),
        Kind::Bundle => Variant::Bundle(bundle::empty()),
    }
}

fn is_true(meta: &Attributes, name: &str) -> bool {
    value::is_true(meta.get(name).map(AsRef::as_ref))
}

/// `globally-unique`, which defaults to whether more than one instance may be on a node.
fn says_unique(meta: &Attributes) -> bool {
    if meta.contains_key("globally-unique") {
        return is_true(meta, "globally-unique");
    }
    let node_max = meta.get("clone-node-max");
    node_max
        .and_then(|text| value::integer(text))
        .is_some_and(|max| max > 1)
}

/// What resources in a symmetric cluster are allowed on, as long as no node is added or reserved.
#[derive(Default)]
pub(super) struct Allowed {
    /// How many nodes there were.
    nodes: usize,
    table: ScoreTable,
}

impl Allowed {
    /// The last node was added, and is reserved: nothing changes.
    pub(super) fn reserved_new(&mut self, nodes: usize) {
        if self.nodes + 1 == nodes {
            self.nodes = nodes;
        }
    }
}

/// Allows a resource on every node that exists by now and is not reserved, if the cluster is
/// symmetric. In others, only guests' connections are allowed anywhere: they go where their
/// launchers go. Most resources are allowed on the same nodes, so they share a table (see `last`)
/// until one is changed.
pub(super) fn allow_initially(
    resource: &mut Resource,
    options: &Options,
    nodes: &Table<NodeId, Node>,
    last: &mut Allowed,
) {
    if options.symmetric {
        if resource.exclusive_probes {
            return;
        }
        let fresh = resource.allowed.is_empty();
        if fresh && last.nodes == nodes.len() {
            resource.allowed = last.table.clone();
            return;
        }
        let open = nodes
            .enumerate()
            .filter(|(_, node)| node.probe != ProbeMode::Never);
        open.for_each(|(id, node)| allow(&mut resource.allowed, id, node));
        if fresh {
            *last = Allowed {
                nodes: nodes.len(),
                table: resource.allowed.clone(),
            };
        }
    } else if resource.remote_connection && resource.meta_text.contains_key("container") {
        nodes
            .enumerate()
            .for_each(|(id, node)| allow(&mut resource.allowed, id, node));
    }
}

fn allow(allowed: &mut ScoreTable, id: NodeId, node: &Node) {
    if allowed.get(id).is_none() {
        allowed.entry(id, node.base_score).probe = node.probe;
    }
}
