//! Which ports of loopback can processes that are about to start listen on?

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that the system gives to outgoing connections: what is free stays free until it is
/// listened on, unless somebody else wants that very port.
const PORTS: Range<u16> = 12_000..32_000;

/// Ports that nobody listens on, each given away once in the life of this process; none if there
/// are too few. Processes begin at different places, so that those that run at once keep apart.
pub fn free(count: usize) -> Option<Vec<u16>> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let width = u32::from(PORTS.end - PORTS.start);
    let first = std::process::id().wrapping_mul(257);
    let candidates = (0..width).map(|_| {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        // Less than the width, which is that of ports.
        PORTS.start + (first.wrapping_add(given) % width) as u16
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let found: Vec<u16> = candidates.filter(is_free).take(count).collect();
    (found.len() == count).then_some(found)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    #[test]
    fn no_port_is_given_away_twice_and_one_in_use_not_at_all() {
        let first = super::free(3).expect("ports are free");
        let used = TcpListener::bind(("127.0.0.1", first[0])).expect("nobody listens");
        let second = super::free(20).expect("ports are free");
        let mut all = [first, second].concat();
        drop(used);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 23);
    }
}
