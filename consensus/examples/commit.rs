//! Measures a group of three on loopback, in one process: how long a commit takes, how many a
//! second there are, and how long the group is without a leader when the leader stops.

use std::collections::BTreeMap;
use std::time::Duration;

use lockstep_consensus::runtime::{Event, Handle, RuntimeConfig, start_on};
use lockstep_consensus::tls::{Authority, Credentials, KeyPair, Validity, member_name};
use lockstep_consensus::types::Role;
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

type Failure = Box<dyn std::error::Error>;

const COMMAND_BYTES: usize = 1 << 10;
const CLIENTS: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    let mut listeners = BTreeMap::new();
    for id in 1..=3u64 {
        listeners.insert(id, TcpListener::bind("127.0.0.1:0").await?);
    }
    let mut peers = BTreeMap::new();
    for (id, listener) in &listeners {
        peers.insert(*id, listener.local_addr()?);
    }
    let always = Validity {
        from: 0,
        until: i64::from(u32::MAX),
    };
    let authority = Authority::create("bench", always)?;
    let mut members = BTreeMap::new();
    for (id, listener) in listeners {
        let data_dir = home.path().join(id.to_string());
        let key = KeyPair::generate()?;
        let own = authority.certify(&key.public(), &[member_name(id)], always)?;
        let credentials =
            Credentials::from_pem(authority.certificate_pem(), &own, &key.to_pem())?.into();
        let config = RuntimeConfig::new(
            "bench",
            id,
            peers[&id],
            peers.clone(),
            data_dir,
            credentials,
        );
        let (handle, events) = start_on(config, listener).await?;
        tokio::spawn(drain(events));
        members.insert(id, handle);
    }

    let leader = leader(&members).await;
    let handle = members[&leader].clone();
    let mut times = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        handle.propose(vec![1; COMMAND_BYTES]).await?;
        times.push(begun.elapsed());
    }
    times.sort();
    println!("one client: p50 {:?}, p99 {:?}", times[250], times[495]);

    let (begun, length) = (Instant::now(), Duration::from_secs(3));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move {
                let mut count = 0u64;
                while begun.elapsed() < length {
                    count += u64::from(handle.propose(vec![1; COMMAND_BYTES]).await.is_ok());
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for client in clients {
        count += client.await?;
    }
    println!(
        "{CLIENTS} clients: {:.0} commits a second",
        count as f64 / length.as_secs_f64()
    );

    let begun = Instant::now();
    let stopped = members.remove(&leader).ok_or("the leader is a member")?;
    stopped.shutdown().await;
    let next = self::leader(&members).await;
    members[&next].propose(vec![1]).await?;
    println!("leader stopped, next one commits: {:?}", begun.elapsed());
    Ok(())
}

async fn drain(mut events: Receiver<Event>) {
    while events.recv().await.is_some() {}
}

async fn leader(members: &BTreeMap<u64, Handle>) -> u64 {
    loop {
        for (id, handle) in members {
            if handle.status().role == Role::Leader {
                return *id;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
