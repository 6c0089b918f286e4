//! What clusters have side by side: groups, clones, promotable clones, primitives with and without
//! neighbours.

use super::cib::{AGENTS, Cib, DUMMY, Role, STATEFUL};

/// A cluster of `nodes` nodes and `size` configured primitives, with one node lost that ran its
/// share of them; or, without history, at its first start.
pub(super) fn make(nodes: usize, size: usize, history: bool) -> String {
    let lost = if history { &[1][..] } else { &[] };
    let mut mixture = Mixture {
        cib: Cib::new(nodes, lost),
        nodes,
        drawn: 0,
    };
    let clones = (size / 100).clamp(2, 10);
    let promotables = (size / 50).clamp(1, 20);
    let groups = size * 2 / 5 / 5;
    mixture.clones(clones);
    let promoted = mixture.promotables(promotables);
    let homes = mixture.groups(groups, &promoted);
    let plain = size.saturating_sub(clones + promotables + groups * 5);
    mixture.plain(plain, &homes);
    mixture.cib.write(history)
}

struct Mixture {
    cib: Cib,
    nodes: usize,
    drawn: usize,
}

impl Mixture {
    /// A node, not twice the same in a row.
    fn node(&mut self) -> usize {
        self.drawn += 1;
        self.drawn * 7 / 3 % self.nodes
    }

    /// Clones on every node; every second one depends on the one before.
    fn clones(&mut self, count: usize) {
        let everywhere: Vec<_> = (0..self.nodes).map(|node| (node, Role::Started)).collect();
        for number in 0..count {
            let id = format!("clone{number}");
            let primitive = self
                .cib
                .primitive(&format!("c{number}"), DUMMY, &everywhere);
            self.cib
                .clone_of(&id, &[("interleave", "true")], &primitive);
            if number % 2 == 1 {
                let before = format!("clone{}", number - 1);
                self.cib.order(&before, &id, "Mandatory", "");
                self.cib.colocation(&id, &before, "INFINITY", "");
            }
        }
    }

    /// Promotable clones on three nodes. Returns where each is promoted.
    fn promotables(&mut self, count: usize) -> Vec<usize> {
        let mut promoted = Vec::new();
        for number in 0..count {
            let id = format!("promotable{number}");
            let first = self.node();
            let nodes: Vec<usize> = (0..self.nodes.min(3))
                .map(|step| (first + step * 5) % self.nodes)
                .collect();
            let roles = [Role::Promoted, Role::Unpromoted, Role::Unpromoted];
            let runs: Vec<_> = nodes.iter().copied().zip(roles).collect();
            let primitive = self.cib.primitive(&format!("p{number}"), STATEFUL, &runs);
            let meta = [
                ("promotable", "true"),
                ("clone-max", "3"),
                ("interleave", "true"),
                ("notify", "true"),
            ];
            self.cib.clone_of(&id, &meta, &primitive);
            for (node, role) in runs {
                self.cib.location(&id, node, 200);
                let score = if role == Role::Promoted { "10" } else { "5" };
                self.cib
                    .attribute(node, &format!("master-p{number}"), score);
            }
            promoted.push(first);
        }
        promoted
    }

    /// Groups of five, of which some follow a clone or a promoted instance.
    fn groups(&mut self, count: usize, promoted: &[usize]) -> Vec<usize> {
        let mut homes = Vec::new();
        for number in 0..count {
            let id = format!("group{number}");
            let follows = (number % 4 == 0)
                .then(|| promoted.get(number / 4))
                .flatten();
            let home = match follows {
                Some(&node) => node,
                None => self.node(),
            };
            let members: String = (0..5)
                .map(|member| {
                    let agent = AGENTS[(number + member) % AGENTS.len()];
                    let id = format!("g{number}m{member}");
                    self.cib.primitive(&id, agent, &[(home, Role::Started)])
                })
                .collect();
            self.cib
                .resources(&format!("<group id=\"{id}\">\n{members}</group>\n"));
            let other = (home + 1 + number % (self.nodes - 1)) % self.nodes;
            self.cib.location(&id, home, 100);
            self.cib.location(&id, other, 50);
            if number % 3 == 0 {
                self.cib.order("clone0", &id, "Mandatory", "");
            }
            if follows.is_some() {
                let primary = format!("promotable{}", number / 4);
                let (with, actions) = (
                    " with-rsc-role=\"Master\"",
                    " first-action=\"promote\" then-action=\"start\"",
                );
                self.cib.colocation(&id, &primary, "INFINITY", with);
                self.cib.order(&primary, &id, "Mandatory", actions);
            }
            homes.push(home);
        }
        homes
    }

    /// Primitives in fours: alone, with its neighbour, rather apart, after some group.
    fn plain(&mut self, count: usize, groups: &[usize]) {
        let mut before = 0;
        for number in 0..count {
            let id = format!("r{number}");
            let neighbour = |back: usize| format!("r{}", number - back);
            let home = if number % 4 == 1 { before } else { self.node() };
            let agent = AGENTS[number % AGENTS.len()];
            let primitive = self.cib.primitive(&id, agent, &[(home, Role::Started)]);
            self.cib.resources(&primitive);
            match number % 4 {
                1 => {
                    self.cib.colocation(&id, &neighbour(1), "INFINITY", "");
                    self.cib.order(&neighbour(1), &id, "Mandatory", "");
                }
                2 => {
                    self.cib.colocation(&id, &neighbour(2), "-100", "");
                    self.cib.location(&id, home, 100);
                }
                3 if !groups.is_empty() => {
                    let group = format!("group{}", number % groups.len());
                    self.cib.order(&group, &id, "Optional", "");
                    self.cib.location(&id, home, 100);
                }
                _ => {
                    self.cib.location(&id, home, 100);
                    self.cib.location(&id, (home + 3) % self.nodes, 50);
                }
            }
            if number % 10 == 5 {
                self.cib.location(&id, (home + 5) % self.nodes, "-INFINITY");
            }
            before = home;
        }
    }
}
