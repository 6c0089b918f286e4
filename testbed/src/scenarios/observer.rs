//! What do the controllers say of themselves, all the time?

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockstep_node::http::client::Client;
use lockstep_node::http::types::{StateDigest, Status};
use tokio::sync::watch;

use crate::kill_controllers::ledger::{Ledger, Violation};
use crate::report::chronicle::{Chronicle, Kind};

/// How often everybody is asked.
const EVERY: Duration = Duration::from_millis(200);
/// Who does not answer within this says nothing.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// What was heard last, and what was ever noticed.
#[derive(Debug, Default)]
pub struct Seen {
    /// By host; who did not answer last is not there.
    controllers: BTreeMap<usize, (Status, StateDigest)>,
    /// All digests ever told.
    pub ledger: Ledger,
    /// Contradictions between them.
    pub violations: Vec<String>,
    /// How many leaders there were.
    pub leaders: usize,
    /// Number of the latest plan.
    pub plans: usize,
    term: u64,
}

impl Seen {
    /// What a host's controller said, if it answers.
    #[must_use]
    pub fn status(&self, number: usize) -> Option<&Status> {
        self.controllers.get(&number).map(|(status, _)| status)
    }

    /// The host whose controller leads; of several that say so, the one with the highest term.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        let all = self.controllers.iter();
        all.filter(|(_, (status, _))| status.controller.in_charge)
            .max_by_key(|(_, (status, _))| status.controller.term)
            .map(|(number, _)| *number)
    }

    /// Where a resource is active.
    #[must_use]
    pub fn active(&self, resource: &str) -> Vec<usize> {
        self.roles(resource)
            .into_iter()
            .map(|(number, _)| number)
            .collect()
    }

    /// Where a resource is promoted.
    #[must_use]
    pub fn promoted(&self, resource: &str) -> Vec<usize> {
        let roles = self.roles(resource).into_iter();
        roles
            .filter(|(_, role)| role == "promoted")
            .map(|(number, _)| number)
            .collect()
    }

    fn roles(&self, resource: &str) -> Vec<(usize, String)> {
        let status = self.leader().and_then(|leader| self.status(leader));
        let all = status.into_iter().flat_map(|status| &status.resources);
        all.filter(|told| told.id == resource)
            .flat_map(|told| &told.active)
            .filter(|active| active.role != "stopped")
            .filter_map(|active| {
                Some((
                    active.node.strip_prefix('n')?.parse().ok()?,
                    active.role.clone(),
                ))
            })
            .collect()
    }

    /// Whether these hosts are up, at one state, and have nothing left to do.
    #[must_use]
    pub fn is_settled(&self, hosts: &[usize]) -> bool {
        let told: Vec<_> = hosts
            .iter()
            .filter_map(|number| self.controllers.get(number))
            .collect();
        let equal = told.windows(2).all(|pair| pair[0].1 == pair[1].1)
            && told
                .iter()
                .all(|(status, state)| status.controller.applied == state.index);
        let leader = self.leader().and_then(|leader| self.status(leader));
        let done = leader.is_some_and(|status| {
            status.wanted.is_none()
                && status
                    .plan
                    .as_ref()
                    .is_some_and(|plan| plan.state == "complete")
        });
        self.is_up(hosts) && equal && done
    }

    /// Whether the leader has a host as a node that is online.
    #[must_use]
    pub fn is_online(&self, number: usize) -> bool {
        let name = format!("n{number}");
        let leader = self.leader().and_then(|leader| self.status(leader));
        leader.is_some_and(|status| {
            let mut nodes = status.nodes.iter();
            nodes.any(|node| node.name == name && node.online)
        })
    }

    /// Whether controllers answer on all these hosts, and the leader has them as nodes that are online.
    #[must_use]
    pub fn is_up(&self, hosts: &[usize]) -> bool {
        let mut hosts = hosts.iter();
        hosts.all(|number| self.is_online(*number) && self.controllers.contains_key(number))
    }

    /// Where everybody stands, a line each.
    #[must_use]
    pub fn standing(&self) -> String {
        let mut text = String::new();
        for (number, (status, state)) in &self.controllers {
            let controller = &status.controller;
            let plan = status.plan.as_ref().map_or("no plan".to_owned(), |plan| {
                let open = plan
                    .actions
                    .iter()
                    .filter(|action| action.progress != "done");
                let open: Vec<_> = open
                    .map(|action| {
                        let node = action.node.as_deref().unwrap_or("-");
                        format!("{} on {node} {}", action.key, action.progress)
                    })
                    .collect();
                format!("plan {} {} {open:?}", plan.transition, plan.state)
            });
            let online = status
                .nodes
                .iter()
                .filter(|node| node.online)
                .map(|node| node.name.as_str());
            let _ = writeln!(
                text,
                "  n{number}: {} in term {}, leader {:?}, in charge: {}, applied {} of {}, {plan}, wanted: {:?}, online: {:?}",
                controller.role,
                controller.term,
                controller.leader,
                controller.in_charge,
                state.index,
                controller.commit,
                status.wanted,
                online.collect::<Vec<_>>(),
            );
        }
        text
    }
}

