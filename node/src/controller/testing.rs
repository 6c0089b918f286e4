//! Controllers and executors in one thread: real cores, a log that commits at once, and agents
//! that end when the test says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{ConnectionId, Controller, Effect, Input, Joined, Moment, Settings};
use crate::agent::{Outcome, ResultCode, Status};
use crate::cluster::command::{Command, Entry};
use crate::cluster::event::What;
use crate::cluster::policy::Policy;
use crate::cluster::testing::{Scripted, Step, graph};
use crate::executor::{Executor, Identity, Input as ExecutorInput, OrderKey, Record, StartRun};

struct Node {
    executor: Executor,
    journal: Vec<Record>,
    running: Vec<StartRun>,
    /// Every order that was ever run here.
    ran: Vec<String>,
}

/// Something on its way.
enum Parcel {
    Effect(usize, Effect),
    ToController(usize, Input),
    ToExecutor(String, ExecutorInput),
}

pub(super) struct Sim {
    controllers: Vec<Option<Controller>>,
    applied: Vec<usize>,
    policies: Vec<Arc<dyn Policy>>,
    log: Vec<Vec<u8>>,
    pub(super) log_refuses: bool,
    /// Proposals vanish, and nobody says so.
    pub(super) log_swallows: bool,
    pub(super) leader: Option<usize>,
    term: u64,
    nodes: BTreeMap<String, Node>,
    links: BTreeMap<ConnectionId, (usize, String)>,
    next_link: u64,
    journals: u64,
    now_ms: u64,
    mail: VecDeque<Parcel>,
    /// As the leader has them.
    pub(super) events: Vec<What>,
    /// By whom, what.
    pub(super) dispatched: Vec<(usize, OrderKey)>,
    pub(super) eligible: BTreeMap<usize, bool>,
    /// What really runs where, as agents that are played leave it.
    pub(super) services: BTreeSet<(String, String)>,
}

/// How often shells have their cores look at the clock, in milliseconds.
const TICK_MS: u64 = 100;

/// More than any test has to say at one moment.
const MOST_PARCELS: usize = 10_000;

const CIB: &str = r#"<cib><configuration><crm_config/><nodes><node id="1" uname="n1"/>
    <node id="2" uname="n2"/><node id="3" uname="n3"/></nodes><resources/><constraints/>
    </configuration><status/></cib>"#;

fn settings(id: u64) -> Settings {
    Settings {
        cluster: "test".into(),
        id,
        incarnation: 100 + id,
        voters: 3,
        node_lost_ms: 1_000,
        join_wait_ms: 20_000,
        patience_ms: 60_000,
    }
}

impl Sim {
    /// Three controllers whose transition `n` is the graph at `n - 1`; nothing happened yet.
    pub(super) fn new(graphs: &[&[Step]]) -> Self {
        let graphs: Vec<_> = graphs.iter().map(|steps| graph(steps)).collect();
        Self::with(vec![Scripted::new(graphs) as Arc<dyn Policy>; 3])
    }

    pub(super) fn with(policies: Vec<Arc<dyn Policy>>) -> Self {
        let controllers = (1..).zip(&policies);
        let controllers =
            controllers.map(|(id, policy)| Some(Controller::new(settings(id), policy.clone())));
        Self {
            controllers: controllers.collect(),
            applied: vec![0; policies.len()],
            policies,
            log: Vec::new(),
            log_refuses: false,
            log_swallows: false,
            leader: None,
            term: 1,
            nodes: BTreeMap::new(),
            links: BTreeMap::new(),
            next_link: 1,
            journals: 0,
            now_ms: 10_000,
            mail: VecDeque::new(),
            events: Vec::new(),
            dispatched: Vec::new(),
            eligible: BTreeMap::new(),
            services: BTreeSet::new(),
        }
    }

    /// Three nodes are up, controller 0 leads, the first plan is made.
    pub(super) fn running(graphs: &[&[Step]]) -> Self {
        Self::new(graphs).run_up()
    }

    pub(super) fn run_up(mut self) -> Self {
        self.elect(0);
        self.configure();
        for node in ["n1", "n2", "n3"] {
            self.boot(node, 1);
        }
        self
    }

