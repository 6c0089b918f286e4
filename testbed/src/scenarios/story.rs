//! What can a scenario do with its cluster, and ask of it?

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::sync::MutexGuard;
use std::time::Duration;

use lockstep_node::clock::Clock;
use lockstep_node::http::client::Client;
use nix::sys::signal::Signal;

use super::observer::{Observer, Seen};
use super::{Settings, cib};
use crate::checkers::exclusive;
use crate::differential::random::Random;
use crate::faults;
use crate::hosts::Machines;
use crate::hosts::host::Off;
use crate::hosts::levers::Levers;
use crate::hosts::power::PowerFaults;
use crate::plants::Plant;
use crate::report::chronicle::{Chronicle, Kind};
use crate::witness::Testimony;

/// Where hosts find what they run.
pub(super) const LOCKSTEP: &str = "/testbed/bin/lockstep";
/// The unit that is the controller; on a worker, its executor.
pub const UNIT: &str = "lockstep";
/// How often is asked where nothing tells.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Within this, a cluster of healthy hosts has nothing left to do.
pub const SETTLES_WITHIN: Duration = Duration::from_secs(120);

/// Why a scenario did not go as it should.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Nothing can be said about the cluster.
    #[error("the testbed failed: {0}")]
    Testbed(#[from] io::Error),
    /// It did not become so in time.
    #[error("not within {seconds} s: {what}\n{standing}")]
    InVain {
        /// How long was waited.
        seconds: u64,
        /// For what.
        what: String,
        /// Where every controller stands.
        standing: String,
    },
    /// It is not as it must be.
    #[error("{0}")]
    Wrong(String),
}

/// What a scenario comes to.
pub type Told<T = ()> = Result<T, Broken>;

/// Says what is wrong unless it is right.
///
/// # Errors
/// If it is not.
pub fn ensure(right: bool, wrong: impl Display) -> Told {
    match right {
        true => Ok(()),
        false => Err(Broken::Wrong(wrong.to_string())),
    }
}

/// A cluster on hosts, and what is known about it. Hosts are known by their numbers, from 1.
#[derive(Debug)]
pub struct Story {
    /// The hosts.
    pub machines: Machines,
    /// What the testbed saw.
    pub chronicle: Chronicle,
    /// From the seed.
    pub random: Random,
    pub(super) observer: Observer,
    pub(super) clock: Clock,
    pub(super) plant: Option<Plant>,
    /// How many hosts have a controller from the beginning.
    controllers: usize,
}

impl Story {
    /// Makes hosts in a folder, all of them off: those that are the cluster, and `spare` ones.
    ///
    /// # Errors
    /// If this machine does not let it.
    pub fn begin(settings: &Settings, spare: usize, chronicle: Chronicle) -> Told<Self> {
        let Settings {
            seed,
            nodes,
            folder,
            program,
            plant,
            ..
        } = settings;
        let machines =
            Machines::make(folder, nodes + spare, *seed, program.as_deref(), &chronicle)?;
        if let Some(plant) = plant {
            machines.plant(*plant)?;
        }
        let apis = machines.numbers().map(|number| machines.host(number).api());
        let observer = Observer::watch(apis.collect(), chronicle.clone());
        Ok(Self {
            machines,
            chronicle,
            random: Random::new(*seed),
            observer,
            clock: Clock::start(),
            plant: *plant,
            controllers: *nodes,
        })
    }

    /// What the scenario does now.
    pub fn step(&self, text: impl Into<String>) {
        self.chronicle.note(Kind::Step, None, text);
    }

    /// How many hosts have a controller from the beginning.
    #[must_use]
    pub fn count(&self) -> usize {
        self.controllers
    }