/// Asks everybody until it is dropped.
#[derive(Debug)]
pub struct Observer {
    seen: Arc<Mutex<Seen>>,
    rounds: watch::Receiver<u64>,
    task: tokio::task::JoinHandle<()>,
}

impl Observer {
    /// Begins to ask; hosts are numbered from 1. Needs a runtime.
    #[must_use]
    pub fn watch(apis: Vec<PathBuf>, chronicle: Chronicle) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let (round, rounds) = watch::channel(0);
        let noted = seen.clone();
        let task = tokio::spawn(async move {
            let clients: BTreeMap<usize, Client> =
                (1..).zip(apis.into_iter().map(Client::new)).collect();
            loop {
                look(&clients, &noted, &chronicle).await;
                round.send_modify(|round| *round += 1);
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { seen, rounds, task }
    }

    /// What was heard.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everybody was asked again.
    pub async fn next(&self) {
        let mut rounds = self.rounds.clone();
        rounds.mark_unchanged();
        // Its end is that of the story.
        let _ = rounds.changed().await;
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(clients: &BTreeMap<usize, Client>, seen: &Mutex<Seen>, chronicle: &Chronicle) {
    let asking: Vec<_> = clients
        .iter()
        .map(|(number, client)| {
            let (number, client) = (*number, client.clone());
            tokio::spawn(async move {
                let asked = async {
                    let status = client.get::<Status>("/v1/status").await.ok()?;
                    let state = client.get::<StateDigest>("/v1/digest").await.ok()?;
                    Some((status, state))
                };
                (
                    number,
                    tokio::time::timeout(ANSWERS_WITHIN, asked)
                        .await
                        .ok()
                        .flatten(),
                )
            })
        })
        .collect();
    let mut heard = BTreeMap::new();
    for answer in asking {
        if let Ok((number, Some(told))) = answer.await {
            heard.insert(number, told);
        }
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for (number, (status, state)) in &heard {
        if let Err(violation) = note(&mut seen, *number, status, state, chronicle) {
            let text = violation.to_string();
            if !seen.violations.contains(&text) {
                chronicle.note(Kind::Violation, Some(&format!("n{number}")), &text);
                seen.violations.push(text);
            }
        }
    }
    seen.controllers = heard;
}

fn note(
    seen: &mut Seen,
    number: usize,
    status: &Status,
    state: &StateDigest,
    chronicle: &Chronicle,
) -> Result<(), Violation> {
    let (id, name) = (status.controller.id, format!("n{number}"));
    if status.controller.in_charge && status.controller.term > seen.term {
        seen.term = status.controller.term;
        seen.leaders += 1;
        chronicle.note(
            Kind::Leader,
            Some(&name),
            format!("leads in term {}", seen.term),
        );
    }
    seen.ledger.state(id, state.index, &state.digest)?;
    if let Some(plan) = &status.plan {
        let transition = usize::try_from(plan.transition).unwrap_or(usize::MAX);
        if transition > seen.plans {
            seen.plans = transition;
            let text = format!("plan {transition}: {} actions", plan.actions.len());
            chronicle.note(Kind::Plan, None, text);
        }
        seen.ledger.graph(id, plan.transition, &plan.digest)?;
    }
    match status.diverged.first_key_value() {
        Some((controller, how)) => Err(Violation::Diverged {
            controller: *controller,
            how: how.clone(),
        }),
        None => Ok(()),
    }
}
