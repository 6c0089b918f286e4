//! Which names and values may stand in a CIB? Tables from which the generator and the mutations
//! draw: the sensible ones, the rare ones, and some that are wrong.

/// A name and values that it may have.
pub type Words = (&'static str, &'static [&'static str]);

const BOOLEAN: &[&str] = &["true", "false"];
const DURATION: &[&str] = &["0", "10", "30s", "2min", "1h", "500ms", "PT1M"];
const SCORE: &[&str] = &[
    "0",
    "1",
    "-1",
    "5",
    "100",
    "-100",
    "INFINITY",
    "-INFINITY",
    "1000000",
    "-5000",
];
const COUNT: &[&str] = &["0", "1", "2", "3", "4", "10"];

/// Scores as constraints have them.
pub const SCORES: &[&str] = &[
    "INFINITY",
    "INFINITY",
    "INFINITY",
    "-INFINITY",
    "-INFINITY",
    "0",
    "1",
    "-1",
    "5",
    "10",
    "50",
    "100",
    "-10",
    "-100",
    "500",
    "-500",
    "+INFINITY",
    "1000000",
    "-1000000",
    "999999",
];

/// Cluster options.
pub const OPTIONS: &[Words] = &[
    (
        "no-quorum-policy",
        &[
            "stop", "freeze", "ignore", "demote", "fence", "suicide", "bogus",
        ],
    ),
    ("symmetric-cluster", BOOLEAN),
    ("maintenance-mode", BOOLEAN),
    ("start-failure-is-fatal", BOOLEAN),
    ("enable-startup-probes", BOOLEAN),
    ("fencing-enabled", BOOLEAN),
    ("stonith-enabled", BOOLEAN),
    ("fencing-action", &["reboot", "off", "bogus"]),
    ("stonith-action", &["reboot", "off", "poweroff"]),
    ("fencing-timeout", DURATION),
    ("have-watchdog", BOOLEAN),
    ("fencing-watchdog-timeout", &["0", "10s", "-1"]),
    ("stonith-watchdog-timeout", &["0", "10s", "-1"]),
    ("concurrent-fencing", BOOLEAN),
    ("startup-fencing", BOOLEAN),
    ("priority-fencing-delay", DURATION),
    ("node-pending-timeout", &["0", "10s", "2h"]),
    ("fence-remote-without-quorum", BOOLEAN),
    ("cluster-delay", DURATION),
    ("batch-limit", COUNT),
    ("migration-limit", &["-1", "0", "1", "+3", "INFINITY"]),
    ("stop-all-resources", BOOLEAN),
    ("stop-removed-resources", BOOLEAN),
    ("stop-orphan-resources", BOOLEAN),
    ("stop-removed-actions", BOOLEAN),
    ("stop-orphan-actions", BOOLEAN),
    ("remove-after-stop", BOOLEAN),
    ("shutdown-lock", BOOLEAN),
    ("shutdown-lock-limit", DURATION),
    (
        "node-health-strategy",
        &[
            "none",
            "migrate-on-red",
            "only-green",
            "progressive",
            "custom",
            "bogus",
        ],
    ),
    ("node-health-base", &["0", "10", "-10", "INFINITY"]),
    ("node-health-green", SCORE),
    ("node-health-yellow", SCORE),
    ("node-health-red", SCORE),
    (
        "placement-strategy",
        &["default", "utilization", "minimal", "balanced", "bogus"],
    ),
    ("default-resource-stickiness", SCORE),
    ("is-managed-default", BOOLEAN),
    ("cluster-recheck-interval", DURATION),
    ("dc-version", &["3.0.3"]),
];

/// Meta-attributes of any resource.
pub const META: &[Words] = &[
    (
        "target-role",
        &[
            "Started",
            "Stopped",
            "Promoted",
            "Unpromoted",
            "Master",
            "Slave",
            "started",
            "bogus",
        ],
    ),
    ("is-managed", BOOLEAN),
    ("maintenance", BOOLEAN),
    ("priority", &["0", "1", "5", "10", "-1", "100"]),
    ("critical", BOOLEAN),
    ("resource-stickiness", SCORE),
    (
        "migration-threshold",
        &["0", "1", "2", "3", "INFINITY", "-1"],
    ),
    ("failure-timeout", &["0", "30", "10min", "1d"]),
    (
        "multiple-active",
        &[
            "block",
            "stop_only",
            "stop_start",
            "stop_unexpected",
            "bogus",
        ],
    ),
    ("allow-migrate", BOOLEAN),
    (
        "requires",
        &["nothing", "quorum", "fencing", "unfencing", "bogus"],
    ),
    ("restart-type", &["ignore", "restart"]),
    ("allow-unhealthy-nodes", BOOLEAN),
    ("container-attribute-target", &["host"]),
];

/// Meta-attributes of clones.
pub const CLONE_META: &[Words] = &[
    ("clone-max", &["0", "1", "2", "2", "3", "4", "6", "-1"]),
    ("clone-node-max", &["1", "1", "2", "3", "0"]),
    ("clone-min", &["0", "1", "2", "3"]),
    ("promoted-max", &["1", "2", "0", "3"]),
    ("promoted-node-max", &["1", "2", "0"]),
    ("master-max", &["1", "2"]),
    ("interleave", BOOLEAN),
    ("ordered", BOOLEAN),
    ("notify", BOOLEAN),
    ("globally-unique", BOOLEAN),
    ("promotable", BOOLEAN),
];

/// Attributes of operations.
pub const OPERATION: &[Words] = &[
    ("interval", &["0", "0s", "10", "10s", "30s", "1min", "11s"]),
    ("timeout", &["20s", "1min", "0", "bogus"]),
    (
        "on-fail",
        &[
            "ignore",
            "block",
            "stop",
            "restart",
            "fence",
            "standby",
            "demote",
            "restart-container",
            "bogus",
        ],
    ),
    ("role", &["Started", "Stopped", "Promoted", "Unpromoted"]),
    ("enabled", BOOLEAN),
    ("start-delay", &["0", "10s"]),
    (
        "interval-origin",
        &["2023-11-14T00:00:00Z", "2023-11-14T22:00:00Z"],
    ),
    ("record-pending", BOOLEAN),
    ("requires", &["nothing", "quorum", "fencing"]),
];

/// Attributes of nodes that clusters treat in a special way.
pub const NODE: &[Words] = &[
    ("standby", &["on", "off", "true"]),
    ("maintenance", BOOLEAN),
    ("terminate", &["true", "false"]),
    ("#health-disk", &["red", "yellow", "green", "10", "-10"]),
    ("#health-ipmi", &["red", "yellow", "green"]),
    ("resource-discovery-enabled", BOOLEAN),
    ("color", COLORS),
    ("rack", &["1", "2", "10"]),
    ("pingd", &["0", "100", "1000"]),
    ("version", &["1.0", "1.10", "2.0"]),
    ("priority", &["1", "5"]),
];

/// Values of an attribute that constraints ask for.
pub const COLORS: &[&str] = &["red", "green", "blue"];

/// What a `node_state` says about membership, in this order: `in_ccm`, `crmd`, `join`, `expected`.
/// Negative numbers are times, in seconds from now.
pub const MEMBERSHIP: &[[&str; 4]] = &[
    ["true", "online", "member", "member"],
    ["true", "online", "member", "member"],
    ["false", "offline", "down", "down"],
    ["false", "offline", "down", "member"],
    ["false", "offline", "member", "member"],
    ["true", "offline", "member", "member"],
    ["true", "online", "down", "member"],
    ["true", "online", "pending", "member"],
    ["true", "online", "nack", "member"],
    ["true", "offline", "down", "down"],
    ["false", "online", "member", "member"],
    ["true", "online", "member", "down"],
    ["-1000", "-999", "member", "member"],
    ["-1000", "0", "down", "member"],
    ["0", "0", "down", "down"],
    ["-10", "0", "down", "down"],
];

/// Exit codes of agents.
pub const EXIT_CODES: &[&str] = &[
    "0", "0", "1", "1", "2", "3", "4", "5", "6", "7", "7", "8", "9", "190", "191", "193", "-1",
    "21",
];

/// Outcomes of running an agent: `op-status`.
pub const EXECUTION: &[&str] = &[
    "0", "0", "0", "-1", "1", "2", "3", "4", "4", "5", "6", "7", "8", "9", "10", "11", "12",
];
