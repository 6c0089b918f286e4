//! What can be broken, and how is it mended again?
//!
//! | file | answers |
//! |---|---|
//! | `network.rs` | which links are how, for each kind of partition |

pub mod network;

use std::fmt;
use std::io;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::differential::random::Random;
use crate::hosts::host::Off;
use crate::hosts::power::PowerFaults;
use crate::hosts::wire::Link;
use crate::report::chronicle::Kind;
use crate::scenarios::cib;
use crate::scenarios::story::{Story, Told};
use network::Shape;

/// A flapping network changes this often, in milliseconds.
const FLAPS_MS: u64 = 400;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// One host is cut off from the others.
    Partition,
    /// The leader's host is.
    IsolatedLeader,
    /// A host hears the others, and they do not hear it; or the other way round.
    OneWay,
    /// Two halves that only one host connects.
    Bridge,
    /// Two hosts do not hear each other.
    Pair,
    /// A host is cut off and connected again and again.
    Flapping,
    /// Frames are lost.
    Loss,
    /// Frames are late, and overtake each other.
    Delay,
    /// Frames arrive twice.
    Duplication,
    /// Links are narrow.
    Bandwidth,
    /// A controller is killed.
    Kill,
    /// All controllers are.
    KillAll,
    /// A controller is stopped for a while, and goes on.
    Pause,
    /// A host loses its power, and keeps what was written.
    PowerOff,
    /// A host loses its power, and what was not synced.
    PowerCut,
    /// All hosts do, at once.
    Blackout,
    /// A host stands still for a while, and goes on.
    Freeze,
    /// A host's disk is full.
    DiskFull,
    /// The process of a service is killed.
    ServiceDies,
    /// An agent fails.
    AgentFails,
    /// An agent hangs.
    AgentHangs,
    /// An agent fails to stop its service: its host has to be fenced.
    StopFails,
    /// A host loses its power, and fencing takes long.
    FencingSlow,
    /// A host loses its power, and fencing fails for a while.
    FencingFails,
}

impl Which {
    /// All kinds.
    pub const ALL: [Self; 24] = [
        Self::Partition,
        Self::IsolatedLeader,
        Self::OneWay,
        Self::Bridge,
        Self::Pair,
        Self::Flapping,
        Self::Loss,
        Self::Delay,
        Self::Duplication,
        Self::Bandwidth,
        Self::Kill,
        Self::KillAll,
        Self::Pause,
        Self::PowerOff,
        Self::PowerCut,
        Self::Blackout,
        Self::Freeze,
        Self::DiskFull,
        Self::ServiceDies,
        Self::AgentFails,
        Self::AgentHangs,
        Self::StopFails,
        Self::FencingSlow,
        Self::FencingFails,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::IsolatedLeader => "isolated-leader",
            Self::OneWay => "one-way",
            Self::Bridge => "bridge",
            Self::Pair => "pair",
            Self::Flapping => "flapping",
            Self::Loss => "loss",
            Self::Delay => "delay",
            Self::Duplication => "duplication",
            Self::Bandwidth => "bandwidth",
            Self::Kill => "kill",
            Self::KillAll => "kill-all",
            Self::Pause => "pause",
            Self::PowerOff => "power-off",
            Self::PowerCut => "power-loss",
            Self::Blackout => "blackout",
            Self::Freeze => "freeze",
            Self::DiskFull => "disk-full",
            Self::ServiceDies => "service-dies",
            Self::AgentFails => "agent-fails",
            Self::AgentHangs => "agent-hangs",
            Self::StopFails => "stop-fails",
            Self::FencingSlow => "fencing-slow",
            Self::FencingFails => "fencing-fails",
        }
    }

    /// What happens.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Partition => "a host is cut off",
            Self::IsolatedLeader => "the leader is cut off",
            Self::OneWay => "a host hears nobody, or nobody hears it",
            Self::Bridge => "only one host connects two halves",
            Self::Pair => "two hosts do not hear each other",
            Self::Flapping => "a host is cut off again and again",
            Self::Loss => "frames are lost",
            Self::Delay => "frames are late, and overtake each other",
            Self::Duplication => "frames arrive twice",
            Self::Bandwidth => "links are narrow",
            Self::Kill => "a controller is killed",
            Self::KillAll => "all controllers are killed",
            Self::Pause => "a controller is stopped for a while",
            Self::PowerOff => "a host loses its power",
            Self::PowerCut => "a host loses its power and what was not synced",
            Self::Blackout => "all hosts lose their power and what was not synced",
            Self::Freeze => "a host stands still for a while",
            Self::DiskFull => "a disk is full",
            Self::ServiceDies => "the process of a service is killed",
            Self::AgentFails => "an agent fails",
            Self::AgentHangs => "an agent hangs",
            Self::StopFails => "a service cannot be stopped",
            Self::FencingSlow => "fencing takes long",
            Self::FencingFails => "fencing fails for a while",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.name() == name)
    }

    /// One of its kind; which host and how bad follows from chance.
    pub fn make(self, hosts: usize, leader: usize, random: &mut Random) -> Fault {
        let host = random.between(1, hosts);
        Fault {
            which: self,
            host: if self == Self::IsolatedLeader {
                leader
            } else {
                host
            },
            inward: random.chance(50),
            percent: random.between(10, 40) as u8,
            delay_ms: random.between(20, 150) as u64,
            holds_ms: random.between(3_000, 8_000) as u64,
        }
    }
}