    pub(super) fn configure(&mut self) {
        self.configure_as(CIB);
    }

    pub(super) fn configure_as(&mut self, cib: &str) {
        let cib = cib.into();
        self.propose(Command::ReplaceConfig {
            expected: None,
            cib,
        });
    }

    /// Has the leader propose something.
    pub(super) fn propose(&mut self, command: Command) {
        let entry = Entry {
            at: 1_000,
            request: None,
            command,
        };
        let leader = self.leader.expect("somebody leads");
        self.mail
            .push_back(Parcel::Effect(leader, Effect::Propose(entry)));
        self.settle();
    }

    /// Starts (again) the executor of a node and connects it everywhere.
    pub(super) fn boot(&mut self, node: &str, incarnation: u64) {
        let (mut journal, ran) = match self.nodes.remove(node) {
            Some(old) => (old.journal, old.ran),
            None => (Vec::new(), Vec::new()),
        };
        if journal.is_empty() {
            self.journals += 1;
        }
        let identity = Identity {
            node: node.into(),
            journal: self.journals,
            incarnation,
        };
        let (executor, effects, _) = Executor::recover(identity, journal.clone());
        journal.extend(effects.records);
        let fresh = Node {
            executor,
            journal,
            running: Vec::new(),
            ran,
        };
        self.nodes.insert(node.into(), fresh);
        for controller in 0..self.controllers.len() {
            self.connect(controller, node);
        }
    }

    pub(super) fn connect(&mut self, controller: usize, node: &str) {
        let Some(at) = self.nodes.get(node) else {
            return;
        };
        if self.controllers[controller].is_none() {
            return;
        }
        let connection = ConnectionId(self.next_link);
        self.next_link += 1;
        self.links.insert(connection, (controller, node.into()));
        let identity = at.executor.identity();
        let executor = Joined {
            node: node.into(),
            journal: identity.journal,
            incarnation: identity.incarnation,
            acknowledged: at.executor.acknowledged(),
        };
        self.deliver(
            controller,
            Input::Joined {
                connection,
                executor,
            },
        );
    }

    pub(super) fn disconnect(&mut self, cut: impl Fn(usize, &str) -> bool) {
        let gone: Vec<_> = self
            .links
            .iter()
            .filter(|(_, (c, n))| cut(*c, n))
            .map(|(id, _)| *id)
            .collect();
        for connection in gone {
            let Some((controller, node)) = self.links.remove(&connection) else {
                continue;
            };
            self.mail
                .push_back(Parcel::ToController(controller, Input::Closed(connection)));
            self.mail
                .push_back(Parcel::ToExecutor(node, ExecutorInput::Closed(connection)));
        }
        self.settle();
    }

    pub(super) fn power_off(&mut self, node: &str) {
        self.disconnect(|_, n| n == node);
        self.nodes.get_mut(node).expect("a node").running.clear();
    }

    /// A node loses its disk.
    pub(super) fn wipe(&mut self, node: &str) {
        self.disconnect(|_, n| n == node);
        self.nodes.remove(node);
    }

    pub(super) fn kill_controller(&mut self, controller: usize) {
        self.controllers[controller] = None;
        self.disconnect(|c, _| c == controller);
        if self.leader == Some(controller) {
            self.leader = None;
        }
    }

    /// Comes back with its log and nothing else.
    pub(super) fn restart_controller(&mut self, controller: usize) {
        let mut fresh = settings(controller as u64 + 1);
        fresh.incarnation += 1000;
        let policy = self.policies[controller].clone();
        self.controllers[controller] = Some(Controller::new(fresh, policy));
        self.applied[controller] = 0;
        self.settle();
        let nodes: Vec<_> = self.nodes.keys().cloned().collect();
        for node in nodes {
            self.connect(controller, &node);
        }
    }

    /// A controller leads and all others know it.
    pub(super) fn elect(&mut self, controller: usize) {
        self.term += 1;
        self.leader = Some(controller);
        for at in 0..self.controllers.len() {
            let input = Input::Role {
                leads: at == controller,
                term: self.term,
            };
            self.mail.push_back(Parcel::ToController(at, input));
        }
        self.settle();
    }

