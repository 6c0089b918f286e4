//! Which resources are there? Makes them from definitions, one per instance.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::Evaluation;
use super::definition::{Definition, Implicit, Inherited, Kind, Reader};
use super::maker::{Allowed, Maker, Place, allow_initially};
use super::nodes::{GuestConnection, Nodes};
use super::operation::{self, Watch};
use super::template::Templates;
use super::{NodeKind, Options, Resource, Tags, Variant};
use crate::Diagnostic;
use crate::id::{Id, ResourceId, Table};
use crate::nvset::NvSets;
use crate::parse::{Document, ElementId, IdIndex, names};

/// Everything that resources are made with, and what has been made so far.
pub(super) struct Resolver<'d> {
    pub(super) document: &'d Document,
    pub(super) ids: &'d IdIndex,
    pub(super) evaluation: Evaluation<'d>,
    pub(super) options: &'d Options,
    pub(super) nodes: Nodes,
    pub(super) resource_defaults: &'d NvSets,
    pub(super) templates: Templates,
    template_users: BTreeSet<ElementId>,
    pub(super) tags: Tags,
    pub(super) resources: Table<ResourceId, Resource>,
    pub(super) allowed: Allowed,
    pub(super) watch: Watch,
    /// Of all bundles so far: see [`super::bundle`].
    pub(super) replica_pairs: usize,
    /// Top-level resources in document order, implicit connections last.
    pub(super) top: Vec<ResourceId>,
    /// The first resource with each id, of finished top-level resources.
    by_id: BTreeMap<String, ResourceId>,
    /// A fence device was read, even if it (or the clone around it) is ignored.
    pub(super) have_fence_device: bool,
}

/// More resources than this, instances included, are not made.
const MAX_RESOURCES: usize = 250_000;

/// What has been made.
pub(super) struct Made {
    pub(super) nodes: Nodes,
    pub(super) resources: Table<ResourceId, Resource>,
    /// Top-level resources, highest priority first.
    pub(super) top: Vec<ResourceId>,
    pub(super) tags: Tags,
    pub(super) have_fence_device: bool,
    pub(super) recheck_by: Option<i64>,
    pub(super) messages: Vec<Diagnostic>,
}

impl<'d> Resolver<'d> {
    pub(super) fn new(
        document: &'d Document,
        ids: &'d IdIndex,
        evaluation: Evaluation<'d>,
        options: &'d Options,
        nodes: Nodes,
        resource_defaults: &'d NvSets,
    ) -> Self {
        Self {
            document,
            ids,
            evaluation,
            options,
            nodes,
            resource_defaults,
            templates: Templates::default(),
            template_users: BTreeSet::new(),
            tags: Tags::default(),
            // More than most clusters have for each element: growing would copy all of them.
            resources: Table::with_capacity(document.element_count() / 16),
            allowed: Allowed::default(),
            watch: Watch::default(),
            replica_pairs: 0,
            top: Vec::new(),
            by_id: BTreeMap::new(),
            have_fence_device: false,
        }
    }

    /// Makes the resources of the `resources` section, then the guests' connections.
    pub(super) fn add_all(&mut self, section: ElementId, guests: Vec<GuestConnection>) {
        self.templates = Templates::new(self.document, section);
        for element in self.document.children(section) {
            let Some(id) = self.document.id(element).filter(|id| !id.is_empty()) else {
                let name = self.document.name(element);
                self.error(element, format!("Ignoring <{name}> resource without ID"));
                continue;
            };
            if self.document.is(element, names::TEMPLATE) {
                self.tags.add_template(id, None);
                continue;
            }
            let made = match self.reader().element(element, Inherited::NOTHING) {
                Some(definition) => self.add_top(&definition),
                None => false,
            };
            if !made {
                let name = self.document.name(element);
                let message =
                    format!("Ignoring <{name}> resource '{id}' because configuration is invalid");
                self.error(element, message);
            }
        }
        for guest in guests {
            let definition = self
                .reader()
                .implicit(connection(guest), Inherited::NOTHING);
            self.add_top(&definition);
        }
    }

    /// Whether the definition could be used.
    fn add_top(&mut self, definition: &Definition) -> bool {
        let made = self.make(definition, None, None);
        if let Some(id) = made {
            self.top.push(id);
            self.index(id);
        }
        made.is_some()
    }

    /// Adds a finished resource and all below it to the index.
    fn index(&mut self, id: ResourceId) {
        let resource = &self.resources[id];
        self.by_id.entry(resource.id.clone()).or_insert(id);
        for child in resource.children.clone() {
            self.index(child);
        }
    }

    /// A resource of a finished top-level resource.
    pub(super) fn find(&self, id: &str) -> Option<ResourceId> {
        self.by_id.get(id).copied()
    }

    pub(super) fn reader(&mut self) -> Reader<'_, 'd> {
        Reader {
            document: self.document,
            ids: self.ids,
            evaluation: &mut self.evaluation,
            templates: &self.templates,
            resource_defaults: self.resource_defaults,
        }
    }

    pub(super) fn error(&mut self, element: impl Into<Option<ElementId>>, message: String) {
        self.evaluation
            .messages
            .push(Diagnostic::error(element, message));
    }