/// Something that is broken for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub which: Which,
    /// Where, if it is at one place.
    pub host: usize,
    /// Of one-way faults, whether the host hears nothing; else nobody hears it.
    pub inward: bool,
    /// How often, of a hundred.
    pub percent: u8,
    /// How late.
    pub delay_ms: u64,
    /// How long it holds.
    pub holds_ms: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            which,
            host,
            inward,
            percent,
            delay_ms,
            holds_ms,
        } = self;
        let what = match which {
            Which::Partition => format!("n{host} is cut off"),
            Which::IsolatedLeader => format!("the leader, n{host}, is cut off"),
            Which::OneWay if *inward => format!("n{host} hears nobody"),
            Which::OneWay => format!("nobody hears n{host}"),
            Which::Bridge => format!("only n{host} connects two halves"),
            Which::Pair => format!("n{host} and the next one do not hear each other"),
            Which::Flapping => format!("n{host} is cut off again and again"),
            Which::Loss => format!("{percent} % of all frames are lost"),
            Which::Delay => format!("frames are {delay_ms} ms late, and up to half more"),
            Which::Duplication => format!("{percent} % of all frames arrive twice"),
            Which::Bandwidth => "links carry 64 KiB a second".to_owned(),
            Which::Kill => format!("the controller of n{host} is killed"),
            Which::KillAll => "all controllers are killed".to_owned(),
            Which::Pause => format!("the controller of n{host} is stopped"),
            Which::PowerOff => format!("n{host} loses its power"),
            Which::PowerCut => format!("n{host} loses its power, and what was not synced"),
            Which::Blackout => "all hosts lose their power, and what was not synced".to_owned(),
            Which::Freeze => format!("n{host} stands still"),
            Which::DiskFull => format!("the disk of n{host} is full"),
            Which::ServiceDies => "the database's process is killed".to_owned(),
            Which::AgentFails => "the database's monitor fails".to_owned(),
            Which::AgentHangs => "the database's monitor hangs".to_owned(),
            Which::StopFails => "the database cannot be stopped, and has to be".to_owned(),
            Which::FencingSlow => format!("n{host} loses its power, and fencing takes 6 s"),
            Which::FencingFails => format!("n{host} loses its power, and fencing fails"),
        };
        write!(f, "{what}, for {holds_ms} ms")
    }
}

impl Fault {
    /// Breaks it, keeps it so, and mends it.
    ///
    /// # Errors
    /// If the testbed cannot.
    pub async fn strike(&self, story: &Story) -> Told {
        story
            .chronicle
            .note(Kind::Fault, None, format!("{}: {self}", self.which.name()));
        self.begin(story).await?;
        self.hold(story).await;
        story
            .chronicle
            .note(Kind::Heal, None, format!("{} is over", self.which.name()));
        self.mend(story).await
    }

