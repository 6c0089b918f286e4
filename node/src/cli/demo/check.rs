//! Does the next leader finish the same graph?
//!
//! The whole story, unattended. Every claim is checked against what the processes themselves left
//! behind; the first one that does not hold ends the story.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use lockstep_engine::parse::{Document, Limits};

use super::live::{Follower, Printer, is_played, say};
use crate::cli::output::print;
use crate::cli::{Failure, node};
use crate::cluster::status;
use crate::exit::Exit;
use crate::http::types::{ConfigAnswer, EventText, PlanStatus, StateDigest, Status};
use crate::lab::Lab;
use crate::lab::evidence::Evidence;

/// Nothing that is waited for takes longer, unless something is wrong.
const BOUND: Duration = Duration::from_secs(60);
/// How often is asked where nothing tells.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// A plan of fewer actions is interrupted in its first one.
const SHORT_PLAN: usize = 8;

/// Runs the story; Ctrl-C ends it.
pub(super) async fn run(lab: Lab) -> Result<(), Failure> {
    let mut story = Story {
        lab,
        follower: Follower::default(),
        printer: Printer::default(),
        facts: Vec::new(),
    };
    let mut stop = node::signals()?;
    let ended = tokio::select! {
        ended = story.tell() => ended,
        _ = stop.wait_for(|count| *count > 0) => {
            Err(Failure::new(Exit::Error, "interrupted"))
        }
    };
    let Story { lab, facts, .. } = story;
    let milliseconds = |us: u64| format!("{}.{} ms", us / 1000, us % 1000 / 100);
    if ended.is_ok() {
        let lines: Vec<_> = facts
            .iter()
            .map(|(what, us)| format!("  {what:52} {:>12}\n", milliseconds(*us)))
            .collect();
        print(&format!("\nIt held. Measured:\n{}", lines.concat()))?;
    }
    lab.stop().await;
    ended
}

struct Story {
    lab: Lab,
    follower: Follower,
    printer: Printer,
    facts: Vec<(&'static str, u64)>,
}

impl Story {
    async fn tell(&mut self) -> Result<(), Failure> {
        let started_us = self.lab.clock.unix_us();
        self.until_complete("the first plan is complete").await?;
        let now_us = self.lab.clock.unix_us();
        self.facts
            .push(("cold start until all resources run", now_us - started_us));
        let (leader, before) = self.leader().await?;
        self.until_all_equal("all controllers are at one state")
            .await?;

        let node = busiest(&before)?;
        self.say(&format!(
            "everything runs; now {node} goes to standby, and {} leads",
            self.lab.controllers[leader].node
        ))?;
        self.standby(leader, &node).await?;
        let (leader, plan) = self.half_done().await?;
        let killed_us = self.lab.clock.unix_us();
        self.lab.kill(leader)?;
        let killed = self.lab.controllers[leader].node.clone();
        let done = count(&plan, "done");
        self.say(&format!(
            "KILLED the leader, {killed}: {done} of {} actions of plan {} [{}] were done",
            plan.actions.len(),
            plan.transition,
            &plan.digest[..8]
        ))?;

        self.until_complete("the next leader finishes the plan")
            .await?;
        let complete_us = self.lab.clock.unix_us();
        let (next, after) = self.leader().await?;
        let finished = self.same_plan(&plan, &after)?;
        let controller = &after.controller;
        let (Some(leads_us), Some(in_charge_us), Some(_)) = (
            controller.leads_since_us,
            controller.in_charge_since_us,
            controller.first_order_us,
        ) else {
            return broken(
                "the next leader ordered nothing: it was killed too late to show anything",
            );
        };
        for (what, at_us) in [
            ("leader killed until the next one leads", leads_us),
            ("leader killed until the next one dispatches", in_charge_us),
            ("leader killed until the plan is complete", complete_us),
        ] {
            self.facts.push((what, at_us.saturating_sub(killed_us)));
        }
        self.prove(&finished, killed_us).await?;

        self.say(&format!("the controller of {killed} is started again"))?;
        let again_us = self.lab.clock.unix_us();
        self.lab.start_controller(leader)?;
        self.until_all_equal("the killed controller caught up")
            .await?;
        let now_us = self.lab.clock.unix_us();
        self.facts.push((
            "killed controller started until it caught up",
            now_us - again_us,
        ));
        let executors = after.nodes.iter().filter(|node| node.online).count();
        self.claim(
            executors == self.lab.nodes.len(),
            &format!(
                "no node was lost: {executors} of {} are online",
                self.lab.nodes.len()
            ),
        )?;
        if !self.lab.stand_in {
            self.recovery(next).await?;
            self.power_loss().await?;
        }
        Ok(())
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        say(&self.lab, text)
    }

