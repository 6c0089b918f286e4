//! What can an agent do, and what does that do to a primitive in a clone?

use super::resources::Resolver;
use super::{Agent, Resource, Variant, written};
use crate::Diagnostic;
use crate::id::{Id, ResourceId, Table};

/// What agents of a class can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AgentTraits {
    /// Instances of a clone can be told apart.
    pub unique: bool,
    /// Can be promoted.
    pub promotable: bool,
    /// Takes parameters.
    pub parameters: bool,
    /// Is a fence device.
    pub fence_device: bool,
}

/// What agents of a class can do. Classes are compared without case, as Pacemaker does.
#[must_use]
pub fn traits_of(class: &str) -> AgentTraits {
    if class.eq_ignore_ascii_case("ocf") {
        AgentTraits {
            unique: true,
            promotable: true,
            parameters: true,
            fence_device: false,
        }
    } else if class.eq_ignore_ascii_case("stonith") {
        AgentTraits {
            unique: true,
            promotable: false,
            parameters: true,
            fence_device: true,
        }
    } else {
        AgentTraits::default()
    }
}

impl Agent {
    /// Whether this is `ocf:pacemaker:remote`, the agent of connections to remote nodes.
    #[must_use]
    pub fn is_remote_connection(&self) -> bool {
        self.agent.eq_ignore_ascii_case("remote")
            && self.class.eq_ignore_ascii_case("ocf")
            && self
                .provider
                .as_deref()
                .is_some_and(|p| p.eq_ignore_ascii_case("pacemaker"))
    }
}

impl Resolver<'_> {
    /// Checks that the agent can do what the clone around it asks. An agent that cannot tell
    /// instances apart makes the clone anonymous; one that cannot be promoted is an error.
    pub(super) fn complete_primitive(&mut self, id: ResourceId) -> bool {
        let resource = &self.resources[id];
        let Variant::Primitive(agent) = &resource.variant else {
            return false;
        };
        let traits = traits_of(&agent.class);
        self.have_fence_device |= traits.fence_device;
        let top = self.top_below_bundle(id);
        let in_clone = matches!(self.resources[top].variant, Variant::Clone(_));
        if in_clone && !traits.unique && resource.unique {
            let message = format!(
                "Ignoring globally-unique for {} because {} resources such as {} can be used only \
                 as anonymous clones",
                self.resources[top].id, agent.class, resource.id
            );
            let clone = self.resources[top].element;
            let at = written::meta_attribute(self.document, clone, "globally-unique");
            self.evaluation
                .messages
                .push(Diagnostic::warning(at, message));
            self.make_anonymous(top);
            clear_unique(&mut self.resources, top);
            clear_unique(&mut self.resources, id);
            // Also if it is left out below: so its group is marked, if it is in one.
            let parent = self.resources[id].parent.filter(|&parent| parent != top);
            self.resources[parent.unwrap_or(id)].makes_anonymous = true;
        }
        // An agent that can do neither still makes the clone anonymous.
        if !traits.promotable && self.resources[top].promotable {
            let resource = &self.resources[id];
            let class = resource.agent().map_or("", |agent| &agent.class);
            let message = format!(
                "Resource {} is of type {class} and therefore cannot be used as a promotable clone \
                 resource",
                resource.id
            );
            self.evaluation
                .messages
                .push(Diagnostic::error(resource.element, message));
            return false;
        }
        true
    }

    fn make_anonymous(&mut self, clone: ResourceId) {
        let nodes = i32::try_from(self.nodes.table.len()).unwrap_or(i32::MAX);
        if let Variant::Clone(settings) = &mut self.resources[clone].variant {
            settings.node_max = 1;
            settings.max = settings.max.min(nodes);
            settings.globally_unique = false;
        }
    }
}

/// Makes a resource and what is in it anonymous. Only what is joined to it already is reached; what
/// is made later inherits it.
pub(super) fn clear_unique(resources: &mut Table<ResourceId, Resource>, id: ResourceId) {
    let resource = &mut resources[id];
    resource.unique = false;
    resource
        .meta_text
        .insert("globally-unique".into(), "false".into());
    for child in resource.children.clone() {
        debug_assert!(child.index() > id.index());
        clear_unique(resources, child);
    }
}
