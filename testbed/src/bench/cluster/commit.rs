//! How long does it take until a command is on a majority of disks, and how many are there a second?
//!
//! Three members are processes of their own, with real fsync; clients are connections from this
//! process to the leader, each with one command under way.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lockstep_node::clock::Clock;
use lockstep_node::security::files::{Files, found};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Figure, median};

/// The command of this program that is one member.
pub const MEMBER: &str = "bench-member";
const MEMBERS: u64 = 3;
const COMMAND_BYTES: usize = 1 << 10;
const CLIENTS: usize = 64;
/// Before anything is counted.
const WARM_UP: usize = 200;
const SINGLE_COMMANDS: usize = 1_000;
const CROWD_TIME: Duration = Duration::from_secs(3);
/// A group that was just started has a leader within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// etcd 3.4.23: three members, puts of 1 KiB to the leader, on a disk like this one.
const ETCD_P50_MS: f64 = 0.97;
const ETCD_PER_SECOND: f64 = 5_230.0;

/// Measures, with everything in `folder`; its disk is the one that is measured.
///
/// # Errors
/// If a process cannot be run, or the group does not answer.
pub fn run(folder: &Path, runs: usize, tell: &dyn Fn(&str)) -> io::Result<Vec<Figure>> {
    let runtime = crate::runtime::runtime(1)?;
    let group = Group::start(folder)?;
    runtime.block_on(measure(&group, runs, tell))
}

async fn measure(group: &Group, runs: usize, tell: &dyn Fn(&str)) -> io::Result<Vec<Figure>> {
    let leader = group.leader().await?;
    let (mut times, mut rates) = (Vec::new(), Vec::new());
    for run in 1..=runs {
        let single = single(leader).await?;
        let at = |per_cent: usize| single.get(single.len() * per_cent / 100).copied();
        let (p50, p99) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
        let rate = crowd(leader).await?;
        tell(&format!(
            "run {run}: one client p50 {:.2} ms, p99 {:.2} ms; {CLIENTS} clients {rate:.0} per s",
            ms(p50),
            ms(p99)
        ));
        times.push(ms(p50));
        rates.push(rate);
    }
    Ok(vec![
        Figure {
            work: "commit of 1 KiB, 3 members, one client, p50",
            value: median(times)?,
            unit: "ms",
            peer: ETCD_P50_MS,
            target: ETCD_P50_MS,
        },
        Figure {
            work: "commit of 1 KiB, 3 members, 64 clients",
            value: median(rates)?,
            unit: "per s",
            peer: ETCD_PER_SECOND,
            target: 2.0 * ETCD_PER_SECOND,
        },
    ])
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// One command after the other: how long each took, in ascending order.
async fn single(leader: SocketAddr) -> io::Result<Vec<Duration>> {
    let mut client = Client::connect(leader).await?;
    for _ in 0..WARM_UP {
        client.put().await?;
    }
    let mut times = Vec::with_capacity(SINGLE_COMMANDS);
    for _ in 0..SINGLE_COMMANDS {
        let begun = Instant::now();
        client.put().await?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times)
}

/// Many clients at once: commands a second.
async fn crowd(leader: SocketAddr) -> io::Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(leader).await?);
    }
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let mut count = 0u32;
                while begun.elapsed() < CROWD_TIME {
                    client.put().await?;
                    count += 1;
                }
                io::Result::Ok(count)
            })
        })
        .collect();
    let mut count = 0.0;
    for task in tasks {
        count += f64::from(task.await.map_err(io::Error::other)??);
    }
    Ok(count / begun.elapsed().as_secs_f64())
}

/// A connection to a member.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut request = (COMMAND_BYTES as u32).to_le_bytes().to_vec();
        request.resize(4 + COMMAND_BYTES, 7);
        Ok(Self { stream, request })
    }

    async fn put(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.request).await?;
        match self.stream.read_u8().await? {
            0 => Ok(()),
            _ => Err(io::Error::other(
                "it was not committed: this member does not lead",
            )),
        }
    }
}

/// The processes; they end with this.
struct Group {
    clients: Vec<SocketAddr>,
    processes: Vec<Child>,
}

impl Drop for Group {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Group {
    fn start(folder: &Path) -> io::Result<Self> {
        let now = Clock::start().unix_s();
        let authority = found("bench", now).map_err(io::Error::other)?;
        let addresses = free_addresses(2 * MEMBERS as usize)?;
        let (peers, clients) = addresses.split_at(MEMBERS as usize);
        let members: BTreeMap<u64, SocketAddr> = (1..).zip(peers.iter().copied()).collect();
        let mut group = Group {
            clients: clients.to_vec(),
            processes: Vec::new(),
        };
        for (id, at) in members.keys().zip(clients) {
            let home: PathBuf = folder.join(format!("member{id}"));
            std::fs::create_dir_all(&home)?;
            let files = Files::of(&home);
            let admitted = files.admit_by(&authority, &format!("n{id}"), Some(*id), now);
            admitted.map_err(io::Error::other)?;
            let mut command = Command::new(std::env::current_exe()?);
            command
                .args([
                    MEMBER,
                    "--id",
                    &id.to_string(),
                    "--clients",
                    &at.to_string(),
                ])
                .arg("--folder")
                .arg(&home);
            for (id, address) in &members {
                command.args(["--member", &format!("{id}={address}")]);
            }
            command.stdin(Stdio::null()).stdout(Stdio::null());
            group.processes.push(command.spawn()?);
        }
        Ok(group)
    }

    /// Where the member that leads listens for clients.
    async fn leader(&self) -> io::Result<SocketAddr> {
        let search = async {
            loop {
                for &address in &self.clients {
                    if let Ok(mut client) = Client::connect(address).await
                        && client.put().await.is_ok()
                    {
                        return address;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, search).await;
        found.map_err(|_| io::Error::other("the group has no leader"))
    }
}

/// Addresses on loopback that nobody listens on.
fn free_addresses(count: usize) -> io::Result<Vec<SocketAddr>> {
    // Held until all are known, so that they differ.
    let held: Vec<_> = (0..count)
        .map(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<_>>()?;
    held.iter().map(std::net::TcpListener::local_addr).collect()
}
