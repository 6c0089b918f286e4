//! Nodes that have no say, machines that come and go, and programs that are replaced by newer ones.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::cib::{DATABASE, WATCH};
use super::everyday::{
    STOPS_WITHIN, is_fencing, kill_database, nobody_fenced, runs_on, started, stop_controller,
};
use super::founding::Part;
use super::story::{SETTLES_WITHIN, Story, Told, UNIT, ensure};
use crate::hosts::host::Off;
use crate::report::chronicle::Kind;

/// How often a machine comes and goes.
const COMES: usize = 2;
/// How often all controllers are asked to stop and started again.
const HASTY_ROUNDS: usize = 3;
/// The program that hosts are upgraded to.
const NEWER: &str = "/testbed/bin/lockstep-newer";

/// A machine joins as a worker: what may run everywhere runs there as well, and stays when its executor is
/// restarted.
pub(super) async fn worker_start(story: &mut Story) -> Told {
    let worker = worker(story).await?;
    let before = story.witnessed()?;
    story.signal(worker, Signal::SIGTERM)?;
    story.controller_ended(worker, STOPS_WITHIN).await?;
    story.start_controller(worker)?;
    online(story, worker).await?;
    nobody_fenced(story, before)?;
    let witnessed = story.machines.witness.read()?;
    // What is promoted may move: promotion scores live as long as the node is known to be up, as in the peer.
    let touched = witnessed.iter().skip(before).find(|told| {
        told.resource == WATCH && told.node == format!("n{worker}") && told.action == "stop"
    });
    ensure(
        touched.is_none(),
        format!("stopped though only its executor was restarted: {touched:?}"),
    )
}

/// A machine joins as a worker, and has what runs everywhere; returns its number.
async fn worker(story: &Story) -> Told<usize> {
    let worker = story.spare();
    story.boot(worker)?;
    story.join(worker, 1, Part::Worker).await?;
    story.inside(worker, &["sync"]).await?;
    online(story, worker).await?;
    Ok(worker)
}

/// Waits until a node is online and all is done; then what runs everywhere runs there as well.
async fn online(story: &Story, number: usize) -> Told {
    let what = format!("n{number} is online, and {WATCH} runs there");
    story
        .until(&what, SETTLES_WITHIN, |seen| {
            seen.is_online(number) && seen.active(WATCH).contains(&number)
        })
        .await?;
    story.settled().await
}

/// A resource is moved to a worker, and back to a controller's node.
pub(super) async fn worker_move(story: &mut Story) -> Told {
    let worker = worker(story).await?;
    for target in [worker, 1] {
        let name = format!("n{target}");
        story
            .operator(1, &["resource", "move", DATABASE, &name, "--wait"])
            .await?;
        ensure(
            runs_on(story, DATABASE).await? == target,
            format!("{DATABASE} is not on {name}"),
        )?;
    }
    story.operator(1, &["resource", "clear", DATABASE]).await?;
    story.settled().await
}

/// A worker with the database on it.
async fn worker_with_database(story: &Story) -> Told<usize> {
    let worker = worker(story).await?;
    let name = format!("n{worker}");
    story
        .operator(1, &["resource", "move", DATABASE, &name, "--wait"])
        .await?;
    story.settled().await?;
    Ok(worker)
}

/// A service dies on a worker: it is recovered.
pub(super) async fn worker_failure(story: &mut Story) -> Told {
    let (worker, before) = (worker_with_database(story).await?, story.witnessed()?);
    kill_database(story, worker, before).await?;
    nobody_fenced(story, before)
}

/// A worker loses its power with the database on it: it is fenced, the database recovered elsewhere, and the
/// worker comes back by itself.
pub(super) async fn worker_fencing(story: &mut Story) -> Told {
    let (worker, before) = (worker_with_database(story).await?, story.witnessed()?);
    let name = format!("n{worker}");
    story.power_off(worker, Off::LosingUnsynced)?;
    story
        .until_witnessed(
            "the database is recovered elsewhere",
            before,
            SETTLES_WITHIN,
            |told| started(told) && told.node != name,
        )
        .await?;
    let witnessed = story.machines.witness.read()?;
    let fenced = witnessed
        .iter()
        .skip(before)
        .any(|told| is_fencing(told) && told.node == name);
    ensure(fenced, format!("{name} was not fenced"))?;
    story.boot(worker)?;
    online(story, worker).await
}

/// A machine joins as a controller and leaves again; one of the first does the other way round.
pub(super) async fn join_and_leave(story: &mut Story) -> Told {
    let (spare, all) = (story.spare(), story.count());
    story.boot(spare)?;
    for _ in 0..COMES {
        let other = story.random.between(1, all);
        let asked = 1 + other % all;
        story.join(spare, asked, Part::Controller).await?;
        story.all_vote(all + 1).await?;
        story.leave(other).await?;
        story.all_vote(all).await?;
        story.join(other, asked, Part::Controller).await?;
        story.all_vote(all + 1).await?;
        story.leave(spare).await?;
        story.all_vote(all).await?;
    }
    story.recovered().await
}

/// All controllers are asked to stop and started again, and asked again within the second.
pub(super) async fn hasty(story: &mut Story) -> Told {
    for _ in 0..HASTY_ROUNDS {
        for number in story.numbers() {
            story.signal(number, Signal::SIGTERM)?;
        }
        for number in story.numbers() {
            story.controller_ended(number, STOPS_WITHIN).await?;
        }
        for number in story.numbers() {
            story.start_controller(number)?;
        }
        let pause = story.random.between(0, 999) as u64;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    story.settled().await
}

/// All hosts are upgraded, one after the other, to the testbed's own program: nobody is fenced, and
/// nothing is refused.
pub(super) async fn rolling_upgrade(story: &mut Story) -> Told {
    let before = story.witnessed()?;
    let newer = story.machines.shared.join("bin/lockstep-newer");
    std::fs::copy(std::env::current_exe()?, newer)?;
    for number in story.numbers() {
        stop_controller(story, number).await?;
        story.chronicle.note(
            Kind::Step,
            Some(&format!("n{number}")),
            format!("{UNIT} is upgraded"),
        );
        story.enable_program(number, Part::Controller, NEWER)?;
        story.settled().await?;
    }
    nobody_fenced(story, before)
}
