//! What operators do on a good day, and what breaks on any: the tests of the peer's own lab.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::cib::{DATABASE, STORE, WATCH};
use super::story::{Broken, SETTLES_WITHIN, Story, Told, ensure};
use crate::faults::network::Shape;
use crate::hosts::host::Off;
use crate::hosts::wire::Link;
use crate::report::chronicle::Kind;
use crate::witness::Testimony;

/// A controller that is asked to stop moves everything first: that takes a moment.
pub(super) const STOPS_WITHIN: Duration = Duration::from_secs(90);
/// Longer than a controller waits for a leader before it has lost its quorum.
const LOST_QUORUM: Duration = Duration::from_secs(8);
/// How often hosts are flipped.
const FLIPS: usize = 6;

/// All hosts lose their power, and come back.
pub(super) async fn start(story: &mut Story) -> Told {
    for number in story.numbers() {
        story.power_off(number, Off::LosingUnsynced)?;
    }
    story.step("all hosts are switched on at once");
    for number in story.numbers() {
        story.boot(number)?;
    }
    story.settled().await?;
    runs_on(story, DATABASE).await.map(drop)
}

/// A controller is asked to stop: what runs there moves, nobody is fenced, and it comes back.
pub(super) async fn stop(story: &mut Story) -> Told {
    let number = any(story);
    stop_and_start(story, number).await
}

async fn stop_and_start(story: &Story, number: usize) -> Told {
    let before = story.witnessed()?;
    stop_controller(story, number).await?;
    let left = story.active(WATCH).await?;
    ensure(
        !left.contains(&number),
        format!("{WATCH} still runs on n{number}"),
    )?;
    nobody_fenced(story, before)?;
    story.start_controller(number)?;
    story.settled().await
}

pub(super) async fn stop_controller(story: &Story, number: usize) -> Told {
    story.signal(number, Signal::SIGTERM)?;
    let how = story.controller_ended(number, STOPS_WITHIN).await?;
    ensure(
        how == "exit code 0",
        format!("the controller of n{number} ended: {how}"),
    )
}

pub(super) fn nobody_fenced(story: &Story, before: usize) -> Told {
    let witnessed = story.machines.witness.read()?;
    let fenced = witnessed
        .iter()
        .skip(before)
        .find(|told| told.action == "off");
    ensure(
        fenced.is_none(),
        format!("fenced though all went in order: {fenced:?}"),
    )
}

fn any(story: &mut Story) -> usize {
    story.random.between(1, story.count())
}

/// All controllers are restarted, one after the other.
pub(super) async fn restart_one_by_one(story: &mut Story) -> Told {
    for number in story.numbers() {
        stop_and_start(story, number).await?;
    }
    Ok(())
}

/// All are asked to stop at once, and started at once.
pub(super) async fn simultaneous(story: &mut Story) -> Told {
    stop_all(story).await?;
    for number in story.numbers() {
        story.start_controller(number)?;
    }
    story.settled().await
}

async fn stop_all(story: &Story) -> Told {
    for number in story.numbers() {
        story.signal(number, Signal::SIGTERM)?;
    }
    for number in story.numbers() {
        story.controller_ended(number, STOPS_WITHIN).await?;
    }
    Ok(())
}

/// All are asked to stop, and started one after the other.
pub(super) async fn start_one_by_one(story: &mut Story) -> Told {
    stop_all(story).await?;
    for number in story.numbers() {
        story.start_controller(number)?;
        if 2 * number > story.count() {
            story.leader().await?;
        }
    }
    story.settled().await
}

/// They are asked to stop one after the other, beyond the loss of the quorum.
pub(super) async fn stop_one_by_one(story: &mut Story) -> Told {
    for number in story.numbers() {
        story.signal(number, Signal::SIGTERM)?;
        story.controller_ended(number, STOPS_WITHIN).await?;
    }
    for number in story.numbers() {
        story.start_controller(number)?;
    }
    story.settled().await
}

/// A controller is asked to stop while it still starts.
pub(super) async fn partial_start(story: &mut Story) -> Told {
    let number = any(story);
    stop_controller(story, number).await?;
    story.start_controller(number)?;
    story.signal(number, Signal::SIGTERM)?;
    story.controller_ended(number, STOPS_WITHIN).await?;
    story.start_controller(number)?;
    story.settled().await
}

