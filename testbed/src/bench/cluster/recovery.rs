//! How long is a cluster without what it is there for?
//!
//! Three hosts out of namespaces with real controllers, agents and disks. When something was done is
//! told by agents and the power switch, outside of the cluster ([`crate::witness`]); when a leader
//! first ordered something, by that leader.

use std::io;
use std::path::Path;
use std::time::Duration;

use lockstep_node::clock::Clock;
use lockstep_node::http::types::Status;
use nix::sys::signal::Signal;

use super::{Figure, median};
use crate::hosts::host::Off;
use crate::report::chronicle::Chronicle;
use crate::scenarios::Settings;
use crate::scenarios::cib::{DATABASE, SHOP_MEMBERS, STORE, WATCH};
use crate::scenarios::story::{Broken, SETTLES_WITHIN, Story, Told};
use crate::witness::Testimony;

/// Nodes of the cluster that is measured.
const HOSTS: usize = 3;
/// How often is asked while a plan is carried out.
const ASK_AGAIN: Duration = Duration::from_millis(2);
/// How often a leader is killed for one figure: it may have had nothing left to order.
const TRIES: usize = 10;

/// `[timers]` of the tuned cluster: as short as a quiet network of good machines allows.
const TUNED: [(&str, u64); 4] = [
    ("heartbeat_ms", 50),
    ("election_ms", 200),
    ("silence_ms", 150),
    ("node_lost_ms", 150),
];

/// Measures everything `runs` times, with everything in `folder`.
///
/// # Errors
/// If a cluster cannot be run, or does not recover.
pub fn run(folder: &Path, runs: usize, print: &dyn Fn(&str)) -> io::Result<Vec<Figure>> {
    let runtime = crate::runtime::runtime(2)?;
    runtime
        .block_on(async {
            let mut figures = Vec::new();
            let default = Lab::found(&folder.join("default"), &[]).await?;
            let killed = default.median(runs, "leader killed", print, Measure::LeaderKilled);
            let work = "leader killed until the next one dispatches";
            figures.push(figure(work, killed.await?, 1414.0, 300.0));
            let off = default.median(runs, "node powered off", print, Measure::PoweredOff);
            let work = "node powered off until its service is elsewhere";
            figures.push(figure(work, off.await?, 8672.0, 2000.0));
            let cold = default.median(runs, "cold start", print, Measure::ColdStart);
            let work = "cold start of 3 nodes until all runs, agents included";
            figures.push(figure(work, cold.await?, 24_000.0, 2000.0));
            drop(default);
            let tuned = Lab::found(&folder.join("tuned"), &TUNED).await?;
            let off = tuned.median(runs, "node powered off, tuned", print, Measure::PoweredOff);
            let work = "node powered off until its service is elsewhere, tuned";
            figures.push(figure(work, off.await?, 4484.0, 600.0));
            Ok::<_, Broken>(figures)
        })
        .map_err(io::Error::other)
}

fn figure(work: &'static str, value: f64, peer: f64, target: f64) -> Figure {
    Figure {
        work,
        value,
        unit: "ms",
        peer,
        target,
    }
}

#[derive(Clone, Copy, Debug)]
enum Measure {
    LeaderKilled,
    PoweredOff,
    ColdStart,
}

/// A cluster to be measured.
struct Lab {
    story: Story,
    clock: Clock,
}

impl Lab {
    /// Makes one whose nodes have these timers, and the defaults of the others.
    async fn found(folder: &Path, timers: &[(&str, u64)]) -> Told<Self> {
        std::fs::create_dir_all(folder)?;
        let settings = Settings {
            seed: 1,
            nodes: HOSTS,
            folder: folder.to_owned(),
            program: None,
            plant: None,
            aloud: false,
        };
        let mut story = Story::begin(&settings, 0, Chronicle::begin(false))?;
        story.found().await?;
        let lab = Self {
            story,
            clock: Clock::start(),
        };
        if !timers.is_empty() {
            lab.configure(timers).await?;
        }
        Ok(lab)
    }

    async fn configure(&self, timers: &[(&str, u64)]) -> Told {
        let edits = timers
            .iter()
            .map(|(name, ms)| format!("s/^{name} = .*/{name} = {ms}/"));
        let edits: Vec<String> = edits.collect();
        let script = format!(
            "sed -i '{}' /etc/lockstep/lockstep.toml && sync",
            edits.join(";")
        );
        for number in self.story.numbers() {
            self.story.inside(number, &["sh", "-c", &script]).await?;
            self.story.signal(number, Signal::SIGKILL)?;
            self.story.controller_ended(number, SETTLES_WITHIN).await?;
            self.story.start_controller(number)?;
            self.story.settled().await?;
        }
        Ok(())
    }

