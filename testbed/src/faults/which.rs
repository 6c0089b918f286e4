//! Which kinds of faults are there?

/// Kinds of faults: what happens, to whoever reads the code; its name; what happens, in a list.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $about:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Which {
            $($(#[$doc])* $kind,)*
        }

        impl Which {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// What happens.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$kind => $about,)*
                }
            }
        }
    };
}

kinds! {
    /// One host is cut off from the others.
    Partition, "partition", "a host is cut off";
    /// The leader's host is.
    IsolatedLeader, "isolated-leader", "the leader is cut off";
    /// A host hears the others, and they do not hear it; or the other way round.
    OneWay, "one-way", "a host hears nobody, or nobody hears it";
    /// Two halves that only one host connects.
    Bridge, "bridge", "only one host connects two halves";
    /// Two hosts do not hear each other.
    Pair, "pair", "two hosts do not hear each other";
    /// A host is cut off and connected again and again.
    Flapping, "flapping", "a host is cut off again and again";
    /// Frames are lost.
    Loss, "loss", "frames are lost";
    /// Frames are late, and overtake each other.
    Delay, "delay", "frames are late, and overtake each other";
    /// Frames arrive twice.
    Duplication, "duplication", "frames arrive twice";
    /// Links are narrow.
    Bandwidth, "bandwidth", "links are narrow";
    /// A controller is killed.
    Kill, "kill", "a controller is killed";
    /// All controllers are.
    KillAll, "kill-all", "all controllers are killed";
    /// A controller is stopped for a while, and goes on.
    Pause, "pause", "a controller is stopped for a while";
    /// A host loses its power, and keeps what was written.
    PowerOff, "power-off", "a host loses its power";
    /// A host loses its power, and what was not synced.
    PowerCut, "power-loss", "a host loses its power and what was not synced";
    /// All hosts do, at once.
    Blackout, "blackout", "all hosts lose their power and what was not synced";
    /// A host stands still for a while, and goes on.
    Freeze, "freeze", "a host stands still for a while";
    /// A host's disk is full.
    DiskFull, "disk-full", "a disk is full";
    /// A host's disk refuses what is written.
    DiskError, "disk-error", "a disk refuses what is written";
    /// A host's disk does not get to sync, and what was not synced is lost.
    SyncError, "sync-error", "a disk does not sync, and what was not synced is lost";
    /// A host's disk is slow.
    SlowDisk, "slow-disk", "a disk is slow";
    /// A write gets half-way when a host loses its power.
    TornTail, "torn-tail", "a write gets half-way when a host loses its power";
    /// A host's clock jumps, and back.
    ClockJump, "clock-jump", "a clock jumps, and back";
    /// The process of a service is killed.
    ServiceDies, "service-dies", "the process of a service is killed";
    /// An agent fails.
    AgentFails, "agent-fails", "an agent fails";
    /// An agent hangs.
    AgentHangs, "agent-hangs", "an agent hangs";
    /// An agent fails to stop its service: its host has to be fenced.
    StopFails, "stop-fails", "a service cannot be stopped";
    /// A host loses its power, and fencing takes long.
    FencingSlow, "fencing-slow", "fencing takes long";
    /// A host loses its power, and fencing fails for a while.
    FencingFails, "fencing-fails", "fencing fails for a while";
    /// A host loses its power, and the leader's host cannot reach the switch.
    FencingUnreachable, "fencing-unreachable", "the leader cannot reach the switch that fences";
}

impl Which {
    /// Whether it takes levers that only a C compiler makes.
    #[must_use]
    pub fn needs_levers(self) -> bool {
        matches!(
            self,
            Self::DiskError | Self::SyncError | Self::SlowDisk | Self::TornTail | Self::ClockJump
        )
    }
}
