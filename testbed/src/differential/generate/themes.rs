//! Which features does a cluster dwell on? What matters only together (utilization and a placement
//! strategy, locks and nodes that shut down, …) meets too rarely if everything is drawn alike: so
//! most clusters have a theme out of a table, and what belongs to it is drawn more often.

use super::vocabulary::Words;
use crate::differential::random::Random;

/// Kinds of top-level resources.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Primitive,
    Group,
    Clone,
    Promotable,
    Bundle,
    Guest,
    Remote,
    Fence,
}

/// Kinds of constraints.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constraint {
    Location,
    RuledLocation,
    Colocation,
    ColocationSet,
    Order,
    OrderSet,
    Ticket,
}

/// What a cluster dwells on.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// What it is called.
    pub name: &'static str,
    /// Options that are mostly set.
    pub options: &'static [Words],
    /// Resources of which half of all are.
    pub resources: &'static [Kind],
    /// Meta-attributes that many resources have.
    pub meta: &'static [Words],
    /// Constraints of which half of all are.
    pub constraints: &'static [Constraint],
    /// Edits of which half of all are, by name.
    pub edits: &'static [&'static str],
}

/// Nothing in particular.
pub const PLAIN: Theme = Theme {
    name: "no theme",
    options: &[],
    resources: &[],
    meta: &[],
    constraints: &[],
    edits: &[],
};

const YES: &[&str] = &["true"];
const NO: &[&str] = &["false"];