    /// Makes a resource with everything in it; `instance` is the number of the clone instance
    /// that it is or belongs to. If that is not possible, nothing is left of it.
    pub(super) fn make(
        &mut self,
        definition: &Definition,
        parent: Option<ResourceId>,
        instance: Option<&str>,
    ) -> Option<ResourceId> {
        if self.resources.len() >= MAX_RESOURCES {
            let message = format!(
                "{} is ignored: more than {MAX_RESOURCES} resources",
                definition.id
            );
            self.error(definition.element, message);
            return None;
        }
        let resource = self.resource(definition, parent, instance);
        let id = self.resources.push(resource);
        let complete = match definition.kind {
            Kind::Primitive => self.complete_primitive(id),
            Kind::Group => self.complete_group(id, definition, instance),
            Kind::Clone => self.complete_clone(id, definition),
            Kind::Bundle => self.complete_bundle(id, definition),
        };
        if !complete {
            self.resources.truncate(id.index());
            return None;
        }
        allow_initially(
            &mut self.resources[id],
            self.options,
            &self.nodes.table,
            &mut self.allowed,
        );
        self.record_template_use(definition);
        Some(id)
    }

    /// Of several instances only the first is recorded, by its configured id.
    fn record_template_use(&mut self, definition: &Definition) {
        let Some(element) = definition.element else {
            return;
        };
        let template = self.document.attr(element, "template");
        if let Some(template) = template
            && self.template_users.insert(element)
        {
            self.tags.add_template(template, Some(&definition.id));
        }
    }

    /// A resource without its parts.
    fn resource(
        &mut self,
        definition: &Definition,
        parent: Option<ResourceId>,
        instance: Option<&str>,
    ) -> Resource {
        let top = parent
            .filter(|&parent| !self.is_bundle(parent))
            .map(|parent| &self.resources[self.top_below_bundle(parent)]);
        let place = Place {
            instance,
            parent_meta: parent.map(|parent| &self.resources[parent].meta_text),
            in_clone: top.is_some_and(|top| matches!(top.variant, Variant::Clone(_))),
            is_top: top.is_none(),
            in_promotable: top.is_some_and(|top| top.promotable),
            nodes: self.nodes.table.len(),
        };
        let mut maker = Maker {
            evaluation: &mut self.evaluation,
            options: self.options,
        };
        let mut resource = maker.make(definition, place);
        resource.parent = parent;
        resource
    }

    fn complete_group(
        &mut self,
        id: ResourceId,
        definition: &Definition,
        instance: Option<&str>,
    ) -> bool {
        for member in &definition.parts {
            if let Some(member) = self.make(member, Some(id), instance) {
                self.resources[id].children.push(member);
            }
        }
        let complete = !self.resources[id].children.is_empty();
        if !complete {
            self.error(
                definition.element,
                format!("Group {} has no members", definition.id),
            );
        }
        complete
    }

    fn is_bundle(&self, id: ResourceId) -> bool {
        matches!(self.resources[id].variant, Variant::Bundle(_))
    }

    /// The topmost ancestor of a resource (or itself) that is not a bundle with something in it.
    pub(super) fn top_below_bundle(&self, id: ResourceId) -> ResourceId {
        let mut top = id;
        while let Some(parent) = self.resources[top].parent
            && !self.is_bundle(parent)
        {
            top = parent;
        }
        top
    }

    /// Joins resources with their launchers, and connections with their nodes.
    pub(super) fn link(&mut self) {
        for &top in &self.top.clone() {
            self.link_launchers(top);
            if self.resources[top].remote_connection {
                self.link_node(top);
            }
        }
    }

    fn link_launchers(&mut self, id: ResourceId) {
        let children = self.resources[id].children.clone();
        if !children.is_empty() {
            children
                .into_iter()
                .for_each(|child| self.link_launchers(child));
            return;
        }
        let resource = &self.resources[id];
        let Some(launcher) = resource.meta_text.get("container") else {
            return;
        };
        if **launcher == *resource.id {
            return;
        }
        if let Some(found) = self.find(launcher) {
            self.resources[id].launcher = Some(found);
            self.resources[found].launched.push(id);
        } else {
            let message = format!("Resource {}: Unknown container {launcher}", resource.id);
            self.error(resource.element, message);
        }
    }

    fn link_node(&mut self, id: ResourceId) {
        let resource = &self.resources[id];
        let Some(node) = self.nodes.find(&resource.id) else {
            return;
        };
        let kind = if resource.launcher.is_some() {
            NodeKind::Guest
        } else {
            NodeKind::Remote
        };
        self.resources[id].connection_to = Some(node);
        self.nodes.connect(node, id, kind);
    }

    pub(super) fn finish(mut self) -> Made {
        let resources = &self.resources;
        self.top
            .sort_by_key(|&id| std::cmp::Reverse(resources[id].meta.priority));
        Made {
            nodes: self.nodes,
            resources: self.resources,
            top: self.top,
            tags: self.tags,
            have_fence_device: self.have_fence_device,
            recheck_by: self.evaluation.recheck_by.0,
            messages: self.evaluation.messages,
        }
    }
}

/// The definition of a guest's connection.
fn connection(guest: GuestConnection) -> Implicit<'static> {
    let some = |name: &str, value: Option<String>| Some((name.into(), value?.into()));
    let meta = [
        some("internal_rsc", Some("true".to_owned())),
        some("container", Some(guest.launcher)),
        some("allow-migrate", guest.allow_migrate),
        some("is-managed", guest.managed),
    ];
    let parameters = [some("addr", guest.address), some("port", guest.port)];
    let mut operations = vec![operation::implicit("monitor", "30s", Some("30s"))];
    if let Some(timeout) = &guest.connect_timeout {
        operations.push(operation::implicit("start", "0", Some(timeout)));
    }
    Implicit {
        id: guest.name,
        agent: ("pacemaker", "remote"),
        meta: meta.into_iter().flatten().collect(),
        parameters: parameters.into_iter().flatten().collect(),
        operations: operations.into(),
    }
}