/// Controllers are stopped and started at random, around the loss of the quorum.
pub(super) async fn near_quorum(story: &mut Story) -> Told {
    let all = story.count();
    let mut on = vec![true; all + 1];
    for _ in 0..FLIPS {
        let number = any(story);
        on[number] = !on[number];
        match on[number] {
            true => story.start_controller(number)?,
            false => {
                story.signal(number, Signal::SIGTERM)?;
                story.controller_ended(number, STOPS_WITHIN).await?;
            }
        }
        let running = on.iter().skip(1).filter(|on| **on).count();
        if 2 * running > all {
            story.leader().await?;
        }
    }
    for number in story.numbers().filter(|number| !on[*number]) {
        story.start_controller(number)?;
    }
    story.settled().await
}

/// A service's process is killed: it is recovered.
pub(super) async fn component_failure(story: &mut Story) -> Told {
    let (number, before) = (runs_on(story, DATABASE).await?, story.witnessed()?);
    kill_database(story, number, before).await
}

/// Kills the database on a host, and waits until it is started again and all is settled.
pub(super) async fn kill_database(story: &Story, number: usize, before: usize) -> Told {
    story.kill_service(DATABASE, number).await?;
    story
        .until_witnessed(
            "the database is started again",
            before,
            SETTLES_WITHIN,
            started,
        )
        .await?;
    story.settled().await
}

pub(super) fn started(told: &Testimony) -> bool {
    told.resource == DATABASE && told.action == "start" && told.phase == "end" && told.code == 0
}

/// Where a resource runs that runs once.
pub(super) async fn runs_on(story: &Story, resource: &str) -> Told<usize> {
    let runs = story.active(resource).await?;
    match runs[..] {
        [number] => Ok(number),
        _ => Err(Broken::Wrong(format!("{resource} runs on {runs:?}"))),
    }
}

/// An operator has a node fenced.
pub(super) async fn fencing(story: &mut Story) -> Told {
    let victim = any(story);
    let asked = 1 + victim % story.count();
    let (name, before) = (format!("n{victim}"), story.witnessed()?);
    story
        .operator(asked, &["node", "fence", &name, "--wait"])
        .await?;
    let witnessed = story.machines.witness.read()?;
    let fenced: Vec<_> = witnessed
        .iter()
        .skip(before)
        .filter(|told| is_fencing(told))
        .collect();
    ensure(
        fenced.len() == 1 && fenced[0].node == name,
        format!("{name} was to be fenced, and these were: {fenced:?}"),
    )?;
    story.settled().await
}

pub(super) fn is_fencing(told: &Testimony) -> bool {
    told.action == "off" && told.phase == "fence"
}

/// The host with the database loses its power: it is fenced, the database recovered.
pub(super) async fn power_cut(story: &mut Story) -> Told {
    let (victim, before) = (runs_on(story, DATABASE).await?, story.witnessed()?);
    story.power_off(victim, Off::LosingUnsynced)?;
    recovered_from(story, victim, before).await
}

/// The host with the database is cut off: fencing decides who goes on.
pub(super) async fn split_brain(story: &mut Story) -> Told {
    let (victim, before) = (runs_on(story, DATABASE).await?, story.witnessed()?);
    let cut = Link {
        cut: true,
        ..Link::default()
    };
    Shape::Around(victim).apply(&story.machines.wire, story.count(), &cut);
    story
        .chronicle
        .note(Kind::Fault, Some(&format!("n{victim}")), "is cut off");
    recovered_from(story, victim, before).await
}

async fn recovered_from(story: &Story, victim: usize, before: usize) -> Told {
    let name = format!("n{victim}");
    let what = "the database is recovered elsewhere";
    let is_it = |told: &Testimony| started(told) && told.node != name;
    story
        .until_witnessed(what, before, SETTLES_WITHIN, is_it)
        .await?;
    let witnessed = story.machines.witness.read()?;
    let fenced = witnessed
        .iter()
        .skip(before)
        .any(|told| is_fencing(told) && told.node == name);
    ensure(fenced, format!("{name} was not fenced"))
}