    fn claim(&self, holds: bool, text: &str) -> Result<(), Failure> {
        match holds {
            true => self.say(&format!("  holds: {text}")),
            false => broken(&format!("it does NOT hold: {text}")),
        }
    }

    fn hold(&self, checked: Result<(), String>, text: &str) -> Result<(), Failure> {
        match checked {
            Ok(()) => self.claim(true, text),
            Err(how) => broken(&format!("it does NOT hold: {text}: {how}")),
        }
    }

    /// Prints what happens until an event is the wanted one.
    async fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&EventText) -> bool,
    ) -> Result<(), Failure> {
        let waiting = async {
            loop {
                self.check_controllers()?;
                let events = self.follower.next(&self.lab).await;
                let mut found = false;
                for event in &events {
                    if let Some(line) = self.printer.line(&self.lab, event) {
                        say(&self.lab, &line)?;
                    }
                    found |= wanted(event);
                }
                if found {
                    return Ok(());
                }
            }
        };
        match tokio::time::timeout(BOUND, waiting).await {
            Ok(ended) => ended,
            Err(_) => broken(&format!("waited {} s in vain: {what}", BOUND.as_secs())),
        }
    }

    async fn until_complete(&mut self, what: &str) -> Result<(), Failure> {
        self.until(what, |event| event.kind == "completed").await
    }

    fn check_controllers(&mut self) -> Result<(), Failure> {
        match self.lab.ended().into_iter().next() {
            Some((at, how)) => {
                let node = &self.lab.controllers[at].node;
                broken(&format!(
                    "the controller of {node}: {how}\n{}",
                    self.lab.log_end(at)
                ))
            }
            None => Ok(()),
        }
    }

    /// The controller that leads and its status.
    async fn leader(&mut self) -> Result<(usize, Status), Failure> {
        let asking = async {
            loop {
                for at in 0..self.lab.controllers.len() {
                    if !self.lab.runs(at) {
                        continue;
                    }
                    let status = self.lab.client(at).get::<Status>("/v1/status").await;
                    if let Ok(status) = status
                        && status.controller.in_charge
                    {
                        return (at, status);
                    }
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        match tokio::time::timeout(BOUND, asking).await {
            Ok(found) => Ok(found),
            Err(_) => broken("nobody leads"),
        }
    }

    /// Has a node's resources moved away.
    async fn standby(&mut self, leader: usize, node: &str) -> Result<(), Failure> {
        let client = self.lab.client(leader);
        let text = client.get_text("/v1/cib").await?;
        let mut cib = Document::parse(text.as_bytes(), &Limits::default())
            .map_err(|error| Failure::new(Exit::Software, error))?;
        status::set_permanent(&mut cib, node, "standby", Some("on"));
        let number = |name| status::number(&cib, name);
        let path = format!(
            "/v1/config?expected={}.{}",
            number("admin_epoch"),
            number("epoch")
        );
        client
            .post::<ConfigAnswer>(&path, cib.to_xml().into_bytes())
            .await?;
        Ok(())
    }

    /// Waits until a good part of the plan is done, an agent runs, and more is to come.
    async fn half_done(&mut self) -> Result<(usize, PlanStatus), Failure> {
        let planned = Cell::new(None);
        self.until("the cluster plans", |event| {
            let is_plan = event.kind == "planned";
            planned.set(event.transition.filter(|_| is_plan).or(planned.get()));
            is_plan
        })
        .await?;
        loop {
            let (leader, status) = self.leader().await?;
            let Some(plan) = status.plan else {
                return broken("there is no plan");
            };
            if Some(plan.transition) < planned.get() {
                // Others were faster to apply it.
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            }
            let total = plan.actions.len();
            let done = count(&plan, "done");
            if plan.state != "running" {
                return broken(&format!(
                    "plan {} is {} with {done} of {total} actions done: there was nothing to \
                     interrupt",
                    plan.transition, plan.state
                ));
            }
            let far_enough = 3 * done >= total || total < SHORT_PLAN;
            if far_enough && count(&plan, "waiting") > 0 {
                let now_us = self.lab.clock.unix_us();
                let evidence = Evidence::read(&self.lab)?;
                if evidence.under_way_at(plan.transition, now_us) > 0 {
                    return Ok((leader, plan));
                }
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// The plan that is complete now must be the one that was interrupted.
    fn same_plan(&self, interrupted: &PlanStatus, now: &Status) -> Result<PlanStatus, Failure> {
        let Some(plan) = now.plan.clone() else {
            return broken("there is no plan");
        };
        let same = (plan.transition, &plan.digest) == (interrupted.transition, &interrupted.digest);
        self.claim(
            same,
            &format!(
                "the next leader finished the same graph: plan {} [{}]",
                plan.transition,
                &plan.digest[..8]
            ),
        )?;
        let done = count(&plan, "done");
        self.claim(
            plan.state == "complete" && done == plan.actions.len(),
            &format!("all {done} of its {} actions are done", plan.actions.len()),
        )?;
        self.claim(
            plan.different.is_empty(),
            "no controller computed another one",
        )?;
        Ok(plan)
    }

    /// What agents and executors left behind must say the same.
    async fn prove(&self, plan: &PlanStatus, killed_us: u64) -> Result<(), Failure> {
        let evidence = Evidence::read(&self.lab)?;
        self.hold(
            evidence.exactly_once(plan),
            "no action of it was run twice, none was left out (journals and witness)",
        )?;
        self.hold(
            evidence.nothing_twice(),
            "no action of any plan was run twice",
        )?;
        self.hold(
            evidence.never_on_two_nodes(&self.several()?),
            "no resource was ever active on two nodes",
        )?;
        let before = evidence.begun_between(plan.transition, 0, killed_us);
        let after = evidence.begun_between(plan.transition, killed_us, u64::MAX);
        let open = evidence.under_way_at(plan.transition, killed_us);
        self.claim(before > 0 && after > 0, &format!(
            "it was interrupted: {before} actions begun before the kill ({open} of them under way), \
             {after} after it"
        ))
    }

    /// Resources that may run on several nodes: members of clones and bundles.
    fn several(&self) -> Result<BTreeSet<String>, Failure> {
        let path = self.lab.folder.join("cluster.xml");
        let bytes = std::fs::read(&path)
            .map_err(|error| Failure::new(Exit::Io, format!("{}: {error}", path.display())))?;
        let cib = Document::parse(&bytes, &Limits::default())
            .map_err(|error| Failure::new(Exit::Software, error))?;
        let kinds = ["clone", "master", "bundle"];
        let sets = cib
            .descendants(cib.root())
            .filter(|e| kinds.contains(&cib.name(*e)));
        let members = sets.flat_map(|set| cib.descendants(set));
        Ok(members
            .filter_map(|e| cib.id(e).map(str::to_owned))
            .collect())
    }

    /// All controllers have applied the same and have the same state.
    async fn until_all_equal(&mut self, what: &str) -> Result<(), Failure> {
        let asking = async {
            loop {
                self.check_controllers()?;
                let mut digests = Vec::new();
                for at in 0..self.lab.controllers.len() {
                    digests.extend(
                        self.lab
                            .client(at)
                            .get::<StateDigest>("/v1/digest")
                            .await
                            .ok(),
                    );
                }
                let all = digests.len() == self.lab.controllers.len();
                if all && digests.windows(2).all(|pair| pair[0] == pair[1]) {
                    return Ok(digests.swap_remove(0));
                }
                let same_index = digests
                    .windows(2)
                    .all(|pair| pair[0].index == pair[1].index);
                if all && same_index {
                    return broken(&format!("controllers differ at one index: {digests:?}"));
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        let digest = match tokio::time::timeout(BOUND, asking).await {
            Ok(ended) => ended?,
            Err(_) => return broken(&format!("waited {} s in vain: {what}", BOUND.as_secs())),
        };
        self.claim(
            true,
            &format!(
                "{what}: index {}, state [{}] on all {}",
                digest.index,
                &digest.digest[..8],
                self.lab.controllers.len()
            ),
        )
    }

    /// A service that dies is noticed by its monitor and brought back.
    async fn recovery(&mut self, leader: usize) -> Result<(), Failure> {
        let status: Status = self.lab.client(leader).get("/v1/status").await?;
        let mut played = status.resources.iter().filter(|r| is_played(r));
        let active = played.find_map(|resource| {
            let active = resource.active.first()?;
            Some((resource.id.clone(), active.node.clone()))
        });
        let Some((resource, node)) = active else {
            return broken("nothing runs");
        };
        let state = self
            .lab
            .agents_folder(&node)
            .join(format!("{resource}.state"));
        std::fs::remove_file(&state)
            .map_err(|error| Failure::new(Exit::Io, format!("{}: {error}", state.display())))?;
        let died_us = self.lab.clock.unix_us();
        self.say(&format!("{resource} died on {node}"))?;
        self.until("its monitor notices", |event| event.kind == "observed")
            .await?;
        self.until_complete("it is recovered").await?;
        let now_us = self.lab.clock.unix_us();
        self.facts.push((
            "service died until it was recovered (monitor: 2 s)",
            now_us - died_us,
        ));
        let (_, status) = self.leader().await?;
        let back = status.resources.iter().find(|r| r.id == resource);
        let runs = back.is_some_and(|r| r.active.iter().any(|a| a.role != "stopped" && !a.failed));
        self.claim(runs, &format!("{resource} runs again"))
    }

    /// A node that loses its power is fenced before anything of it runs elsewhere.
    async fn power_loss(&mut self) -> Result<(), Failure> {
        let (_, before) = self.leader().await?;
        let node = busiest(&before)?;
        let lost_us = self.lab.clock.unix_us();
        self.lab.power_off(&node)?;
        self.say(&format!("{node} lost its power"))?;
        self.until("it is noticed", |event| event.kind == "node_lost")
            .await?;
        self.until_complete("its resources run elsewhere").await?;
        let now_us = self.lab.clock.unix_us();
        let evidence = Evidence::read(&self.lab)?;
        if let Some(fenced_us) = evidence.fenced_after(&node, lost_us) {
            let took_us = fenced_us.saturating_sub(lost_us);
            self.facts
                .push(("node lost its power until it was fenced", took_us));
        }
        let took_us = now_us.saturating_sub(lost_us);
        self.facts.push((
            "node lost its power until all of it runs elsewhere",
            took_us,
        ));
        self.hold(
            evidence.recovered_only_after_fencing(&node, lost_us),
            "nothing of it was begun elsewhere before it was fenced",
        )?;
        self.hold(
            evidence.never_on_two_nodes(&self.several()?),
            "no resource was ever active on two nodes",
        )?;
        if let Some(at) = self.lab.controllers.iter().position(|c| c.node == node) {
            self.say(&format!("{node} is started again"))?;
            self.lab.start_controller(at)?;
            self.until("it is back", |event| event.kind == "node_up")
                .await?;
            self.until_complete("it is a member again").await?;
            self.until_all_equal("all controllers are at one state")
                .await?;
        }
        Ok(())
    }
}

fn count(plan: &PlanStatus, progress: &str) -> usize {
    plan.actions
        .iter()
        .filter(|action| action.progress == progress)
        .count()
}

/// The node where most resources are active.
fn busiest(status: &Status) -> Result<String, Failure> {
    let active = |node: &str| {
        let here = status
            .resources
            .iter()
            .filter(|r| r.active.iter().any(|a| a.node == node));
        here.count()
    };
    let most = status.nodes.iter().max_by_key(|node| active(&node.name));
    match most {
        Some(node) if active(&node.name) > 0 => Ok(node.name.clone()),
        _ => broken("nothing runs anywhere: there is nothing to show"),
    }
}

fn broken<T>(text: &str) -> Result<T, Failure> {
    Err(Failure::new(Exit::Error, text))
}
