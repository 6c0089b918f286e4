//! How does a schedule go?

use std::collections::BTreeSet;
use std::time::Duration;

use lockstep_engine::parse::{Document, Limits};
use lockstep_node::http::types::{StateDigest, Status};
use lockstep_node::lab::Lab;
use lockstep_node::lab::evidence::Evidence;

use super::Broken;
use super::change::{Attempt, Change};
use super::ledger::{Ledger, Violation};
use super::schedule::{Round, Schedule, Victim, Who};

/// Nothing that is waited for takes longer, unless something is wrong.
const BOUND: Duration = Duration::from_secs(120);
/// How often is asked where nothing tells.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// The cluster and what is known about it.
pub(super) struct Story<'t> {
    lab: Lab,
    ledger: Ledger,
    tell: &'t dyn Fn(&str),
    /// Changes that were sent and not answered.
    unanswered: usize,
    killed: usize,
    /// Rounds in which agents were running when controllers died.
    interrupted: usize,
    marks: usize,
    /// Longest time from a leader's death to the next one's dispatching, in microseconds.
    longest_without_leader_us: u64,
}

/// The cluster, at a moment when nothing is left to do and all controllers are at one state.
struct Whole {
    leader: Status,
    state: StateDigest,
}

impl Whole {
    /// Number of the latest plan.
    fn plan(&self) -> u64 {
        let plan = self.leader.plan.as_ref();
        plan.map_or(0, |plan| plan.transition)
    }
}

impl<'t> Story<'t> {
    pub(super) fn new(lab: Lab, tell: &'t dyn Fn(&str)) -> Self {
        Self {
            lab,
            ledger: Ledger::default(),
            tell,
            unanswered: 0,
            killed: 0,
            interrupted: 0,
            marks: 0,
            longest_without_leader_us: 0,
        }
    }

    pub(super) async fn stop(self) {
        self.lab.stop().await;
    }

    pub(super) async fn tell_all(&mut self, schedule: &Schedule) -> Result<(), Broken> {
        let mut whole = self.until_whole("everything runs").await?;
        (self.tell)(&format!("everything runs after {}", self.since(0)));
        for round in &schedule.rounds {
            whole = self.round(round, &whole).await?;
        }
        let evidence = Evidence::read(&self.lab)?;
        let (states, graphs) = self.ledger.compared();
        (self.tell)(&format!(
            "\nIt held. {} controllers killed, in {} of {} rounds beside running agents; {} changes \
             acknowledged, {} of them not at once;\n{} runs of agents; {states} states and {graphs} \
             graphs compared; longest without a leader in charge: {} ms",
            self.killed,
            self.interrupted,
            schedule.rounds.len(),
            self.ledger.changes(),
            self.unanswered,
            evidence.testimonies.len() / 2,
            self.longest_without_leader_us / 1000,
        ));
        Ok(())
    }

    async fn round(&mut self, round: &Round, before: &Whole) -> Result<Whole, Broken> {
        let unanswered = self.unanswered;
        let started_ms = self.lab.clock.monotonic_ms();
        let leader = self.who_leads(before).await;
        let work = self.change(Some(round.work.clone()));
        let first = {
            let (work, client) = (work.clone(), self.lab.client(round.through));
            tokio::spawn(async move { work.attempt(client).await })
        };
        tokio::time::sleep(Duration::from_millis(round.kill_after_ms)).await;

        let mut down = self.kill(round, leader)?;
        let killed_us = self.lab.clock.unix_us();
        let killed_ms = self.lab.clock.monotonic_ms();
        let names: Vec<_> = down
            .iter()
            .map(|(at, _)| self.lab.controllers[*at].node.clone())
            .collect();
        let led = down.iter().any(|(at, _)| *at == leader);
        if round.write_while_down && round.keeps_quorum() {
            let meanwhile = self.change(None);
            self.until_acknowledged(&meanwhile).await?;
        }
        down.sort_by_key(|(_, down_ms)| *down_ms);
        for (at, down_ms) in down {
            tokio::time::sleep(self.lab.clock.until_ms(killed_ms + down_ms)).await;
            self.lab.start_controller(at)?;
        }
        match first.await.unwrap_or(Attempt::Unknown) {
            Attempt::Acknowledged(epoch) => self.ledger.acknowledged(work.mark, epoch),
            Attempt::Refused(error) => return Err(Broken::Refused(error)),
            Attempt::Unknown => {
                self.unanswered += 1;
                self.until_acknowledged(&work).await?;
            }
        }
        let whole = self.until_whole("the cluster is whole again").await?;
        let evidence = self.check().await?;

        // Plans have numbers without gaps; the one that was interrupted may have been given up.
        let under_way: usize = (before.plan()..=whole.plan())
            .map(|plan| evidence.under_way_at(plan, killed_us))
            .sum();
        self.interrupted += usize::from(under_way > 0);
        let controller = &whole.leader.controller;
        let in_charge_us = controller.in_charge_since_us.unwrap_or_default();
        let mut without = String::new();
        if led && let Some(us) = in_charge_us.checked_sub(killed_us) {
            self.longest_without_leader_us = self.longest_without_leader_us.max(us);
            without = format!("next leader in charge after {} ms, ", us / 1000);
        }
        (self.tell)(&format!(
            "round {}: holds; killed {} beside {under_way} running agents; {without}whole after {}: \
             index {}, state [{}], plan {}; change {}",
            round.number,
            names.join(" and "),
            self.since(started_ms),
            whole.state.index,
            short(&whole.state.digest),
            whole.plan(),
            match self.unanswered > unanswered {
                true => "acknowledged when asked again",
                false => "acknowledged at once",
            },
        ));
        Ok(whole)
    }

