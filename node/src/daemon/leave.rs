//! How does a node leave the cluster in order?
//!
//! Its attribute `shutdown` says that it is to go: set by itself when it is told to stop, or by an
//! operator. The cluster then moves everything off it and lets its executor go; when that is known to
//! all, the controller goes too.

use std::time::Duration;

use lockstep_consensus::runtime;

use super::{CoreHandle, DaemonError, Membership};
use crate::cluster::command::{Command, Lifetime};
use crate::cluster::status::{self, SHUTDOWN};
use crate::config::Config;
use crate::lock;
use crate::security::files::Files;

/// How often a node that leaves looks whether it may go.
const LOOK: Duration = Duration::from_millis(50);
/// And how often there may be no leader before it goes without one.
const LOOKS_WITHOUT_LEADER: u32 = 60;
/// How long a second lasts.
const SECOND: Duration = Duration::from_secs(1);
/// For so long a controller whose node was asked to leave still answers, once it has: whoever asked
/// it, and waits, is to see that everything went.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why does a node leave?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// Its process was told to stop.
    Stopped,
    /// The cluster was asked to shut it down.
    Asked,
    /// It ceases to be a member.
    ForGood,
}

/// Returns when somebody asked for the shutdown of this node, whose controller `began` then, in
/// seconds since the epoch.
///
/// What was asked for in an earlier life is done with. A controller that starts again sees it once
/// more as it catches up, and after the crash of a whole cluster it may still stand there. So that
/// counts which is newer than this controller, or which comes once it has caught up: whoever asks
/// may have another clock.
pub(super) async fn asked(node: &str, began: i64, core: &CoreHandle, group: &runtime::Handle) {
    let mut news = core.news();
    let mut upto = None;
    let mut earlier = None;
    loop {
        if upto.is_none() {
            upto = group.read_index().await.ok();
        }
        news.borrow_and_update();
        let name = node.to_owned();
        let seen = core.ask(move |view| {
            let cluster = view.cluster();
            (
                cluster.index(),
                status::shutdown_asked(cluster.cib(), &name),
            )
        });
        let Some((index, asked)) = seen.await else {
            // The core ended; others notice that.
            return std::future::pending().await;
        };
        match upto {
            Some(upto) if index >= upto => {
                let is_old = asked.filter(|at| is_of_earlier_life(*at, began));
                let known = *earlier.get_or_insert(is_old);
                if asked.is_some() && asked != known {
                    return;
                }
                if news.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Whether what was asked for in that second is older than a life that `began` in this one.
fn is_of_earlier_life(at: i64, began: i64) -> bool {
    at < began
}

/// Whether a life that began now would take what was asked just now for a request of its own.
fn is_present(at: i64, now: i64) -> bool {
    at == now
}

/// Waits until nobody who is started at once can take what this node was asked for a request of his own: as
/// long as the second lasts in which that was.
pub(super) async fn be_over(node: &str, core: &CoreHandle) {
    let node = node.to_owned();
    let is_asked_now = || {
        let node = node.clone();
        core.ask(move |view| {
            let asked = status::shutdown_asked(view.cluster().cib(), &node);
            asked.is_some_and(|at| is_present(at, view.now().at))
        })
    };
    let wait = async {
        let mut looks = tokio::time::interval(LOOK);
        while is_asked_now().await == Some(true) {
            looks.tick().await;
        }
    };
    // Longer only if the clock is set back just now.
    let _ = tokio::time::timeout(SECOND, wait).await;
}

/// Has the cluster move everything off this node and let its executor go.
pub(super) async fn leave(config: &Config, why: Why, core: &CoreHandle, group: &runtime::Handle) {
    let node = config.node.clone();
    if core.ask(|view| view.cluster().is_configured()).await == Some(false) {
        tracing::info!(node, "leaving: nothing is configured, so nothing runs");
        return;
    }
    tracing::info!(
        node,
        "leaving: the cluster moves what runs here (a second signal stops at once)"
    );
    if why != Why::Asked {
        let value = core.ask(|view| view.now().at.to_string()).await;
        let command = Command::SetAttribute {
            node: node.clone(),
            name: SHUTDOWN.into(),
            value,
            lifetime: Lifetime::Transient,
        };
        if let Err(error) = core.submit(command).await {
            tracing::warn!(%error, "cannot ask the cluster to move what runs here");
            return;
        }
    }
    known_gone(config, core, group).await;
    if why == Why::Asked {
        tokio::time::sleep(FAREWELL).await;
    }
}

/// Waits until the cluster knows that this node's executor went.
async fn known_gone(config: &Config, core: &CoreHandle, group: &runtime::Handle) {
    let folder = config.executor_dir();
    let mut leaderless = 0;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let known_gone = core.ask({
            let node = config.node.clone();
            move |view| {
                view.cluster()
                    .nodes()
                    .get(&node)
                    .is_none_or(|record| !record.online)
            }
        });
        if known_gone.await.unwrap_or(true) {
            return;
        }
        // Others may leave at the same time, and be no majority any more: then nobody is left who
        // could note that this node's executor went.
        leaderless = if group.status().leader.is_none() {
            leaderless + 1
        } else {
            0
        };
        if leaderless >= LOOKS_WITHOUT_LEADER && lock::holder(&folder).is_none() {
            return;
        }
    }
}

/// Lets another controller lead before this one is gone: that is faster than an election.
pub(super) async fn hand_over(group: &runtime::Handle) {
    let status = group.status();
    if status.role != lockstep_consensus::types::Role::Leader {
        return;
    }
    let connected = status.peers.iter().filter(|peer| peer.connected);
    let best = connected.max_by_key(|peer| peer.matched);
    if let Some(peer) = best
        && group.transfer_to(peer.id).await.is_ok()
    {
        let follows =
            group.wait_for(|status| status.role != lockstep_consensus::types::Role::Leader);
        let _ = tokio::time::timeout(Duration::from_secs(2), follows).await;
    }
}

/// Ends this node's membership: then its keys are of no use here.
pub(super) async fn leave_for_good(
    config: &Config,
    membership: &Membership,
    in_order: bool,
) -> Result<(), DaemonError> {
    let still = |why: &str| DaemonError::Fatal(format!("this node is still a member: {why}"));
    if !in_order {
        return Err(still("what runs here was not moved away in time"));
    }
    let removed = membership.remove(membership.me()).await;
    removed.map_err(|why| still(&why))?;
    // Where nothing was ever configured, nobody told it to go.
    if let Some(executor) = lock::holder(&config.executor_dir()) {
        executor.kill();
    }
    Files::of_config(config).forget()?;
    tracing::info!("this machine left the cluster, and forgot its keys");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{is_of_earlier_life, is_present};

    #[test]
    fn when_a_life_is_over_the_next_one_knows_its_request_for_an_old_one() {
        let at = 7;
        let over = (at..).find(|now| !is_present(at, *now));
        assert_eq!(over.map(|next| is_of_earlier_life(at, next)), Some(true));
        assert!(!is_of_earlier_life(at, at), "its own");
    }
}
