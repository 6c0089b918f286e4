//! Does the testbed itself do what it says? Hosts lose what they should, links are cut where they should
//! be, and a violation is found.

use std::time::Duration;

use super::cib::{self, DATABASE};
use super::story::{SETTLES_WITHIN, Story, Told, ensure};
use crate::checkers::exclusive::{self, Violation};
use crate::faults::network::Shape;
use crate::hosts::host::Off;
use crate::hosts::levers::{EIO, LIBRARY, Levers, Page, WITHOUT};
use crate::hosts::wire::{Link, address};
use crate::report::chronicle::Kind;

/// Longer than a controller takes to answer.
const FROZEN: Duration = Duration::from_millis(500);

/// What was synced is there after a loss of power, what was not is gone, and nothing of `/run` is; links
/// that are cut carry nothing, and only those; a host that is frozen stands still.
pub(super) async fn levers(story: &mut Story) -> Told {
    lose_power(story).await?;
    story.settled().await?;
    disk_and_clock(story).await?;

    // Nobody is to be fenced for what is only looked at.
    story.machines.power.change(|switch| switch.fails = true);
    ensure(
        hears(story, 1, 2).await?,
        "n1 does not hear n2 though nothing is cut",
    )?;
    let (all, cut) = (
        story.count(),
        Link {
            cut: true,
            ..Link::default()
        },
    );
    Shape::Pair(1).apply(&story.machines.wire, all, &cut);
    ensure(
        !hears(story, 1, 2).await?,
        "n1 hears n2 though the link is cut",
    )?;
    ensure(
        hears(story, 1, 3).await?,
        "n1 does not hear n3 though only another link is cut",
    )?;
    story.machines.wire.heal();

    if !story.machines.host(2).can_freeze() {
        story.step("SKIPPED freezing: there are no control groups of version 2 here");
        return Ok(());
    }
    story.machines.host(2).freeze()?;
    let answers = hears(story, 1, 2).await?;
    let api = tokio::time::timeout(FROZEN, story.client(2).get_text("/v1/status")).await;
    story.machines.host(2).thaw()?;
    // The kernel of a frozen host still takes connections; its processes do not answer.
    ensure(answers && api.is_err(), "a frozen host goes on")
}

/// What the library says that is loaded in front of our programs, seen by others: on a page of their own.
async fn disk_and_clock(story: &Story) -> Told {
    if !story.machines.has_levers {
        story.step(format!(
            "SKIPPED disks that fail and clocks that jump: {WITHOUT}"
        ));
        return Ok(());
    }
    let page = Page::new(&story.machines.shared, "probe")?;
    let probe = async |levers, command: &str| {
        page.set(levers)?;
        let script = format!("hostname probe; LD_PRELOAD={LIBRARY} {command}");
        story
            .inside(1, &["unshare", "-u", "sh", "-c", &script])
            .await
    };
    let write = "dd if=/dev/zero of=/var/lib/lockstep/probe bs=4096 count=1 conv=fsync 2>/dev/null";
    let look = format!("{write}; stat -c %s /var/lib/lockstep/probe; rm /var/lib/lockstep/probe");
    let well = Levers::default();

    let before: i64 = number(&probe(well, "date +%s").await?);
    let clock_ms = -3_600_000;
    let after = number(&probe(Levers { clock_ms, ..well }, "date +%s").await?);
    ensure(
        (3_500..=3_600).contains(&(before - after)),
        format!("a clock that is to be an hour behind went from {before} to {after}"),
    )?;
    for (levers, size) in [
        (well, 4096),
        (
            Levers {
                write_errno: EIO,
                ..well
            },
            0,
        ),
        (
            Levers {
                tears: true,
                ..well
            },
            2048,
        ),
    ] {
        let left = number(&probe(levers, &look).await?);
        ensure(
            left == size,
            format!("of 4096 bytes {left} were written with {levers:?}"),
        )?;
    }
    let levers = Levers {
        sync_errno: EIO,
        ..well
    };
    let synced = probe(levers, write).await;
    ensure(synced.is_err(), "what cannot be synced was synced")
}

fn number(text: &str) -> i64 {
    text.trim().parse().unwrap_or(-1)
}

async fn hears(story: &Story, host: usize, other: usize) -> Told<bool> {
    let ping = format!(
        "timeout 2 bash -c 'exec 3<>/dev/tcp/{}/4748' 2>/dev/null && echo yes || echo no",
        address(other)
    );
    Ok(story.inside(host, &["bash", "-c", &ping]).await?.trim() == "yes")
}

/// A power switch that lies: services become active twice, and the checkers say so.
pub(super) async fn canary(story: &mut Story) -> Told {
    let runs = story.active(DATABASE).await?;
    let [victim] = runs[..] else {
        return ensure(false, format!("{DATABASE} runs on {runs:?}"));
    };
    let before = story.witnessed()?;
    story.machines.power.change(|faults| faults.lies = true);
    let cut = Link {
        cut: true,
        ..Link::default()
    };
    Shape::Around(victim).apply(&story.machines.wire, story.count(), &cut);
    let name = format!("n{victim}");
    story.chronicle.note(
        Kind::Fault,
        Some(&name),
        "is cut off, and the power switch lies",
    );
    story
        .until_witnessed(
            "the database is started elsewhere",
            before,
            SETTLES_WITHIN,
            |told| told.resource == DATABASE && told.action == "start" && told.node != name,
        )
        .await?;
    // The agent tells what it does as it begins: nothing has to be waited for.
    let found = exclusive::check(&story.machines.witness.read()?, &cib::exclusive());
    let twice = found
        .iter()
        .any(|found| matches!(found, Violation::ActiveTwice { what, .. } if what == DATABASE));
    ensure(
        twice,
        format!("{DATABASE} is active twice, and the checkers found only {found:?}"),
    )?;
    story.step("the violation was found");
    Ok(())
}

/// What was not synced may be on the disk all the same, if the controller there synced its log in
/// between: a file system writes down everything at once. It is not so every time.
async fn lose_power(story: &mut Story) -> Told {
    const ATTEMPTS: u32 = 5;
    let write = "echo kept > /var/synced; sync /var/synced; sync -f /var; echo lost > /var/unsynced; \
                 echo gone > /run/gone";
    let look = "cat /var/synced; cat /var/unsynced /run/gone 2>/dev/null; rm -f /var/unsynced";
    let mut left = String::new();
    for _ in 0..ATTEMPTS {
        story.inside(1, &["sh", "-c", write]).await?;
        story.power_off(1, Off::LosingUnsynced)?;
        story.boot(1)?;
        left = story.inside(1, &["sh", "-c", look]).await?;
        if left != "kept\nlost\n" {
            break;
        }
    }
    ensure(
        left == "kept\n",
        format!("after a loss of power there is {left:?}"),
    )
}