    fn since(&self, from_ms: u64) -> String {
        let ms = self.lab.clock.monotonic_ms() - from_ms;
        format!("{}.{:03} s", ms / 1000, ms % 1000)
    }

    /// A change that was not there before.
    fn change(&mut self, work: Option<super::schedule::Work>) -> Change {
        self.marks += 1;
        let mark = format!("change-{}", self.marks);
        Change { mark, work }
    }

    /// Place of the controller that leads, or of the one that led when this was last known.
    async fn who_leads(&self, before: &Whole) -> usize {
        for at in 0..self.lab.controllers.len() {
            let status = self.lab.client(at).get::<Status>("/v1/status").await;
            if status.is_ok_and(|status| status.controller.in_charge) {
                return at;
            }
        }
        let id = before.leader.controller.id;
        self.lab.position(id).unwrap_or(0)
    }

    /// Kills whom the round names; returns their places and for how long they stay down.
    fn kill(&mut self, round: &Round, leader: usize) -> Result<Vec<(usize, u64)>, Broken> {
        let followers: Vec<_> = (0..self.lab.controllers.len())
            .filter(|at| *at != leader)
            .collect();
        let place = |victim: &Victim| match victim.who {
            Who::Leader => leader,
            Who::Follower(which) => followers[which % followers.len()],
        };
        let all: Vec<_> = round
            .victims
            .iter()
            .map(|victim| (place(victim), victim.down_ms))
            .collect();
        for (at, _) in &all {
            self.lab.kill(*at)?;
            self.killed += 1;
        }
        Ok(all)
    }

    /// Asks whoever runs, one after the other, until a change is acknowledged.
    async fn until_acknowledged(&mut self, change: &Change) -> Result<(), Broken> {
        let lab = &mut self.lab;
        let asking = async {
            let mut at = 0;
            loop {
                none_ended(lab)?;
                at = (at + 1) % lab.controllers.len();
                if !lab.runs(at) {
                    continue;
                }
                match change.attempt(lab.client(at)).await {
                    Attempt::Acknowledged(epoch) => return Ok(epoch),
                    Attempt::Refused(error) => return Err(Broken::Refused(error)),
                    Attempt::Unknown => tokio::time::sleep(ASK_AGAIN).await,
                }
            }
        };
        let Ok(ended) = tokio::time::timeout(BOUND, asking).await else {
            let what = format!("{} is acknowledged", change.mark);
            return Err(self.in_vain(&what).await);
        };
        self.ledger.acknowledged(change.mark.clone(), ended?);
        Ok(())
    }

