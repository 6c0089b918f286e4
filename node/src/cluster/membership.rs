//! What does a change of the configuration, of nodes or of their attributes mean?

use lockstep_engine::parse::{Document, Limits};

use super::command::{Epoch, Lifetime};
use super::event::What;
use super::{Cluster, NodeRecord, Refusal, status, transition};

impl Cluster {
    pub(super) fn replace_config(
        &mut self,
        expected: Option<Epoch>,
        bytes: &[u8],
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let present = self.epoch();
        if let Some(expected) = expected.filter(|expected| *expected != present) {
            return Err(Refusal::OtherEpoch { expected, present });
        }
        let given = Document::parse(bytes, &Limits::default())
            .map_err(|error| Refusal::NotACib(error.to_string()))?;
        let Some(configuration) = given.child(given.root(), "configuration") else {
            let message = format!(
                "a <{}> without <configuration> is no CIB",
                given.name(given.root())
            );
            return Err(Refusal::NotACib(message));
        };
        let root = self.cib.root();
        if let Some(old) = self.cib.child(root, "configuration") {
            self.cib.remove(old);
        }
        let new = self.cib.copy_from(&given, configuration, root);
        if let Some(status) = self.cib.child(root, "status") {
            self.cib.move_before(new, status);
        }
        for (name, value) in given.attrs(given.root()) {
            let kept = [
                "admin_epoch",
                "epoch",
                "num_updates",
                "have-quorum",
                "dc-uuid",
            ];
            if !kept.contains(&name) {
                self.cib.set_attr(root, name, value);
            }
        }
        self.configured = true;
        let admin = status::number(&given, "admin_epoch").max(present.admin);
        self.cib.set_attr(root, "admin_epoch", &admin.to_string());
        // Nodes that are here do not leave because a configuration forgot them, and those that are
        // lost are not safe because of it: they wait to be fenced.
        for (node, record) in &mut self.nodes {
            if record.online || status::is_expected(&self.cib, node) {
                status::ensure_node(&mut self.cib, node);
            }
            if let Some(id) = status::node_id(&self.cib, node) {
                record.id = id;
            }
        }
        // It may number its nodes otherwise than the one before, and than those that came up first
        // were numbered by us.
        status::renumber_states(&mut self.cib);
        self.configuration_changed(news);
        self.interrupt("the configuration changed", news);
        Ok(())
    }

    pub(super) fn configuration_changed(&mut self, news: &mut Vec<What>) {
        status::bump(&mut self.cib, "epoch");
        let root = self.cib.root();
        self.cib.set_attr(root, "num_updates", "0");
        news.push(What::Configured {
            epoch: self.epoch().to_string(),
        });
    }

    pub(super) fn node_up(
        &mut self,
        node: String,
        journal: u64,
        incarnation: u64,
        acknowledged: u64,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let known = self.nodes.get(&node);
        if known.is_some_and(|known| known.online && known.incarnation == incarnation) {
            return Err(Refusal::Superseded);
        }
        let fresh = known.is_none_or(|known| known.incarnation != incarnation);
        let applied = match known {
            // Reports of one journal are counted on over restarts of its executor.
            Some(known) if known.journal == journal => known.applied,
            _ => acknowledged,
        };
        let (id, new) = status::ensure_node(&mut self.cib, &node);
        if new {
            self.configuration_changed(news);
        }
        if fresh {
            self.before_forgetting(&node, news);
            self.lives.insert(node.clone(), self.planned);
        }
        status::node_joined(&mut self.cib, &id, &node, self.clock, fresh);
        let record = NodeRecord {
            id,
            journal,
            incarnation,
            applied,
            online: true,
        };
        self.nodes.insert(node.clone(), record);
        self.fencing_failures.remove(&node);
        self.interrupt(&format!("node {node} came up"), news);
        news.push(What::NodeUp { node });
        Ok(())
    }

    pub(super) fn node_lost(
        &mut self,
        node: &str,
        incarnation: u64,
        clean: bool,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        let Some(record) = self.nodes.get_mut(node) else {
            return Err(Refusal::UnknownNode(node.to_owned()));
        };
        if !record.online || record.incarnation != incarnation {
            return Err(Refusal::Superseded);
        }
        record.online = false;
        let id = record.id.clone();
        let looks_again = clean && self.before_forgetting(node, news);
        if !clean {
            self.note_open_migrations(node);
        }
        status::node_left(&mut self.cib, &id, node, clean);
        status::bump(&mut self.cib, "num_updates");
        news.push(What::NodeLost {
            node: node.to_owned(),
            clean,
        });
        if clean && !looks_again && self.leaves_as_planned(node) {
            return Ok(());
        }
        self.interrupt(
            &format!("node {node} {}", if clean { "left" } else { "was lost" }),
            news,
        );
        Ok(())
    }

    /// Whether the plan in force has had this node leave: then its leaving is no news to it.
    pub(super) fn leaves_as_planned(&self, node: &str) -> bool {
        let Some(transition) = self.transition.as_ref().filter(|t| t.aborted.is_none()) else {
            return false;
        };
        let synapses = (0u32..).zip(&transition.graph.synapses);
        let mut leaving = synapses.filter(|(_, synapse)| {
            let on = synapse.action.node.as_ref().map(|on| on.name.as_str());
            synapse.action.task == "do_shutdown" && on == Some(node)
        });
        leaving.any(|(at, _)| transition.progress(at) == transition::Progress::Done)
    }

    pub(super) fn set_attribute(
        &mut self,
        node: String,
        name: String,
        value: Option<String>,
        lifetime: Lifetime,
        news: &mut Vec<What>,
    ) -> Result<(), Refusal> {
        if status::node_id(&self.cib, &node).is_none() {
            return Err(Refusal::UnknownNode(node));
        }
        let set = match lifetime {
            Lifetime::Transient => status::set_transient,
            Lifetime::Permanent => status::set_permanent,
        };
        if set(&mut self.cib, &node, &name, value.as_deref()) {
            match lifetime {
                Lifetime::Transient => status::bump(&mut self.cib, "num_updates"),
                Lifetime::Permanent => self.configuration_changed(news),
            }
            self.interrupt(&format!("attribute {name} of {node} changed"), news);
            news.push(What::Attribute { node, name, value });
        }
        Ok(())
    }
}