/// All hosts are cut off from each other: nobody has a quorum, all stop what they run, nobody is fenced.
pub(super) async fn no_quorum(story: &mut Story) -> Told {
    let (number, before) = (runs_on(story, DATABASE).await?, story.witnessed()?);
    let cut = Link {
        cut: true,
        ..Link::default()
    };
    Shape::All.apply(&story.machines.wire, story.count(), &cut);
    story
        .chronicle
        .note(Kind::Fault, None, "no host hears any other");
    let name = format!("n{number}");
    let stopped = |told: &Testimony| {
        told.resource == DATABASE
            && told.node == name
            && told.action == "stop"
            && told.phase == "end"
    };
    story
        .until_witnessed(
            "the database is stopped without a quorum",
            before,
            SETTLES_WITHIN,
            stopped,
        )
        .await?;
    nobody_fenced(story, before)
}

/// All controllers die: services do not care, and nothing is restarted when they come back.
pub(super) async fn reattach(story: &mut Story) -> Told {
    let before = story.witnessed()?;
    for number in story.numbers() {
        story.signal(number, Signal::SIGKILL)?;
    }
    for number in story.numbers() {
        story.controller_ended(number, STOPS_WITHIN).await?;
    }
    // As long as it would take to miss them.
    tokio::time::sleep(LOST_QUORUM).await;
    for number in story.numbers() {
        story.start_controller(number)?;
    }
    story.settled().await?;
    let witnessed = story.machines.witness.read()?;
    let touched = witnessed
        .iter()
        .skip(before)
        .find(|told| told.action != "monitor");
    ensure(
        touched.is_none(),
        format!("rule 7: touched without need: {touched:?}"),
    )
}

/// A node is put into standby, and back.
pub(super) async fn standby(story: &mut Story) -> Told {
    let number = any(story);
    let name = format!("n{number}");
    let asked = any(story);
    story
        .operator(asked, &["node", "standby", &name, "--wait"])
        .await?;
    story.settled().await?;
    for resource in [DATABASE, WATCH, STORE] {
        let runs = story.active(resource).await?;
        ensure(
            !runs.contains(&number),
            format!("{resource} runs on {name}, which is in standby"),
        )?;
    }
    story
        .operator(asked, &["node", "online", &name, "--wait"])
        .await?;
    story.settled().await?;
    let runs = story.active(WATCH).await?;
    ensure(
        runs.contains(&number),
        format!("{WATCH} does not run on {name}"),
    )
}

/// A service dies on a node in maintenance: it is left alone until the node is ready.
pub(super) async fn maintenance(story: &mut Story) -> Told {
    let number = runs_on(story, DATABASE).await?;
    let name = format!("n{number}");
    story
        .operator(number, &["node", "maintenance", &name, "--wait"])
        .await?;
    story.settled().await?;
    let before = story.witnessed()?;
    story.kill_service(DATABASE, number).await?;
    // Longer than a recurring monitor would take to notice.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let witnessed = story.machines.witness.read()?;
    let touched = witnessed
        .iter()
        .skip(before)
        .find(|told| told.resource == DATABASE && matches!(told.action.as_str(), "start" | "stop"));
    ensure(
        touched.is_none(),
        format!("touched in maintenance: {touched:?}"),
    )?;
    story.operator(number, &["node", "ready", &name]).await?;
    story
        .until_witnessed("the database is recovered", before, SETTLES_WITHIN, started)
        .await?;
    story.settled().await
}

/// A resource is moved by hand, and let go again.
pub(super) async fn moving(story: &mut Story) -> Told {
    let runs = runs_on(story, DATABASE).await?;
    let target = 1 + runs % story.count();
    let name = format!("n{target}");
    story
        .operator(runs, &["resource", "move", DATABASE, &name, "--wait"])
        .await?;
    ensure(
        runs_on(story, DATABASE).await? == target,
        format!("{DATABASE} is not on {name}"),
    )?;
    story
        .operator(target, &["resource", "clear", DATABASE])
        .await?;
    story.settled().await
}

/// A controller misses changes of the configuration: it has them when it is back.
pub(super) async fn resynchronise(story: &mut Story) -> Told {
    let away = any(story);
    story.signal(away, Signal::SIGKILL)?;
    story.controller_ended(away, STOPS_WITHIN).await?;
    let asked = 1 + away % story.count();
    for change in 1..=10 {
        let value = change.to_string();
        story
            .operator(asked, &["node", "attribute", "set", "n1", "rack", &value])
            .await?;
    }
    story.start_controller(away)?;
    story.settled().await?;
    let cib = story.client(away).get_text("/v1/cib").await;
    let has = cib.is_ok_and(|cib| cib.contains("name=\"rack\" value=\"10\""));
    ensure(
        has,
        format!("n{away} has not what was changed while it was away"),
    )
}
