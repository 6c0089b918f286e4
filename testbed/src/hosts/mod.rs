//! Hosts out of namespaces: each with a process tree, a network address, a disk and a power supply
//! of its own, on one machine.
//!
//! | file | answers |
//! |---|---|
//! | `system.rs` | what of the machine is used, and is it there? |
//! | `boot.sh` | how does a host get its root? |
//! | `init.rs` | what is its first process? |
//! | `host.rs` | how is it switched on and off, frozen, told to run something? |
//! | `wire/` | what connects hosts, and how does that go wrong? |
//! | `levers.rs` | how do disks fail and clocks go wrong? |
//! | `power.rs` | how are hosts fenced? |
//! | `door.rs` | how does the testbed ask a host's controller? |
//!
//! Everything hangs on pipes that only the testbed's process has the other end of: when it goes, in
//! whatever way, hosts, mounts, loop devices and networks go with it.

pub mod door;
pub mod host;
pub mod init;
pub mod levers;
pub mod power;
pub mod system;
pub mod wire;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host::Host;
use power::PowerSwitch;
use wire::Wire;

use crate::plants::Plant;
use crate::report::chronicle::Chronicle;
use crate::witness::Witness;

/// Hosts and what connects them.
#[derive(Debug)]
pub struct Machines {
    /// The switch that fences; gone first, so that it switches nothing on again.
    pub power: PowerSwitch,
    hosts: Vec<Arc<Mutex<Host>>>,
    /// What connects them.
    pub wire: Arc<Wire>,
    /// What all hosts see as `/testbed`.
    pub shared: PathBuf,
    /// Who tells what really happened.
    pub witness: Witness,
    /// Whether disks can be made to fail, and clocks to go wrong ([`levers::WITHOUT`]).
    pub has_levers: bool,
}

impl Machines {
    /// Makes hosts, all of them off, with everything in `folder`. `program` is the `lockstep` that
    /// they have; this program knows its commands as well.
    ///
    /// # Errors
    /// If this machine does not let it.
    pub fn make(
        folder: &Path,
        hosts: usize,
        seed: u64,
        program: Option<&Path>,
        chronicle: &Chronicle,
    ) -> io::Result<Self> {
        let shared = folder.join("shared");
        for name in ["agents", "bin", "faults", "logs"] {
            std::fs::create_dir_all(shared.join(name))?;
        }
        let me = std::env::current_exe()?;
        let program = program.unwrap_or(&me);
        let has_levers = levers::make(&shared)? && levers::reach(program)?;
        install(&me, &shared.join("bin/lockstep-testbed"))?;
        install(program, &shared.join("bin/lockstep"))?;
        let texts = [
            ("boot.sh", include_str!("boot.sh")),
            ("agents/Service", include_str!("../agents/Service")),
            (
                "agents/fence_testbed",
                include_str!("../agents/fence_testbed"),
            ),
        ];
        for (name, text) in texts {
            let path = shared.join(name);
            std::fs::write(&path, text)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        let wire = Arc::new(Wire::lay(seed)?);
        let hosts: Vec<_> = (1..=hosts)
            .map(|number| {
                let place = folder.join(format!("n{number}"));
                Host::new(number, &place, &shared, wire.clone()).map(|h| Arc::new(Mutex::new(h)))
            })
            .collect::<io::Result<_>>()?;
        let witness = Witness::in_folder(&shared);
        let power =
            PowerSwitch::connect(&shared, hosts.clone(), witness.clone(), chronicle.clone())?;
        Ok(Self {
            power,
            hosts,
            wire,
            shared,
            witness,
            has_levers,
        })
    }

    /// Plants a bug on all of them, which they have from now on.
    ///
    /// # Errors
    /// If the testbed's own disk says no.
    pub fn plant(&self, plant: Plant) -> io::Result<()> {
        for number in self.numbers() {
            self.host(number).plant(plant.levers(number))?;
        }
        std::fs::write(self.shared.join("planted"), plant.bug.name())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.hosts.len()
    }

    /// A host, by its number from 1. It is locked as long as this is held: the power switch waits.
    ///
    /// # Panics
    /// If there is no such host: scenarios name those that they asked for.
    pub fn host(&self, number: usize) -> MutexGuard<'_, Host> {
        let host = &self.hosts[number - 1];
        host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers of all hosts.
    pub fn numbers(&self) -> impl Iterator<Item = usize> + use<> {
        1..=self.hosts.len()
    }
}

/// A program where hosts find it: the same file, where file systems allow.
fn install(program: &Path, at: &Path) -> io::Result<()> {
    match std::fs::hard_link(program, at) {
        Ok(()) => Ok(()),
        Err(_) => std::fs::copy(program, at).map(drop),
    }
}
