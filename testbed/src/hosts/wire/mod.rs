//! What connects the hosts? A switch of our own, between one cable a host.
//!
//! Every frame goes through it, and each direction between two hosts can have faults of its own: cut,
//! loss, delay, duplication, bandwidth. What is lost and what is late follows from a seed, as far as
//! frames arrive in the same order.
//!
//! The cables are pairs of virtual interfaces; their ends are in a network of the testbed's own, in
//! which the switch reads and writes them as they are. It needs no filter and no queueing discipline
//! of the kernel's, and nothing of the machine's own network.

mod frame;
mod link;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockstep_node::clock::Clock;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvfrom, sendto, socket,
};

use super::system::run;
use crate::differential::random::Random;
pub use link::Link;
use link::{Line, Waiting};

/// A frame that the kernel has sent, not received: its own copy for listeners.
const OUTGOING: u8 = 4;
/// No frame is longer, in bytes: the cables do not take segments to be cut up later.
const MAX_FRAME: usize = 65_536;

/// How all links are, by sender and receiver.
type Links = BTreeMap<(usize, usize), Link>;

/// The switch and its cables. Hosts are known by their numbers, from 1.
#[derive(Debug)]
pub struct Wire {
    /// Holds the network; ends when its standard input does.
    holder: Child,
    links: Arc<Mutex<Links>>,
    /// Interfaces changed: their numbers have to be looked up again.
    changed: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    switch: Option<std::thread::JoinHandle<io::Result<()>>>,
}

impl Wire {
    /// Makes the network and starts the switch.
    ///
    /// # Errors
    /// If the machine does not let it.
    pub fn lay(seed: u64) -> io::Result<Self> {
        let holder = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && echo up && exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut wire = Self {
            holder,
            links: Arc::default(),
            changed: Arc::default(),
            stop: Arc::default(),
            switch: None,
        };
        let mut up = String::new();
        if let Some(out) = wire.holder.stdout.take() {
            io::BufRead::read_line(&mut io::BufReader::new(out), &mut up)?;
        }
        if up.trim() != "up" {
            return Err(io::Error::other("no network of its own could be made"));
        }
        let network = File::open(format!("/proc/{}/ns/net", wire.holder.id()))?;
        let (links, changed, stop) = (wire.links.clone(), wire.changed.clone(), wire.stop.clone());
        let switch = std::thread::Builder::new().name("switch".into());
        wire.switch = Some(switch.spawn(move || {
            // Of this thread only.
            setns(&network, CloneFlags::CLONE_NEWNET)?;
            Switch::new(links, changed, seed)?.run(&stop)
        })?);
        Ok(wire)
    }

    /// Plugs a host in: the process is its first one.
    ///
    /// # Errors
    /// If the interfaces cannot be made.
    pub fn plug_in(&self, host: usize, pid: u32) -> io::Result<()> {
        let network = format!("--net=/proc/{}/ns/net", self.holder.id());
        let (cable, pid) = (cable(host), pid.to_string());
        let script = format!(
            "ip link add name {cable} mtu 1500 type veth peer name eth0 address {mac} mtu 1500 netns {pid} && \
             ip link set {cable} addrgenmode none && ip link set {cable} gso_max_segs 1 up",
            mac = frame::address(host)
                .map(|byte| format!("{byte:02x}"))
                .join(":"),
        );
        run(&["nsenter", &network, "sh", "-c", &script])?;
        let script = format!(
            "ip link set lo up && ip addr add {}/24 brd + dev eth0 && \
             ip link set eth0 addrgenmode none && ip link set eth0 gso_max_segs 1 up",
            address(host)
        );
        run(&["nsenter", "-t", &pid, "-n", "sh", "-c", &script])?;
        self.changed.store(true, Ordering::Release);
        Ok(())
    }

    /// Pulls a host's cable out for good; it may be out already.
    pub fn unplug(&self, host: usize) {
        let network = format!("--net=/proc/{}/ns/net", self.holder.id());
        let _ = run(&["nsenter", &network, "ip", "link", "del", &cable(host)]);
        self.changed.store(true, Ordering::Release);
    }

    /// Changes how it is from one host to another.
    pub fn set(&self, from: usize, to: usize, link: Link) {
        locked(&self.links).insert((from, to), link);
    }

    /// All links are as they should be again.
    pub fn heal(&self) {
        locked(&self.links).clear();
    }