/// Every theme.
#[rustfmt::skip]
pub const THEMES: &[Theme] = &[
    Theme {
        name: "utilization",
        options: &[("placement-strategy", &["utilization", "minimal", "balanced"])],
        resources: &[Kind::Group, Kind::Clone, Kind::Primitive],
        meta: &[("priority", &["0", "1", "5"]), ("resource-stickiness", &["0", "1", "100"])],
        constraints: &[Constraint::Colocation, Constraint::ColocationSet],
        edits: &["utilization", "utilization", "membership", "number"],
    },
    Theme {
        name: "tickets",
        options: &[],
        resources: &[Kind::Promotable, Kind::Group],
        meta: &[],
        constraints: &[Constraint::Ticket],
        edits: &["ticket", "promotion_score", "quorum"],
    },
    Theme {
        name: "promotion",
        options: &[],
        resources: &[Kind::Promotable],
        meta: &[
            ("promoted-max", &["0", "1", "2", "3"]), ("promoted-node-max", &["1", "2"]),
            ("target-role", &["Promoted", "Unpromoted", "Started"]), ("notify", YES),
        ],
        constraints: &[Constraint::Colocation, Constraint::Order, Constraint::RuledLocation],
        edits: &["promotion_score", "promotion_score", "failure", "role_result"],
    },
    Theme {
        name: "notifications",
        options: &[],
        resources: &[Kind::Clone, Kind::Promotable],
        meta: &[("notify", YES), ("interleave", &["true", "false"]), ("ordered", &["true", "false"])],
        constraints: &[Constraint::Order],
        edits: &["membership", "failure", "clone_meta"],
    },
    Theme {
        name: "interleaved clones",
        options: &[],
        resources: &[Kind::Clone, Kind::Promotable],
        meta: &[("interleave", &["true", "true", "false"]), ("clone-min", &["1", "2"]), ("ordered", YES)],
        constraints: &[Constraint::Order, Constraint::Colocation],
        edits: &["membership", "result", "clone_meta", "forget"],
    },
    Theme {
        name: "unique clones",
        options: &[],
        resources: &[Kind::Clone, Kind::Promotable],
        meta: &[
            ("globally-unique", YES), ("clone-node-max", &["1", "2", "3"]),
            ("clone-max", &["2", "3", "4", "6"]),
        ],
        constraints: &[Constraint::Colocation, Constraint::Location],
        edits: &["rename_history", "second_instance", "membership"],
    },
    Theme {
        name: "bundles",
        options: &[],
        resources: &[Kind::Bundle],
        meta: &[],
        constraints: &[Constraint::Colocation, Constraint::Order, Constraint::Location],
        edits: &["failure", "connection", "connection", "bundle", "remote_state"],
    },
    Theme {
        name: "remote nodes",
        options: &[("fencing-enabled", YES), ("no-quorum-policy", &["stop", "freeze", "fence", "demote"])],
        resources: &[Kind::Remote, Kind::Fence, Kind::Primitive],
        meta: &[],
        constraints: &[Constraint::Location],
        edits: &["connection", "connection", "remote_state", "remote_state", "membership"],
    },
    Theme {
        name: "guest nodes",
        options: &[("fencing-enabled", &["true", "false"])],
        resources: &[Kind::Guest, Kind::Group],
        meta: &[("allow-migrate", YES)],
        constraints: &[Constraint::Location, Constraint::Order],
        edits: &["connection", "connection", "remote_state", "failure"],
    },
    Theme {
        name: "migration",
        options: &[("migration-limit", &["-1", "0", "1", "2"])],
        resources: &[Kind::Primitive, Kind::Guest, Kind::Group, Kind::Clone],
        meta: &[("allow-migrate", YES)],
        constraints: &[Constraint::Order, Constraint::Location, Constraint::Colocation],
        edits: &["migration", "migration", "shut_down", "node_attribute", "migration_failure"],
    },
    Theme {
        name: "fencing",
        options: &[
            ("fencing-enabled", YES), ("concurrent-fencing", &["true", "false"]),
            ("priority-fencing-delay", &["0", "15s"]), ("fencing-action", &["reboot", "off"]),
            ("startup-fencing", &["true", "true", "false"]),
        ],
        resources: &[Kind::Fence, Kind::Fence, Kind::Primitive],
        meta: &[("priority", &["1", "10"]), ("requires", &["fencing", "quorum", "nothing"])],
        constraints: &[Constraint::Location],
        edits: &["membership", "membership", "topology", "stop_failure", "quorum"],
    },
    Theme {
        name: "unfencing",
        options: &[("fencing-enabled", YES)],
        resources: &[Kind::Fence, Kind::Remote, Kind::Primitive],
        meta: &[("provides", &["unfencing"]), ("requires", &["unfencing", "fencing", "quorum"])],
        constraints: &[Constraint::Location],
        edits: &["unfenced", "unfenced", "digest", "membership"],
    },
    Theme {
        name: "quorum",
        options: &[
            ("no-quorum-policy", &["stop", "freeze", "ignore", "demote", "fence", "suicide"]),
            ("fencing-enabled", &["true", "false"]),
        ],
        resources: &[Kind::Promotable, Kind::Fence],
        meta: &[("requires", &["nothing", "quorum", "fencing"])],
        constraints: &[Constraint::Order, Constraint::Colocation],
        edits: &["quorum", "quorum", "membership"],
    },
    Theme {
        name: "watchdog",
        options: &[
            ("fencing-enabled", YES), ("have-watchdog", YES),
            ("fencing-watchdog-timeout", &["0", "10s", "-1"]),
        ],
        resources: &[Kind::Primitive, Kind::Promotable, Kind::Fence],
        meta: &[],
        constraints: &[Constraint::Order],
        edits: &["quorum", "membership", "stop_failure"],
    },
    Theme {
        name: "shutdown locks",
        options: &[("shutdown-lock", YES), ("shutdown-lock-limit", &["0", "10min", "1h"])],
        resources: &[Kind::Primitive, Kind::Group, Kind::Clone],
        meta: &[("is-managed", &["true", "false"])],
        constraints: &[Constraint::Location, Constraint::Colocation],
        edits: &["lock", "lock", "shut_down", "shut_down", "membership"],
    },
    Theme {
        name: "node health",
        options: &[
            ("node-health-strategy", &["migrate-on-red", "only-green", "progressive", "custom"]),
            ("node-health-red", &["-INFINITY", "-100", "10"]), ("node-health-yellow", &["0", "-10", "100"]),
            ("node-health-base", &["0", "100"]),
        ],
        resources: &[Kind::Primitive, Kind::Clone],
        meta: &[("allow-unhealthy-nodes", &["true", "false"])],
        constraints: &[Constraint::Location],
        edits: &["health", "health", "health"],
    },
    Theme {
        name: "failures",
        options: &[("start-failure-is-fatal", &["true", "false"])],
        resources: &[],
        meta: &[
            ("migration-threshold", &["1", "2", "3"]), ("failure-timeout", &["30", "10min", "1h"]),
            ("resource-stickiness", &["0", "10", "INFINITY"]),
        ],
        constraints: &[Constraint::Colocation, Constraint::Order],
        edits: &["failure", "failure", "fail_count", "operation", "stop_failure"],
    },
    Theme {
        name: "multiple-active",
        options: &[],
        resources: &[Kind::Primitive, Kind::Group],
        meta: &[("multiple-active", &["block", "stop_only", "stop_start", "stop_unexpected"])],
        constraints: &[Constraint::Order, Constraint::Colocation],
        edits: &["second_instance", "second_instance", "failure"],
    },
    Theme {
        name: "maintenance",
        options: &[("maintenance-mode", &["true", "false"])],
        resources: &[],
        meta: &[("maintenance", &["true", "false"]), ("is-managed", &["false"])],
        constraints: &[Constraint::Order, Constraint::Colocation],
        edits: &["node_attribute", "transient_attribute", "failure", "digest"],
    },
    Theme {
        name: "changed parameters",
        options: &[],
        resources: &[Kind::Primitive, Kind::Clone, Kind::Group],
        meta: &[("restart-type", &["restart", "ignore"])],
        constraints: &[Constraint::Order],
        edits: &["parameter", "digest", "digest", "operation", "agent"],
    },
    Theme {
        name: "ordered sets",
        options: &[],
        resources: &[Kind::Clone, Kind::Primitive, Kind::Group],
        meta: &[("clone-min", &["1", "2"])],
        constraints: &[Constraint::OrderSet, Constraint::OrderSet, Constraint::ColocationSet],
        edits: &["membership", "result", "meta"],
    },
    Theme {
        name: "rules",
        options: &[],
        resources: &[Kind::Primitive, Kind::Clone],
        meta: &[],
        constraints: &[Constraint::RuledLocation],
        edits: &["resource_rule", "default", "more_values", "option_set", "operation_values"],
    },
    Theme {
        name: "opt-in",
        options: &[("symmetric-cluster", NO)],
        resources: &[],
        meta: &[],
        constraints: &[Constraint::Location, Constraint::RuledLocation],
        edits: &["add_constraint", "membership"],
    },
    Theme {
        name: "removed things",
        options: &[
            ("stop-removed-resources", &["true", "false"]),
            ("stop-removed-actions", &["true", "false"]), ("remove-after-stop", &["true", "false"]),
        ],
        resources: &[],
        meta: &[],
        constraints: &[],
        edits: &["remove_resource", "remove_resource", "remove_node", "rename_history", "operation"],
    },
    Theme {
        name: "probes",
        options: &[("enable-startup-probes", &["true", "false"])],
        resources: &[Kind::Clone, Kind::Primitive, Kind::Remote],
        meta: &[],
        constraints: &[Constraint::Location, Constraint::Order],
        edits: &["forget", "pending", "result", "add_node", "node_forgotten"],
    },
];

impl Theme {
    /// A theme, or mostly enough one.
    #[must_use]
    pub fn any(random: &mut Random) -> Theme {
        if random.chance(30) {
            return PLAIN;
        }
        random.pick(THEMES).copied().unwrap_or(PLAIN)
    }
}