    /// A controller leads and the one that led does not know.
    pub(super) fn usurp(&mut self, controller: usize) {
        self.term += 1;
        self.leader = Some(controller);
        self.deliver(
            controller,
            Input::Role {
                leads: true,
                term: self.term,
            },
        );
    }

    /// Everybody looks at the clock now and then.
    pub(super) fn pass_time(&mut self, milliseconds: u64) {
        for passed in (0..milliseconds).step_by(TICK_MS as usize) {
            self.stand_still(TICK_MS.min(milliseconds - passed));
        }
    }

    /// Everybody looks at the clock again only after that time.
    pub(super) fn stand_still(&mut self, milliseconds: u64) {
        self.now_ms += milliseconds;
        for at in 0..self.controllers.len() {
            self.mail.push_back(Parcel::ToController(at, Input::Tick));
        }
        let nodes: Vec<_> = self.nodes.keys().cloned().collect();
        for node in nodes {
            self.mail
                .push_back(Parcel::ToExecutor(node, ExecutorInput::Tick));
        }
        self.settle();
    }

    pub(super) fn deliver(&mut self, controller: usize, input: Input) {
        self.mail.push_back(Parcel::ToController(controller, input));
        self.settle();
    }

    pub(super) fn step_node(&mut self, node: &str, input: ExecutorInput) {
        self.mail.push_back(Parcel::ToExecutor(node.into(), input));
        self.settle();
    }

    /// An agent ends.
    pub(super) fn end(&mut self, node: &str, order: &str, code: i32) {
        let running = &mut self.nodes.get_mut(node).expect("a node").running;
        let at = running.iter().position(|run| run.order == order);
        let run = running.remove(at.unwrap_or_else(|| panic!("{order} does not run on {node}")));
        let outcome = Outcome::new(ResultCode(code), Status::Done, "");
        self.step_node(
            node,
            ExecutorInput::Ended {
                run: run.run,
                outcome,
            },
        );
    }

    /// Lets one agent run to its end, as a good service would; `false` if none runs. Panics if a
    /// resource would be active on two nodes.
    pub(super) fn play_one(&mut self) -> bool {
        let running = self.nodes.iter().find_map(|(name, node)| {
            let run = node.running.first()?;
            Some((name.clone(), run.order.clone(), run.operation.clone()))
        });
        let Some((node, order, operation)) = running else {
            return false;
        };
        let service = (node.clone(), operation.resource.clone());
        let code = match operation.task.as_str() {
            "monitor" if !self.services.contains(&service) => 7,
            "start" => {
                // A device that a lost node used is used by others, to fence it.
                let device = operation.agent.class == "stonith";
                let elsewhere = |(n, r): &(String, String)| *r == service.1 && *n != node;
                assert!(
                    device || !self.services.iter().any(elsewhere),
                    "{service:?} is active elsewhere"
                );
                self.services.insert(service);
                0
            }
            "stop" => {
                self.services.remove(&service);
                0
            }
            "fence" => {
                let plug = operation.parameter("plug").expect("a target");
                self.services.retain(|(node, _)| node != plug);
                0
            }
            _ => 0,
        };
        self.end(&node, &order, code);
        true
    }

    /// Lets agents run until none does.
    pub(super) fn play(&mut self) {
        while self.play_one() {}
    }

    /// Delivers until nothing is on its way.
    fn settle(&mut self) {
        for _ in 0..MOST_PARCELS {
            for at in 0..self.controllers.len() {
                while self.controllers[at].is_some() && self.applied[at] < self.log.len() {
                    let data = self.log[self.applied[at]].clone();
                    self.applied[at] += 1;
                    let index = self.applied[at] as u64;
                    self.step(at, Input::Committed { index, data });
                }
            }
            let Some(parcel) = self.mail.pop_front() else {
                return;
            };
            match parcel {
                Parcel::Effect(from, effect) => self.effect(from, effect),
                Parcel::ToController(at, input) => self.step(at, input),
                Parcel::ToExecutor(node, input) => self.step_executor(&node, input),
            }
        }
        panic!("controllers and executors talk without end");
    }