    /// The links that are not as they should be.
    #[must_use]
    pub fn faults(&self) -> Vec<((usize, usize), Link)> {
        let links = locked(&self.links);
        let faulty = links.iter().filter(|(_, link)| **link != Link::default());
        faulty.map(|(pair, link)| (*pair, link.clone())).collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(switch) = self.switch.take() {
            let _ = switch.join();
        }
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A host's address in its network.
#[must_use]
pub fn address(host: usize) -> String {
    format!("10.77.0.{host}")
}

fn cable(host: usize) -> String {
    format!("cable{host}")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that carries frames.
struct Switch {
    socket: OwnedFd,
    links: Arc<Mutex<Links>>,
    changed: Arc<AtomicBool>,
    /// Where a host's cable ends here.
    ports: BTreeMap<usize, LinkAddr>,
    /// And whose cable it is.
    hosts: BTreeMap<usize, usize>,
    lines: BTreeMap<(usize, usize), Line>,
    waiting: Waiting,
    random: Random,
    clock: Clock,
}

impl Switch {
    fn new(links: Arc<Mutex<Links>>, changed: Arc<AtomicBool>, seed: u64) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )?;
        Ok(Self {
            socket,
            links,
            changed,
            ports: BTreeMap::new(),
            hosts: BTreeMap::new(),
            lines: BTreeMap::new(),
            waiting: Waiting::default(),
            random: Random::new(seed),
            clock: Clock::start(),
        })
    }

    fn run(mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut buffer = vec![0; MAX_FRAME];
        while !stop.load(Ordering::Acquire) {
            let now_ms = self.clock.monotonic_ms();
            for (to, frame) in self.waiting.due(now_ms) {
                self.send(to, &frame);
            }
            // Short enough to see that it is to end.
            let next_ms = self
                .waiting
                .next_ms()
                .map_or(100, |at| at.saturating_sub(now_ms));
            let timeout = PollTimeout::from(u8::try_from(next_ms).unwrap_or(100).min(100));
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, timeout) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            self.receive(&mut buffer)?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if self.changed.swap(false, Ordering::AcqRel) {
            self.look_up()?;
        }
        // As many as are there, but not for ever: what is late has its turn, too.
        for _ in 0..256 {
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), buffer) {
                Ok((length, Some(at))) if at.pkttype() != OUTGOING => {
                    if let (Some(from), Some(frame)) = (
                        self.hosts.get(&at.ifindex()).copied(),
                        buffer.get_mut(..length),
                    ) {
                        frame::complete(frame);
                        self.forward(from, frame);
                    }
                }
                Ok(_) | Err(Errno::EINTR) => {}
                // A cable was pulled out.
                Err(Errno::ENETDOWN | Errno::ENXIO) => {}
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn look_up(&mut self) -> io::Result<()> {
        self.ports.clear();
        self.hosts.clear();
        for interface in nix::ifaddrs::getifaddrs()? {
            let number = interface.interface_name.strip_prefix("cable");
            let host = number.and_then(|number| number.parse().ok());
            let at = interface.address.and_then(|at| at.as_link_addr().copied());
            if let (Some(host), Some(at)) = (host, at) {
                self.ports.insert(host, at);
                self.hosts.insert(at.ifindex(), host);
            }
        }
        Ok(())
    }

    fn forward(&mut self, from: usize, frame: &[u8]) {
        let to: Vec<usize> = match frame::receiver(frame) {
            Some(host) => vec![host],
            None => self
                .ports
                .keys()
                .copied()
                .filter(|to| *to != from)
                .collect(),
        };
        let now_ms = self.clock.monotonic_ms();
        for to in to {
            let link = locked(&self.links)
                .get(&(from, to))
                .cloned()
                .unwrap_or_default();
            let line = self.lines.entry((from, to)).or_default();
            for at_ms in line.arrivals(&link, frame.len(), now_ms, &mut self.random) {
                match at_ms <= now_ms {
                    true => self.send(to, frame),
                    false => self.waiting.push(at_ms, to, frame.to_vec()),
                }
            }
        }
    }

    /// What cannot be sent is lost, as on any cable.
    fn send(&self, to: usize, frame: &[u8]) {
        if let Some(port) = self.ports.get(&to) {
            let _ = sendto(self.socket.as_raw_fd(), frame, port, MsgFlags::empty());
        }
    }
}
