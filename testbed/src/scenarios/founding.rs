//! How do hosts become a cluster, and how does one more come and go? By the commands that people type.

use std::io;

use super::cib;
use super::story::{LOCKSTEP, SETTLES_WITHIN, Story, Told, UNIT};
use crate::hosts::host::Unit;
use crate::hosts::levers::LIBRARY;
use crate::hosts::wire::address;

/// What a machine is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It votes, once it has caught up.
    Controller,
    /// It only runs resources.
    Worker,
}

impl Story {
    /// Makes a cluster of the hosts, and waits until all runs.
    ///
    /// # Errors
    /// If it does not become one.
    pub async fn found(&mut self) -> Told {
        self.step("hosts are switched on; a cluster is made of them");
        for number in self.numbers() {
            self.boot(number)?;
        }
        let at = format!("{}:4748", address(1));
        let init = ["cluster", "init", "--name", "lab", "--node", "n1"];
        self.lockstep(1, &[&init[..], &["--address", &at]].concat())
            .await?;
        self.enable(1, Part::Controller)?;
        self.until("the first controller leads", SETTLES_WITHIN, |seen| {
            seen.leader().is_some()
        })
        .await?;
        for number in self.numbers().skip(1) {
            self.join(number, 1, Part::Controller).await?;
        }
        for number in self.numbers() {
            // Installed long ago, as far as a loss of power is concerned.
            self.inside(number, &["sync"]).await?;
        }
        self.all_vote(self.count()).await?;
        let moves_at = self.plant.and_then(|plant| plant.date(self.clock.unix_s()));
        std::fs::write(
            self.machines.shared.join("cib.xml"),
            cib::configuration(self.count(), moves_at),
        )?;
        self.lockstep(1, &["config", "replace", "/testbed/cib.xml"])
            .await?;
        self.settled().await
    }

    /// A host that is on joins, with a token that another one gives out.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn join(&self, number: usize, given_out_by: usize, part: Part) -> Told {
        let mut words = vec!["cluster", "token"];
        if part == Part::Worker {
            words.push("--worker");
        }
        let token = self.lockstep(given_out_by, &words).await?;
        let (name, at) = (format!("n{number}"), format!("{}:4748", address(number)));
        let join = ["cluster", "join", token.trim(), "--node", &name];
        self.lockstep(number, &[&join[..], &["--address", &at]].concat())
            .await?;
        self.step(format!("{name} joins as a {part:?}").to_lowercase());
        Ok(self.enable(number, part)?)
    }

    /// Waits until so many controllers vote, and all of them are connected with the leader.
    ///
    /// # Errors
    /// If that does not become so.
    pub async fn all_vote(&self, count: usize) -> Told {
        let what = format!("{count} controllers vote");
        self.until(&what, SETTLES_WITHIN, |seen| {
            let leader = seen.leader().and_then(|leader| seen.status(leader));
            leader.is_some_and(|status| {
                let peers = &status.controller.peers;
                peers.len() + 1 == count && peers.values().all(|connected| *connected)
            })
        })
        .await
    }

    /// Takes a controller out for good; its machine is as new.
    ///
    /// # Errors
    /// If it does not leave.
    pub async fn leave(&self, number: usize) -> Told {
        self.operator(number, &["cluster", "leave"]).await?;
        self.controller_ended(number, SETTLES_WITHIN).await?;
        self.machines.host(number).units.clear();
        let forget = ["rm", "-rf", "/var/lib/lockstep", "/etc/lockstep"];
        self.inside(number, &forget).await?;
        Ok(())
    }

    /// Starts what a host runs, now and at each boot.
    pub(super) fn enable(&self, number: usize, part: Part) -> io::Result<()> {
        self.enable_program(number, part, LOCKSTEP)
    }

    /// The same, with a program of the caller's choice.
    pub(super) fn enable_program(
        &self,
        number: usize,
        part: Part,
        program: &str,
    ) -> io::Result<()> {
        let mut command = Vec::new();
        if self.machines.has_levers {
            command = vec!["/usr/bin/env".to_owned(), format!("LD_PRELOAD={LIBRARY}")];
        }
        let word = match part {
            Part::Controller => "node",
            Part::Worker => "executor",
        };
        command.extend([program, word].map(str::to_owned));
        let unit = Unit {
            name: UNIT.to_owned(),
            command,
        };
        let mut host = self.machines.host(number);
        host.start(&unit)?;
        host.units = vec![unit];
        Ok(())
    }
}