    async fn median(
        &self,
        runs: usize,
        what: &str,
        print: &dyn Fn(&str),
        measure: Measure,
    ) -> Told<f64> {
        let mut values = Vec::new();
        for run in 1..=runs {
            let us = match measure {
                Measure::LeaderKilled => self.leader_killed().await?,
                Measure::PoweredOff => self.powered_off().await?,
                Measure::ColdStart => self.cold_start().await?,
            };
            let ms = us as f64 / 1000.0;
            print(&format!("run {run}: {what}: {ms:.0} ms"));
            values.push(ms);
            self.story.mend_all()?;
            self.story.settled().await?;
        }
        Ok(median(values)?)
    }

    /// The leader's process is killed while a plan is carried out. Microseconds until the next leader
    /// has ordered something.
    async fn leader_killed(&self) -> Told<u64> {
        for _ in 0..TRIES {
            let leader = self.story.leader().await?;
            let node = 1 + leader % HOSTS;
            let name = format!("n{node}");
            let standby = ["node", "standby", &name];
            self.story.operator(node, &standby).await?;
            let begun = self.half_done(node).await?;
            let killed_us = self.clock.unix_us();
            self.story.signal(leader, Signal::SIGKILL)?;
            let ordered_us = match begun {
                true => self.ordered_after(leader, killed_us).await?,
                false => None,
            };
            self.story.controller_ended(leader, SETTLES_WITHIN).await?;
            self.story.start_controller(leader)?;
            self.story
                .operator(node, &["node", "online", &name, "--wait"])
                .await?;
            self.story.settled().await?;
            if let Some(ordered_us) = ordered_us {
                return Ok(ordered_us - killed_us);
            }
        }
        let wrong = "no leader could be killed in the middle of its work";
        Err(Broken::Wrong(wrong.into()))
    }

    /// Waits until a plan is carried out; whether it is then as good as half done.
    async fn half_done(&self, asked: usize) -> Told<bool> {
        let client = self.story.client(asked);
        for _ in 0..5000 {
            if let Ok(status) = client.get::<Status>("/v1/status").await
                && let Some(plan) = status.plan
                && plan.state == "running"
            {
                let has = |progress: &str| plan.actions.iter().any(|a| a.progress == progress);
                if has("done") && has("waiting") {
                    return Ok(true);
                }
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        Ok(false)
    }

    /// When another leader than this first ordered something; none if it had nothing to order.
    async fn ordered_after(&self, killed: usize, killed_us: u64) -> Told<Option<u64>> {
        let others: Vec<usize> = self.story.numbers().filter(|n| *n != killed).collect();
        for _ in 0..5000 {
            for &other in &others {
                let Ok(status) = self.story.client(other).get::<Status>("/v1/status").await else {
                    continue;
                };
                let controller = &status.controller;
                if !controller.in_charge {
                    continue;
                }
                if let Some(ordered_us) = controller.first_order_us.filter(|us| *us > killed_us) {
                    return Ok(Some(ordered_us));
                }
                let done = status.plan.is_none_or(|plan| plan.state != "running");
                if done {
                    return Ok(None);
                }
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        Ok(None)
    }

    /// The host with the database loses its power. Microseconds until the database runs elsewhere.
    async fn powered_off(&self) -> Told<u64> {
        let runs = self.story.active(DATABASE).await?;
        let [victim] = runs[..] else {
            return Err(Broken::Wrong(format!("{DATABASE} runs on {runs:?}")));
        };
        let (before, off_us) = (self.story.witnessed()?, self.clock.unix_us());
        self.story.power_off(victim, Off::Gently)?;
        let is_it = |told: &Testimony| is_started(told) && told.resource == DATABASE;
        let what = "the database runs elsewhere";
        self.story
            .until_witnessed(what, before, SETTLES_WITHIN, is_it)
            .await?;
        let witnessed = self.story.machines.witness.read()?;
        let started = witnessed.iter().skip(before).find(|told| is_it(told));
        Ok(started.map_or(0, |told| told.at_us) - off_us)
    }

    /// All hosts are switched on. Microseconds from the first switch until everything has started.
    async fn cold_start(&self) -> Told<u64> {
        for number in self.story.numbers() {
            self.story.power_off(number, Off::Gently)?;
        }
        let (before, on_us) = (self.story.witnessed()?, self.clock.unix_us());
        for number in self.story.numbers() {
            self.story.boot(number)?;
        }
        self.story.settled().await?;
        let witnessed = self.story.machines.witness.read()?;
        let starts = witnessed
            .iter()
            .skip(before)
            .filter(|told| is_started(told));
        let wanted = [DATABASE, SHOP_MEMBERS[0], SHOP_MEMBERS[1], WATCH, STORE];
        if let Some(missing) = wanted
            .iter()
            .find(|id| !starts.clone().any(|told| told.resource == **id))
        {
            return Err(Broken::Wrong(format!("{missing} was not started")));
        }
        Ok(starts.map(|told| told.at_us).max().unwrap_or(on_us) - on_us)
    }
}

/// A service has started or was promoted.
fn is_started(told: &Testimony) -> bool {
    matches!(told.action.as_str(), "start" | "promote") && told.phase == "end" && told.code == 0
}