    async fn begin(&self, story: &Story) -> Told {
        let all = story.machines.count();
        if let Some((shape, link)) = self.network() {
            shape.apply(&story.machines.wire, all, &link);
            return Ok(());
        }
        let agent = |action: &str, how: &str| {
            let file = format!("faults/{}.{action}", cib::DATABASE);
            std::fs::write(story.machines.shared.join(file), format!("{how}\n"))
        };
        match self.which {
            Which::Kill => story.signal(self.host, Signal::SIGKILL)?,
            Which::KillAll => {
                for number in story.numbers() {
                    if story.machines.host(number).is_on() {
                        story.signal(number, Signal::SIGKILL)?;
                    }
                }
            }
            Which::Pause => story.signal(self.host, Signal::SIGSTOP)?,
            Which::PowerOff => story.power_off(self.host, Off::Gently)?,
            Which::PowerCut => story.power_off(self.host, Off::LosingUnsynced)?,
            Which::Blackout => {
                for number in story.numbers() {
                    story.power_off(number, Off::LosingUnsynced)?;
                }
            }
            Which::Freeze => story.machines.host(self.host).freeze()?,
            Which::DiskFull => fill_disk(story, self.host).await?,
            Which::ServiceDies => kill_database(story).await?,
            Which::AgentFails => agent("monitor", "fail 1")?,
            Which::AgentHangs => agent("monitor", "hang")?,
            Which::StopFails => {
                agent("stop", "fail 1")?;
                kill_database(story).await?;
            }
            Which::FencingSlow => {
                story
                    .machines
                    .power
                    .change(|switch| switch.delay_ms = 6_000);
                story.power_off(self.host, Off::LosingUnsynced)?;
            }
            Which::FencingFails => {
                story.machines.power.change(|switch| switch.fails = true);
                story.power_off(self.host, Off::LosingUnsynced)?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn hold(&self, story: &Story) {
        let flaps = match self.which {
            Which::Flapping => self.holds_ms / FLAPS_MS,
            _ => {
                tokio::time::sleep(Duration::from_millis(self.holds_ms)).await;
                0
            }
        };
        for flap in 0..flaps {
            tokio::time::sleep(Duration::from_millis(FLAPS_MS)).await;
            let link = Link {
                cut: flap % 2 == 1,
                ..Link::default()
            };
            Shape::Around(self.host).apply(&story.machines.wire, story.machines.count(), &link);
        }
    }

    /// Mends what this has broken, and nothing else.
    async fn mend(&self, story: &Story) -> Told {
        if let Some((shape, _)) = self.network() {
            shape.apply(
                &story.machines.wire,
                story.machines.count(),
                &Link::default(),
            );
            return Ok(());
        }
        match self.which {
            Which::Pause => {
                // It may have been fenced meanwhile.
                let _ = story
                    .machines
                    .host(self.host)
                    .signal(crate::scenarios::story::UNIT, Signal::SIGCONT);
            }
            Which::Kill | Which::KillAll => story.start_ended()?,
            Which::Freeze => story.machines.host(self.host).thaw()?,
            Which::DiskFull => {
                story.boot(self.host)?;
                story.inside(self.host, &["rm", "-f", BALLAST]).await?;
                story.start_ended()?;
            }
            Which::PowerOff | Which::PowerCut => story.boot(self.host)?,
            Which::Blackout => {
                for number in story.numbers() {
                    story.boot(number)?;
                }
            }
            Which::FencingSlow | Which::FencingFails => {
                story
                    .machines
                    .power
                    .change(|switch| *switch = PowerFaults::default());
                story.boot(self.host)?;
            }
            _ => remove_agents_faults(story)?,
        }
        Ok(())
    }

    /// Which links it makes how, if it is about the network.
    fn network(&self) -> Option<(Shape, Link)> {
        let cut = Link {
            cut: true,
            ..Link::default()
        };
        Some(match self.which {
            Which::Partition | Which::IsolatedLeader | Which::Flapping => {
                (Shape::Around(self.host), cut)
            }
            Which::OneWay if self.inward => (Shape::To(self.host), cut),
            Which::OneWay => (Shape::From(self.host), cut),
            Which::Bridge => (Shape::Bridge(self.host), cut),
            Which::Pair => (Shape::Pair(self.host), cut),
            Which::Loss => (
                Shape::All,
                Link {
                    loss_percent: self.percent,
                    ..Link::default()
                },
            ),
            Which::Delay => {
                let (delay_ms, jitter_ms) = (self.delay_ms, self.delay_ms / 2);
                (
                    Shape::All,
                    Link {
                        delay_ms,
                        jitter_ms,
                        ..Link::default()
                    },
                )
            }
            Which::Duplication => (
                Shape::All,
                Link {
                    twice_percent: self.percent,
                    ..Link::default()
                },
            ),
            Which::Bandwidth => (
                Shape::All,
                Link {
                    bytes_per_s: 64 << 10,
                    ..Link::default()
                },
            ),
            _ => return None,
        })
    }
}

/// What fills a disk.
const BALLAST: &str = "/disk/ballast";

async fn fill_disk(story: &Story, host: usize) -> Told {
    // What fits as one piece, then what is left: until there is no room at all.
    let script = format!(
        "fallocate -l $(df --output=avail -B1 /disk | tail -1) {BALLAST} 2>/dev/null; \
         cat /dev/zero >> {BALLAST} 2>/dev/null; true"
    );
    story.inside(host, &["sh", "-c", &script]).await?;
    Ok(())
}

async fn kill_database(story: &Story) -> Told {
    for number in story.active(cib::DATABASE).await? {
        story.kill_service(cib::DATABASE, number).await?;
    }
    Ok(())
}

/// Agents do what they should again.
///
/// # Errors
/// If their folder cannot be read.
pub fn remove_agents_faults(story: &Story) -> io::Result<()> {
    for entry in std::fs::read_dir(story.machines.shared.join("faults"))? {
        std::fs::remove_file(entry?.path())?;
    }
    Ok(())
}
