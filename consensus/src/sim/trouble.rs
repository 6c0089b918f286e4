//! What goes wrong, and what operators do: crashes, partitions, pauses, full disks, membership
//! changes; and the end of it.

use std::collections::BTreeSet;

use super::world::{Event, Node, Outcome, World};
use crate::group::Input;
use crate::log::Store;
use crate::types::{MemberStep, MembersChange, NodeId};

impl World {
    pub(super) fn disturb(&mut self) -> Outcome {
        if self.healed {
            return Ok(());
        }
        self.after_about(self.settings.faults.disturbance_us, Event::Disturb);
        let up = self.up();
        let Some(&anyone) = self.random.pick(&up) else {
            return Ok(());
        };
        // The leader is where it hurts most.
        let leader = if self.random.chance(400) {
            self.leader()
        } else {
            None
        };
        let victim = leader.unwrap_or(anyone);
        match self.random.below(7) {
            0 | 1 => self.crash(victim),
            2 => {
                self.isolate(victim);
                Ok(())
            }
            3 => {
                self.split();
                Ok(())
            }
            4 => {
                let length = self.random.below(4_000_000);
                self.trace(|| format!("node {victim} stands still for {length} µs"));
                if let Some(node) = self.nodes.get_mut(&victim) {
                    node.paused_until = self.now + length;
                }
                Ok(())
            }
            5 => {
                self.trace(|| format!("the disk of node {victim} fills up"));
                let spare = self.random.below(8_000);
                if let Some(node) = self.nodes.get(&victim) {
                    node.folder.set_capacity(Some(node.folder.used() + spare));
                }
                let length = self.random.below(3_000_000);
                self.after(length, Event::Room { node: victim });
                Ok(())
            }
            _ => {
                // A connection breaks for no reason.
                let peer = self.random.pick(&up).copied().unwrap_or(victim);
                self.step(victim, vec![Input::PeerClosed(peer)])
            }
        }
    }

    fn isolate(&mut self, victim: NodeId) {
        self.trace(|| format!("node {victim} is cut off"));
        let others: Vec<NodeId> = self
            .nodes
            .keys()
            .copied()
            .filter(|&id| id != victim)
            .collect();
        for other in others {
            self.network.cut(victim, other);
            // Sometimes it still hears the others.
            if self.random.chance(700) {
                self.network.cut(other, victim);
            }
        }
        let length = self.random.below(5_000_000);
        self.after(length, Event::Join);
    }

    fn split(&mut self) {
        let all: Vec<NodeId> = self.nodes.keys().copied().collect();
        let side: BTreeSet<NodeId> = all
            .iter()
            .copied()
            .filter(|_| self.random.chance(500))
            .collect();
        self.trace(|| format!("{side:?} are cut off from the rest"));
        for &a in &all {
            for &b in all.iter().filter(|b| side.contains(&a) != side.contains(b)) {
                self.network.cut(a, b);
            }
        }
        let length = self.random.below(5_000_000);
        self.after(length, Event::Join);
    }

    /// A node goes down, sometimes in the middle of a write.
    fn crash(&mut self, id: NodeId) -> Outcome {
        let (down_for, die_after) = (self.random.below(3_000_000), self.random.below(8));
        let power_is_lost = self.random.chance(300);
        let mut disk_random = self.random.fork();
        let Some(node) = self.nodes.get_mut(&id) else {
            return Ok(());
        };
        let Some(mut running) = node.running.take() else {
            return Ok(());
        };
        if running.writing > 0 {
            node.folder.die_after(die_after);
            // How far it gets is the point; nobody is told.
            let _ = running.store.persist(&running.batches_in_writing());
        }
        node.folder = node.folder.crash(&mut disk_random);
        node.folder.set_capacity(None);
        self.summary.crashes += 1;
        self.trace(|| format!("node {id} crashes"));
        self.after(down_for, Event::Restart { node: id });
        // A dead process closes its connections; a machine without power does not.
        if !power_is_lost {
            for other in self.up() {
                let delay = 50 + self.random.below(2_000);
                let life = self.nodes.get(&other).map_or(0, |node| node.life);
                let input = Input::PeerClosed(id);
                self.after(
                    delay,
                    Event::Input {
                        node: other,
                        life,
                        input,
                    },
                );
            }
        }
        Ok(())
    }

    /// Adds, promotes, demotes, removes, or hands over leadership, through whoever leads.
    pub(super) fn change_members(&mut self) -> Outcome {
        if self.healed {
            return Ok(());
        }
        self.after_about(self.settings.faults.membership_us, Event::ChangeMembers);
        let Some(leader) = self.leader() else {
            return Ok(());
        };
        let Some(running) = self.running(leader) else {
            return Ok(());
        };
        let members = running.group.position().members;
        let voters: Vec<NodeId> = members.voters.iter().copied().collect();
        let id = self.request();
        if let (true, Some(&to)) = (self.random.chance(300), self.random.pick(&voters)) {
            return self.step(leader, vec![Input::TransferLeader { id, to }]);
        }
        let mut steps = Vec::new();
        if let Some(&learner) = members.learners.first() {
            steps.push(MemberStep::AddVoter {
                id: learner,
                address: String::new(),
                name: String::new(),
            });
        }
        let newcomer = self.nodes.keys().max().map_or(1, |id| id + 1);
        if newcomer <= self.settings.voters + 3 && voters.len() < 6 {
            let address = format!("node-{newcomer}");
            steps.push(if self.random.chance(500) {
                MemberStep::AddLearner {
                    id: newcomer,
                    address,
                    name: String::new(),
                }
            } else {
                MemberStep::AddVoter {
                    id: newcomer,
                    address,
                    name: String::new(),
                }
            });
            self.nodes.insert(newcomer, Node::new());
            self.start(newcomer)?;
        }
        if let (true, Some(&id)) = (voters.len() > 3, self.random.pick(&voters)) {
            steps.push(if self.random.chance(500) {
                MemberStep::Remove { id }
            } else {
                MemberStep::AddLearner {
                    id,
                    address: String::new(),
                    name: String::new(),
                }
            });
        }
        if self.random.chance(300) {
            steps.truncate(1);
        }
        self.step(
            leader,
            vec![Input::ChangeMembers {
                id,
                change: MembersChange { steps },
            }],
        )
    }

    /// The trouble is over: everything works, and everyone is back.
    pub(super) fn heal(&mut self) -> Outcome {
        self.trace(|| "all faults end".to_owned());
        self.healed = true;
        self.network.heal();
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in ids {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.folder.set_capacity(None);
                node.paused_until = 0;
            }
            self.start(id)?;
        }
        Ok(())
    }
}
