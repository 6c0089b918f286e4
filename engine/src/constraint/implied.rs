//! Which colocations do groups, bundles and launchers imply?

use super::colocation::NODE_NAME;
use super::{Colocation, Reader};
use crate::config::{Group, Variant};
use crate::id::ResourceId;
use crate::value::Score;

/// How much the connection to a container wants to be where the container is. It may be elsewhere
/// if the container runs on a remote node.
const CONNECTION_WITH_CONTAINER: i64 = 10_000;

/// Adds them, from the top down, in the order in which Pacemaker makes them.
pub(super) fn add(reader: &mut Reader<'_>) {
    let state = reader.state;
    for &top in &state.top {
        of_resource(reader, top);
    }
}

fn of_resource(reader: &mut Reader<'_>, id: ResourceId) {
    let state = reader.state;
    let resource = &state.resources[id];
    match &resource.variant {
        Variant::Primitive(_) => of_primitive(reader, id),
        Variant::Group(Group { colocated, .. }) => {
            let mut previous = None;
            for &member in &resource.children {
                of_resource(reader, member);
                if let Some(previous) = previous.filter(|_| *colocated) {
                    let critical = state.resources[member].meta.critical;
                    imply(
                        reader,
                        "#group-members",
                        member,
                        previous,
                        Score::INFINITY,
                        critical,
                    );
                }
                previous = Some(member);
            }
        }
        Variant::Clone(_) => {
            for &instance in &resource.children {
                of_resource(reader, instance);
            }
        }
        Variant::Bundle(bundle) => {
            for replica in &bundle.replicas {
                of_resource(reader, replica.container);
                if let Some(ip) = replica.ip {
                    of_resource(reader, ip);
                    let container = replica.container;
                    imply(
                        reader,
                        "#ip-with-container",
                        ip,
                        container,
                        Score::INFINITY,
                        true,
                    );
                }
                if let Some(connection) = replica.connection {
                    of_resource(reader, connection);
                }
            }
            if let Some(child) = bundle.child {
                of_resource(reader, child);
            }
        }
    }
}

/// What is launched runs where its launcher does, unless the launcher is (or holds) a node of its
/// own: then it runs there. Unmanaged resources stay where they are.
fn of_primitive(reader: &mut Reader<'_>, id: ResourceId) {
    let state = reader.state;
    let resource = &state.resources[id];
    let Some(launcher) = resource.launcher else {
        return;
    };
    if !state.resource[id].managed || reader.made.frozen.contains(&id) {
        return;
    }
    let is_connection = |id: ResourceId| state.resources[id].remote_connection;
    if !resource.remote_connection
        && (is_connection(launcher) || state.guest_connection(launcher).is_some())
    {
        return;
    }
    let score = if resource.meta.remote_nesting_allowed {
        Score::new(CONNECTION_WITH_CONTAINER)
    } else {
        Score::INFINITY
    };
    imply(
        reader,
        "#resource-with-container",
        id,
        launcher,
        score,
        true,
    );
}

fn imply(
    reader: &mut Reader<'_>,
    id: &str,
    dependent: ResourceId,
    primary: ResourceId,
    score: Score,
    influence: bool,
) {
    reader.made.colocations.push(Colocation {
        id: id.to_owned(),
        dependent,
        primary,
        dependent_role: None,
        primary_role: None,
        score,
        node_attribute: NODE_NAME.to_owned(),
        explicit: false,
        influence,
    });
}