    /// Waits until nothing is left to do and all controllers are at one state.
    async fn until_whole(&mut self, what: &str) -> Result<Whole, Broken> {
        let Self { lab, ledger, .. } = self;
        let asking = async {
            loop {
                none_ended(lab)?;
                if let Some(whole) = look(lab, ledger).await? {
                    return Ok(whole);
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        match tokio::time::timeout(BOUND, asking).await {
            Ok(ended) => ended,
            Err(_) => Err(self.in_vain(what).await),
        }
    }

    /// What must hold after every round, and the evidence for it.
    async fn check(&self) -> Result<Evidence, Broken> {
        for (at, controller) in self.lab.controllers.iter().enumerate() {
            let nonsense = |how: String| Broken::Nonsense {
                node: controller.node.clone(),
                how,
            };
            let told = self.lab.client(at).get_text("/v1/cib").await;
            let text = told.map_err(|error| nonsense(error.to_string()))?;
            let cib = Document::parse(text.as_bytes(), &Limits::default())
                .map_err(|error| nonsense(error.to_string()))?;
            self.ledger.nothing_lost(controller.id, &cib)?;
        }
        let evidence = Evidence::read(&self.lab)?;
        // The built-in cluster has no clones: nothing may run on several nodes.
        let on_two = evidence.never_on_two_nodes(&BTreeSet::new());
        let rules = [
            ("rule 1", on_two),
            ("nothing is run twice", evidence.nothing_twice()),
        ];
        for (rule, checked) in rules {
            checked.map_err(|how| Broken::Evidence { rule, how })?;
        }
        Ok(evidence)
    }

    async fn in_vain(&self, what: &str) -> Broken {
        let mut standing = Vec::new();
        for (at, controller) in self.lab.controllers.iter().enumerate() {
            let stands = match self.lab.client(at).get::<Status>("/v1/status").await {
                Ok(status) => stands(&status),
                Err(error) => error.to_string(),
            };
            standing.push(format!("  {}: {stands}", controller.node));
        }
        Broken::InVain {
            seconds: BOUND.as_secs(),
            what: what.to_owned(),
            standing: standing.join("\n"),
        }
    }
}

/// Asks all controllers, notes what they tell, and says whether the cluster is whole.
async fn look(lab: &Lab, ledger: &mut Ledger) -> Result<Option<Whole>, Violation> {
    let mut told: Vec<(Status, StateDigest)> = Vec::new();
    for at in 0..lab.controllers.len() {
        let client = lab.client(at);
        let Ok(status) = client.get::<Status>("/v1/status").await else {
            continue;
        };
        let Ok(state) = client.get::<StateDigest>("/v1/digest").await else {
            continue;
        };
        let id = status.controller.id;
        ledger.state(id, state.index, &state.digest)?;
        if let Some(plan) = &status.plan {
            ledger.graph(id, plan.transition, &plan.digest)?;
        }
        if let Some((controller, how)) = status.diverged.first_key_value() {
            let (controller, how) = (*controller, how.clone());
            return Err(Violation::Diverged { controller, how });
        }
        told.push((status, state));
    }
    let everybody = told.len() == lab.controllers.len();
    let equal = told.windows(2).all(|pair| pair[0].1 == pair[1].1)
        && told
            .iter()
            .all(|(status, state)| status.controller.applied == state.index);
    let done = |status: &Status| {
        let plan = status.plan.as_ref();
        status.wanted.is_none()
            && plan.is_some_and(|plan| plan.state == "complete")
            && status.nodes.iter().all(|node| node.online)
    };
    let leader = told
        .into_iter()
        .find(|(status, _)| status.controller.in_charge);
    Ok(leader
        .filter(|(status, _)| everybody && equal && done(status))
        .map(|(leader, state)| Whole { leader, state }))
}

/// Controllers end when they are killed, and never else.
fn none_ended(lab: &mut Lab) -> Result<(), Broken> {
    match lab.ended().into_iter().next() {
        None => Ok(()),
        Some((at, how)) => Err(Broken::Ended {
            node: lab.controllers[at].node.clone(),
            how,
            log: lab.log_end(at),
        }),
    }
}

/// Where a controller stands, in one line.
fn stands(status: &Status) -> String {
    let controller = &status.controller;
    let plan = status.plan.as_ref().map_or("no plan".to_owned(), |plan| {
        let open = plan.actions.iter().filter(|a| a.progress != "done");
        let open: Vec<_> = open
            .map(|action| format!("{} {}", action.key, action.progress))
            .collect();
        format!("plan {} {}: {open:?}", plan.transition, plan.state)
    });
    format!(
        "{} in term {}, leader {:?}{}, commit {}, applied {}, {plan}, wanted: {:?}",
        controller.role,
        controller.term,
        controller.leader,
        if controller.in_charge {
            " (in charge)"
        } else {
            ""
        },
        controller.commit,
        controller.applied,
        status.wanted,
    )
}

fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}
