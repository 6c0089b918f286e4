//! What can be broken, and how is it mended again?
//!
//! | file | answers |
//! |---|---|
//! | `which.rs` | which kinds are there? |
//! | `network.rs` | which links are how, for each kind of partition? |

pub mod network;
mod which;

use std::fmt;
use std::io;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::differential::random::Random;
use crate::hosts::host::Off;
use crate::hosts::levers::{EIO, Levers};
use crate::hosts::power::PowerFaults;
use crate::hosts::wire::Link;
use crate::report::chronicle::Kind;
use crate::scenarios::cib;
use crate::scenarios::story::{Story, Told};
use network::Shape;
pub use which::Which;

/// A flapping network changes this often, in milliseconds.
const FLAPS_MS: u64 = 400;
/// A controller that cannot write ends soon after it wanted to.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Something that is broken for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub which: Which,
    /// Where, if it is at one place.
    pub host: usize,
    /// Whose controller leads.
    pub leader: usize,
    /// Of one-way faults, whether the host hears nothing; else nobody hears it. Of clocks, whether one
    /// goes back.
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
            leader,
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
            Which::DiskError => format!("the disk of n{host} refuses what is written"),
            Which::SyncError => format!("the disk of n{host} does not sync"),
            Which::SlowDisk => format!("each sync of n{host} takes {delay_ms} ms longer"),
            Which::TornTail => format!("n{host} loses its power in the middle of a write"),
            Which::ClockJump => {
                let seconds = self.clock_ms() / 1_000;
                format!("the clock of n{host} jumps by {seconds} s")
            }
            Which::ServiceDies => "the database's process is killed".to_owned(),
            Which::AgentFails => "the database's monitor fails".to_owned(),
            Which::AgentHangs => "the database's monitor hangs".to_owned(),
            Which::StopFails => "the database cannot be stopped, and has to be".to_owned(),
            Which::FencingSlow => format!("n{host} loses its power, and fencing takes 6 s"),
            Which::FencingFails => format!("n{host} loses its power, and fencing fails"),
            Which::FencingUnreachable => {
                format!("n{host} loses its power, and n{leader} cannot reach the switch")
            }
        };
        write!(f, "{what}, for {holds_ms} ms")
    }
}

impl Which {
    /// One of its kind; which host and how bad follows from chance.
    pub fn make(self, hosts: usize, leader: usize, random: &mut Random) -> Fault {
        let host = random.between(1, hosts);
        Fault {
            which: self,
            host: match self {
                Self::IsolatedLeader => leader,
                // Somebody else than who is to have it fenced.
                Self::FencingUnreachable if host == leader => 1 + host % hosts,
                _ => host,
            },
            leader,
            inward: random.chance(50),
            percent: random.between(10, 40) as u8,
            delay_ms: random.between(20, 150) as u64,
            holds_ms: random.between(3_000, 8_000) as u64,
        }
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
            Which::DiskError
            | Which::SyncError
            | Which::SlowDisk
            | Which::TornTail
            | Which::ClockJump => story.machines.host(self.host).pull(self.levers())?,
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
            Which::FencingUnreachable => {
                let from = format!("n{}", self.leader);
                let cut = |switch: &mut PowerFaults| switch.unreachable_from = Some(from);
                story.machines.power.change(cut);
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
            Which::DiskError => {
                // It cannot go on, and must not try to.
                story.controller_ended(self.host, ENDS_WITHIN).await?;
                story.machines.host(self.host).pull(Levers::default())?;
                let is_on = story.machines.host(self.host).is_on();
                if is_on {
                    story.start_controller(self.host)?;
                }
            }
            Which::SlowDisk | Which::ClockJump => {
                story.machines.host(self.host).pull(Levers::default())?;
            }
            Which::SyncError | Which::TornTail => {
                // What a disk did not sync is gone with the power; and so is who was torn.
                story.power_off(self.host, Off::LosingUnsynced)?;
                story.machines.host(self.host).pull(Levers::default())?;
                story.boot(self.host)?;
            }
            Which::PowerOff | Which::PowerCut => story.boot(self.host)?,
            Which::Blackout => {
                for number in story.numbers() {
                    story.boot(number)?;
                }
            }
            Which::FencingSlow | Which::FencingFails | Which::FencingUnreachable => {
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

    /// By how much a clock is ahead, or behind: less than the hour that certificates allow for.
    fn clock_ms(&self) -> i64 {
        let ms = 20_000 * i64::try_from(self.delay_ms).unwrap_or_default();
        if self.inward { -ms } else { ms }
    }

    /// What it makes wrong with a disk or a clock.
    fn levers(&self) -> Levers {
        let mut levers = Levers::default();
        match self.which {
            Which::DiskError => levers.write_errno = EIO,
            Which::SyncError => levers.sync_errno = EIO,
            Which::SlowDisk => levers.slow_ms = self.delay_ms.cast_signed(),
            Which::TornTail => levers.tears = true,
            Which::ClockJump => levers.clock_ms = self.clock_ms(),
            _ => {}
        }
        levers
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