    fn step(&mut self, at: usize, input: Input) {
        let now = Moment {
            monotonic_ms: self.now_ms,
            at: self.now_ms as i64 / 1000,
            utc_offset: 0,
        };
        let Some(controller) = &mut self.controllers[at] else {
            return;
        };
        for effect in controller.step(now, input).expect("a well-formed log") {
            self.mail.push_back(Parcel::Effect(at, effect));
        }
    }

    fn effect(&mut self, from: usize, effect: Effect) {
        match effect {
            // What a deposed leader proposes does not get into the log.
            Effect::Propose(entry) => match self.leader {
                _ if self.controllers[from].is_none() || self.log_swallows => {}
                Some(leader) if !self.log_refuses && (leader == from || !leads(&entry)) => {
                    self.log.push(entry.encode());
                }
                _ => {
                    let input = Input::NotProposed(entry.command);
                    // Not at once: a shell would try again with the next tick.
                    if !self.log_refuses {
                        return;
                    }
                    self.mail.push_back(Parcel::ToController(from, input));
                }
            },
            Effect::Tell {
                connection,
                message,
            } => {
                if let Some((_, node)) = self.links.get(&connection) {
                    let input = ExecutorInput::Message {
                        from: connection,
                        message,
                    };
                    self.mail.push_back(Parcel::ToExecutor(node.clone(), input));
                }
            }
            Effect::Eligible(eligible) => drop(self.eligible.insert(from, eligible)),
            Effect::Event(event) if Some(from) == self.leader => self.events.push(event.what),
            Effect::Dispatched { order, .. } => self.dispatched.push((from, order)),
            Effect::Event(_) | Effect::Answered { .. } | Effect::WithoutQuorum(_) => {}
        }
    }

    fn step_executor(&mut self, name: &str, input: ExecutorInput) {
        let Some(node) = self.nodes.get_mut(name) else {
            return;
        };
        let effects = node.executor.step(self.now_ms, input);
        node.journal.extend(effects.records);
        let orders = effects.runs.iter().map(|run| run.order.clone());
        node.ran.extend(orders.filter(|order| !order.is_empty()));
        node.running.extend(effects.runs);
        for (connection, message) in effects.messages {
            if let Some((controller, _)) = self.links.get(&connection) {
                let input = Input::Heard {
                    connection,
                    message,
                };
                self.mail
                    .push_back(Parcel::ToController(*controller, input));
            }
        }
    }

    pub(super) fn link_of(&self, controller: usize, node: &str) -> ConnectionId {
        let wanted =
            |(_, (c, n)): &(&ConnectionId, &(usize, String))| *c == controller && n == node;
        *self.links.iter().find(wanted).expect("connected").0
    }

    pub(super) fn journal(&self, node: &str) -> &[Record] {
        &self.nodes[node].journal
    }

    pub(super) fn running_orders(&self) -> Vec<String> {
        let all = self.nodes.values().flat_map(|node| &node.running);
        let mut orders: Vec<_> = all.map(|run| run.order.clone()).collect();
        orders.sort();
        orders
    }

    /// Every order that was ever run; none may be there twice.
    pub(super) fn ran(&self) -> BTreeSet<String> {
        let all: Vec<_> = self
            .nodes
            .values()
            .flat_map(|node| node.ran.clone())
            .collect();
        let set: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!(set.len(), all.len(), "an order was run twice: {all:?}");
        set
    }

    pub(super) fn leading(&self) -> &Controller {
        let leader = self.leader.expect("somebody leads");
        self.controllers[leader].as_ref().expect("it lives")
    }

    pub(super) fn planned(&self) -> u64 {
        self.leading().cluster().planned()
    }

    pub(super) fn assert_equal_states(&self) {
        let alive = self.controllers.iter().flatten();
        let states: Vec<_> = alive
            .map(|controller| controller.cluster().snapshot())
            .collect();
        assert!(
            states.windows(2).all(|pair| pair[0] == pair[1]),
            "controllers differ"
        );
    }
}

/// Whether only a leader proposes such a thing.
fn leads(entry: &Entry) -> bool {
    !matches!(entry.command, Command::Digest { .. })
}