    /// Their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = usize> + use<> {
        1..=self.controllers
    }

    /// The first of the hosts that are no part of the cluster in the beginning.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.controllers + 1
    }

    // --- what operators do

    /// Runs a command of `lockstep` on a host.
    ///
    /// # Errors
    /// If it fails.
    pub async fn lockstep(&self, number: usize, words: &[&str]) -> io::Result<String> {
        self.inside(number, &[&[LOCKSTEP], words].concat()).await
    }

    /// Runs a program on a host; returns what it printed.
    ///
    /// # Errors
    /// If it fails.
    pub async fn inside(&self, number: usize, words: &[&str]) -> io::Result<String> {
        let inside = self.machines.host(number).inside()?;
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let running = tokio::task::spawn_blocking(move || {
            inside.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
        });
        running.await.map_err(io::Error::other)?
    }

    /// A command that must succeed: somebody waits for the cluster to do it. Asked again while the
    /// cluster says that it cannot now.
    ///
    /// # Errors
    /// If it does not.
    pub async fn operator(&self, number: usize, words: &[&str]) -> Told<String> {
        self.chronicle.note(
            Kind::Step,
            Some(&format!("n{number}")),
            format!("lockstep {}", words.join(" ")),
        );
        let from_ms = self.clock.monotonic_ms();
        loop {
            match self.lockstep(number, words).await {
                Ok(told) => return Ok(told),
                Err(error) if self.clock.monotonic_ms() > from_ms + 60_000 => {
                    return Err(error.into());
                }
                Err(_) => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    }

    /// The API of a host's controller.
    #[must_use]
    pub fn client(&self, number: usize) -> Client {
        Client::new(self.machines.host(number).api())
    }

    // --- what is known

    /// What the controllers said last.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.observer.seen()
    }

    /// The host whose controller leads.
    ///
    /// # Errors
    /// If none does within a minute.
    pub async fn leader(&self) -> Told<usize> {
        self.until("somebody leads", Duration::from_secs(60), |seen| {
            seen.leader().is_some()
        })
        .await?;
        let leader = self.seen().leader();
        leader.ok_or_else(|| Broken::Wrong("nobody leads".into()))
    }

    /// Where a resource is active, as the leader knows.
    ///
    /// # Errors
    /// If nobody leads.
    pub async fn active(&self, resource: &str) -> Told<Vec<usize>> {
        // What was seen before now does not count: one round may be half over.
        self.observer.next().await;
        self.observer.next().await;
        self.leader().await?;
        Ok(self.seen().active(resource))
    }

    /// Waits until what the controllers say is as wanted.
    ///
    /// # Errors
    /// If it does not become so, or a safety rule is broken meanwhile.
    pub async fn until(&self, what: &str, bound: Duration, is_so: impl Fn(&Seen) -> bool) -> Told {
        let asking = async {
            loop {
                {
                    let seen = self.seen();
                    ensure(seen.violations.is_empty(), seen.violations.join("\n"))?;
                    if is_so(&seen) {
                        return Ok(());
                    }
                }
                self.observer.next().await;
            }
        };
        match tokio::time::timeout(bound, asking).await {
            Ok(told) => told,
            Err(_) => Err(self.in_vain(what, bound).await),
        }
    }

    /// Waits until something was witnessed that was not before the line `from`.
    ///
    /// # Errors
    /// If it was not.
    pub async fn until_witnessed(
        &self,
        what: &str,
        from: usize,
        bound: Duration,
        is_it: impl Fn(&Testimony) -> bool,
    ) -> Told {
        let from_ms = self.clock.monotonic_ms();
        let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        loop {
            if self.machines.witness.read()?.iter().skip(from).any(&is_it) {
                return Ok(());
            }
            if self.clock.monotonic_ms() > from_ms + bound_ms {
                return Err(self.in_vain(what, bound).await);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// How much was witnessed so far.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn witnessed(&self) -> io::Result<usize> {
        Ok(self.machines.witness.read()?.len())
    }

    async fn in_vain(&self, what: &str, bound: Duration) -> Broken {
        Broken::InVain {
            seconds: bound.as_secs(),
            what: what.to_owned(),
            standing: self.seen().standing(),
        }
    }

    /// Waits until every host that is on is up, all controllers on them are at one state, and nothing
    /// is left to do.
    ///
    /// # Errors
    /// If that does not become so.
    pub async fn settled(&self) -> Told {
        let from_ms = self.clock.monotonic_ms();
        // What was seen before now does not count.
        self.observer.next().await;
        self.observer.next().await;
        let on: Vec<usize> = self
            .numbers()
            .filter(|n| self.machines.host(*n).is_on())
            .collect();
        let what = "nothing is left to do, and all controllers are at one state";
        self.until(what, SETTLES_WITHIN, |seen| seen.is_settled(&on))
            .await?;
        let ms = self.clock.monotonic_ms() - from_ms;
        self.step(format!("settled after {}.{:03} s", ms / 1000, ms % 1000));
        Ok(())
    }

    /// Waits until every host is up and a leader has had them all join, while clients may go on to change
    /// the configuration: then there is always something left to do.
    ///
    /// # Errors
    /// If that does not become so.
    pub async fn recovered(&self) -> Told {
        self.observer.next().await;
        self.observer.next().await;
        let all: Vec<usize> = self.numbers().collect();
        let what = "all hosts are up, and the database runs";
        self.until(what, SETTLES_WITHIN, |seen| {
            seen.is_up(&all) && seen.active(cib::DATABASE).len() == 1
        })
        .await?;
        self.step("all hosts are up again, and the database runs");
        Ok(())
    }

    // --- power and processes

    /// Switches a host on, if it is off.
    ///
    /// # Errors
    /// If it does not boot.
    pub fn boot(&self, number: usize) -> Told {
        let mut host = self.machines.host(number);
        if host.boot()? {
            self.machines.witness.host(&host.name, "on", "fault")?;
            self.chronicle
                .note(Kind::Power, Some(&host.name), "switched on");
        }
        Ok(())
    }

    /// Takes a host's power away.
    ///
    /// # Errors
    /// If its disk is not free again.
    pub fn power_off(&self, number: usize, how: Off) -> Told {
        let mut host = self.machines.host(number);
        if host.power_off(how)? {
            self.machines.witness.host(&host.name, "off", "fault")?;
            let what = match how {
                Off::Gently => "loses its power",
                Off::LosingUnsynced => "loses its power, and what was not synced",
            };
            self.chronicle.note(Kind::Fault, Some(&host.name), what);
        }
        Ok(())
    }

    /// Signals a host's controller.
    ///
    /// # Errors
    /// If the host is off.
    pub fn signal(&self, number: usize, signal: Signal) -> Told {
        let mut host = self.machines.host(number);
        let name = host.name.clone();
        host.signal(UNIT, signal)?;
        let text = format!("the controller gets {signal}");
        self.chronicle.note(Kind::Fault, Some(&name), text);
        Ok(())
    }

    /// Waits until a host's controller ended; returns how.
    ///
    /// # Errors
    /// If it does not.
    pub async fn controller_ended(&self, number: usize, bound: Duration) -> Told<String> {
        let from_ms = self.clock.monotonic_ms();
        let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        while self.clock.monotonic_ms() < from_ms + bound_ms {
            let ended = self.machines.host(number).ended();
            if let Some((_, how)) = ended.into_iter().find(|(name, _)| name == UNIT) {
                let text = format!("the controller ended: {how}");
                self.chronicle
                    .note(Kind::Step, Some(&format!("n{number}")), text);
                return Ok(how);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        Err(self
            .in_vain(&format!("the controller of n{number} ends"), bound)
            .await)
    }

    /// Starts a host's controller again after it ended.
    ///
    /// # Errors
    /// If the host is off.
    pub fn start_controller(&self, number: usize) -> Told {
        let mut host = self.machines.host(number);
        for unit in host.units.clone() {
            host.start(&unit)?;
        }
        self.chronicle
            .note(Kind::Heal, Some(&host.name), "the controller is started");
        Ok(())
    }

    /// Starts the controllers that ended, on hosts that are on.
    ///
    /// # Errors
    /// If a host went off just now.
    pub fn start_ended(&self) -> Told {
        for number in self.machines.numbers() {
            let ended = self.machines.host(number).ended();
            if ended.iter().any(|(name, _)| name == UNIT) {
                self.start_controller(number)?;
            }
        }
        Ok(())
    }

    /// Kills the process that is a service; it may be gone, with its host.
    ///
    /// # Errors
    /// If the host is off.
    pub async fn kill_service(&self, resource: &str, number: usize) -> Told {
        let text = format!("the process of {resource} is killed");
        self.chronicle
            .note(Kind::Fault, Some(&format!("n{number}")), text);
        let script = format!("kill -9 $(cat /run/testbed-{resource}.pid) || true");
        self.inside(number, &["sh", "-c", &script]).await?;
        Ok(())
    }

    // --- the end

    /// Mends whatever is broken, waits until the cluster has converged, and checks all rules.
    ///
    /// # Errors
    /// If it does not converge, or a rule was broken.
    pub async fn conclude(&mut self) -> Told {
        self.step("everything is mended; the cluster has to converge");
        self.mend_all()?;
        self.settled().await?;
        self.check()
    }

    /// Mends whatever is broken.
    ///
    /// # Errors
    /// If a host does not boot.
    pub fn mend_all(&self) -> Told {
        self.machines.wire.heal();
        self.machines
            .power
            .change(|switch| *switch = PowerFaults::default());
        faults::remove_agents_faults(self)?;
        for number in self.machines.numbers() {
            let mut host = self.machines.host(number);
            host.thaw()?;
            host.pull(Levers::default())?;
        }
        self.start_ended()?;
        for number in self.machines.numbers() {
            let is_used = !self.machines.host(number).units.is_empty();
            if is_used {
                self.boot(number)?;
            }
        }
        Ok(())
    }

    /// Checks all rules on what was witnessed and seen so far.
    ///
    /// # Errors
    /// If one was broken.
    pub fn check(&self) -> Told {
        let found = self.broken_rules()?;
        ensure(found.is_empty(), found.join("\n"))
    }

    fn broken_rules(&self) -> io::Result<Vec<String>> {
        let mut found: Vec<String> = self.seen().violations.clone();
        let witnessed = self.machines.witness.read()?;
        let exclusive = exclusive::check(&witnessed, &cib::exclusive());
        found.extend(exclusive.iter().map(ToString::to_string));
        for number in self.machines.numbers() {
            found.extend(self.panics(number)?);
        }
        Ok(found)
    }

    /// Why a scenario did not go as it should, with the rules that were broken meanwhile in front: they say
    /// more than what came of it.
    pub(super) fn broken_by(&self, broken: Broken) -> Broken {
        let found = self.broken_rules().unwrap_or_default().join("\n");
        let told = broken.to_string();
        match told.starts_with(&found) {
            true => broken,
            false => Broken::Wrong(format!("{found}\n{told}")),
        }
    }

    /// Where a host's controller failed on itself: nothing that happens to it excuses that.
    fn panics(&self, number: usize) -> io::Result<Vec<String>> {
        let path = format!("logs/n{number}.{UNIT}.log");
        let log = match std::fs::read(self.machines.shared.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            log => log?,
        };
        let log = String::from_utf8_lossy(&log);
        let lines = log.lines().filter(|line| line.contains("panicked at"));
        Ok(lines.map(|line| format!("n{number}: {line}")).collect())
    }

    /// Figures for the summary.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<&'static str, usize> {
        let seen = self.seen();
        let (states, graphs) = seen.ledger.compared();
        let witnessed = self.machines.witness.read().unwrap_or_default();
        let fenced = witnessed
            .iter()
            .filter(|t| t.action == "off" && t.phase == "fence")
            .count();
        BTreeMap::from([
            ("states compared", states),
            ("graphs compared", graphs),
            ("leaders", seen.leaders),
            ("plans", seen.plans),
            ("fencings", fenced),
            ("agents' events", witnessed.len()),
        ])
    }
}
