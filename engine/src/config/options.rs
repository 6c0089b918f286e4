//! Which cluster options are in force?
//!
//! One table says each option's name, its old name, its default and what is valid. An invalid
//! value counts as unset; an old name counts only where the new one is absent.

use super::blocks::Evaluation;
use super::written;
use super::{Attributes, FenceAction, HealthStrategy, NoQuorumPolicy, Options, PlacementStrategy};
use crate::Diagnostic;
use crate::nvset::{BOOTSTRAP_OPTIONS, NvSets};
use crate::parse::{Document, ElementId, IdIndex, names};
use crate::value::{self, HealthScores, Score};

/// One row of the table of options.
struct Spec {
    name: &'static str,
    old_name: Option<&'static str>,
    default: Option<&'static str>,
    valid: fn(&str) -> bool,
}

const fn option(name: &'static str, default: &'static str, valid: fn(&str) -> bool) -> Spec {
    Spec {
        name,
        old_name: None,
        default: Some(default),
        valid,
    }
}

const fn renamed(
    name: &'static str,
    old_name: &'static str,
    default: &'static str,
    valid: fn(&str) -> bool,
) -> Spec {
    Spec {
        name,
        old_name: Some(old_name),
        default: Some(default),
        valid,
    }
}

/// An option that planning does not depend on: it has no default here.
const fn elsewhere(
    name: &'static str,
    old_name: Option<&'static str>,
    valid: fn(&str) -> bool,
) -> Spec {
    Spec {
        name,
        old_name,
        default: None,
        valid,
    }
}

/// Every option that Pacemaker knows and checks, in its order.
const OPTIONS: &[Spec] = &[
    elsewhere("dc-deadtime", None, interval),
    elsewhere("cluster-recheck-interval", None, interval),
    elsewhere("election-timeout", None, interval),
    elsewhere("shutdown-escalation", None, interval),
    elsewhere("join-integration-timeout", None, interval),
    elsewhere("join-finalization-timeout", None, interval),
    elsewhere("transition-delay", None, interval),
    option("no-quorum-policy", "stop", |v| {
        NO_QUORUM_POLICIES.find(v).is_some()
    }),
    option("shutdown-lock", "false", boolean),
    option("shutdown-lock-limit", "0", interval),
    elsewhere("enable-acl", None, boolean),
    option("symmetric-cluster", "true", boolean),
    option("maintenance-mode", "false", boolean),
    option("start-failure-is-fatal", "true", boolean),
    option("enable-startup-probes", "true", boolean),
    option("fence-remote-without-quorum", "false", boolean),
    renamed("fencing-enabled", "stonith-enabled", "true", boolean),
    renamed("fencing-action", "stonith-action", "reboot", |v| {
        v == "reboot" || v == "off"
    }),
    elsewhere("fencing-reaction", Some("fence-reaction"), |_| true),
    renamed("fencing-timeout", "stonith-timeout", "60s", interval),
    option("have-watchdog", "false", boolean),
    elsewhere(
        "fencing-watchdog-timeout",
        Some("stonith-watchdog-timeout"),
        |_| true,
    ),
    elsewhere(
        "fencing-max-attempts",
        Some("stonith-max-attempts"),
        positive,
    ),
    option("concurrent-fencing", "true", boolean),
    option("startup-fencing", "true", boolean),
    option("priority-fencing-delay", "0", interval),
    option("node-pending-timeout", "0", interval),
    option("cluster-delay", "60s", interval),
    elsewhere("load-threshold", None, percentage),
    elsewhere("node-action-limit", None, integer),
    option("batch-limit", "0", integer),
    option("migration-limit", "-1", integer),
    option("stop-all-resources", "false", boolean),
    renamed(
        "stop-removed-resources",
        "stop-orphan-resources",
        "true",
        boolean,
    ),
    renamed(
        "cancel-removed-actions",
        "stop-orphan-actions",
        "true",
        boolean,
    ),
    elsewhere("pe-error-series-max", None, integer),
    elsewhere("pe-warn-series-max", None, integer),
    elsewhere("pe-input-series-max", None, integer),
    option("node-health-strategy", "none", |v| {
        HEALTH_STRATEGIES.find(v).is_some()
    }),
    option("node-health-base", "0", integer),
    option("node-health-green", "0", integer),
    option("node-health-yellow", "0", integer),
    option("node-health-red", "-INFINITY", integer),
    option("placement-strategy", "default", |v| {
        PLACEMENT_STRATEGIES.find(v).is_some()
    }),
];

/// Options that will go, and the values that people should not rely on any more.
const DEPRECATED_IF_FALSE: [(&str, &str); 4] = [
    (
        "enable-startup-probes",
        "(and behave as true) in a future release. Use a location constraint with \
         resource-discovery=never instead to disable probes where desired.",
    ),
    ("concurrent-fencing", BEHAVE_AS_TRUE),
    ("stop-removed-resources", BEHAVE_AS_TRUE),
    ("cancel-removed-actions", BEHAVE_AS_TRUE),
];

const BEHAVE_AS_TRUE: &str = "(and behave as true) in a future release.";

/// The words that stand for the values of an enumeration, in any case.
struct Words<T: 'static>(&'static [(&'static str, T)]);

impl<T: Copy> Words<T> {
    fn find(&self, word: &str) -> Option<T> {
        let entry = self
            .0
            .iter()
            .find(|entry| entry.0.eq_ignore_ascii_case(word))?;
        Some(entry.1)
    }
}

const NO_QUORUM_POLICIES: Words<NoQuorumPolicy> = Words(&[
    ("stop", NoQuorumPolicy::Stop),
    ("freeze", NoQuorumPolicy::Freeze),
    ("ignore", NoQuorumPolicy::Ignore),
    ("demote", NoQuorumPolicy::Demote),
    ("fence", NoQuorumPolicy::Fence),
    ("suicide", NoQuorumPolicy::Fence),
]);

const HEALTH_STRATEGIES: Words<HealthStrategy> = Words(&[
    ("none", HealthStrategy::None),
    ("migrate-on-red", HealthStrategy::MigrateOnRed),
    ("only-green", HealthStrategy::OnlyGreen),
    ("progressive", HealthStrategy::Progressive),
    ("custom", HealthStrategy::Custom),
]);

const PLACEMENT_STRATEGIES: Words<PlacementStrategy> = Words(&[
    ("default", PlacementStrategy::Default),
    ("utilization", PlacementStrategy::Utilization),
    ("minimal", PlacementStrategy::Minimal),
    ("balanced", PlacementStrategy::Balanced),
]);

fn boolean(text: &str) -> bool {
    value::boolean(text).is_some()
}

fn interval(text: &str) -> bool {
    value::interval(text).valid
}

fn integer(text: &str) -> bool {
    infinity(text).is_some() || value::integer(text).is_some()
}

fn positive(text: &str) -> bool {
    infinity(text).is_some_and(|score| !score.is_negative())
        || value::integer(text).is_some_and(|number| number > 0)
}

fn percentage(text: &str) -> bool {
    let number = text.trim_end_matches('%');
    value::integer(number).is_some_and(|number| number >= 0)
}

fn infinity(text: &str) -> Option<Score> {
    match text {
        "INFINITY" | "+INFINITY" => Some(Score::INFINITY),
        "-INFINITY" => Some(Score::MINUS_INFINITY),
        _ => None,
    }
}

impl HealthStrategy {
    /// The word that stands for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        HEALTH_STRATEGIES
            .0
            .iter()
            .find(|entry| entry.1 == self)
            .map_or("", |entry| entry.0)
    }
}

/// Where options are written.
struct Written<'d> {
    document: &'d Document,
    section: Option<ElementId>,
}

impl Written<'_> {
    /// Where an option is.
    fn option(&self, name: &str) -> Option<ElementId> {
        let section = self.section?;
        written::pair(self.document, section, names::CLUSTER_PROPERTY_SET, name)
    }
}

/// Options after names, validity and defaults.
struct Effective {
    set: Attributes,
}

impl Effective {
    fn new(set: Attributes, at: &Written<'_>, messages: &mut Vec<Diagnostic>) -> Self {
        let mut effective = Self { set };
        for spec in OPTIONS {
            effective.apply(spec, at, messages);
        }
        effective
    }

    fn apply(&mut self, spec: &Spec, at: &Written<'_>, messages: &mut Vec<Diagnostic>) {
        let old = spec
            .old_name
            .and_then(|old| Some((old, self.set.get(old)?.clone())));
        if let (Some((old, value)), false) = (old, self.set.contains_key(spec.name)) {
            let message = format!(
                "Support for legacy name '{old}' for cluster option '{}' is deprecated and will \
                 be removed in a future release",
                spec.name
            );
            messages.push(Diagnostic::warning(at.option(old), message));
            self.set.insert(spec.name.into(), value);
        }
        match self.set.get(spec.name) {
            Some(value) if (spec.valid)(value) => return,
            Some(value) => {
                let name = spec.name;
                let message = format!(
                    "Using default value for cluster option '{name}' because '{value}' is invalid"
                );
                let option = at.option(name).or(at.option(spec.old_name.unwrap_or(name)));
                messages.push(Diagnostic::error(option.or(at.section), message).at(names::VALUE));
            }
            None => {}
        }
        self.set.remove(spec.name);
        let default = spec.default;
        self.set
            .extend(default.map(|default| (spec.name.into(), default.into())));
    }

    fn warn_if_false(
        &self,
        (name, consequence): (&str, &str),
        at: &Written<'_>,
        messages: &mut Vec<Diagnostic>,
    ) {
        if !self.is_true(name) {
            let message = format!(
                "Support for the {name} cluster property is deprecated and will be removed \
                 {consequence}"
            );
            let option = at.option(name).or(at.section);
            messages.push(Diagnostic::warning(option, message));
        }
    }

    fn text(&self, name: &str) -> &str {
        // Every name asked for is in the table, so it has a value (see the test).
        self.set.get(name).map_or("", AsRef::as_ref)
    }
    fn is_true(&self, name: &str) -> bool {
        value::is_true(Some(self.text(name)))
    }
    fn interval_ms(&self, name: &str) -> i64 {
        i64::from(value::interval(self.text(name)).ms)
    }
    /// The text of a number above zero; what is infinite limits nothing.
    fn limit(&self, name: &str) -> Option<String> {
        let text = self.text(name);
        let limits = value::integer(text).is_some_and(|limit| limit > 0);
        limits.then(|| text.to_owned())
    }
    fn score(&self, name: &str) -> Score {
        Score::parse_or(Some(self.text(name)), Score::ZERO)
    }
}

/// Reads the `crm_config` section (if there is exactly one) and what `cib` itself says.
pub(super) fn read(document: &Document, ids: &IdIndex, evaluation: &mut Evaluation<'_>) -> Options {
    let section = document.only(names::CRM_CONFIG);
    let mut set = Attributes::new();
    if let Some(element) = section {
        let first = Some(BOOTSTRAP_OPTIONS);
        let sets = NvSets::read(document, ids, [element], names::CLUSTER_PROPERTY_SET, first);
        evaluation.add(&sets, &evaluation.date_only(), &mut set);
    }
    let at = Written { document, section };
    let messages = &mut evaluation.messages;
    let options = Effective::new(set, &at, messages);
    let [probes, concurrent, stop, cancel] = DEPRECATED_IF_FALSE;
    options.warn_if_false(probes, &at, messages);
    options.warn_if_false(concurrent, &at, messages);
    let root = document.root();
    let quorate = value::is_true(document.attr_by(root, names::HAVE_QUORUM));
    let fencing_enabled = options.is_true("fencing-enabled");
    let strategy = HEALTH_STRATEGIES
        .find(options.text("node-health-strategy"))
        .unwrap_or(HealthStrategy::None);
    let health = health_scores(&options, strategy);
    let no_quorum_policy = no_quorum_policy(document, &options, quorate, fencing_enabled, messages);
    options.warn_if_false(stop, &at, messages);
    options.warn_if_false(cancel, &at, messages);
    let have_watchdog = options.is_true("have-watchdog");
    Options {
        quorate,
        dc_uuid: document.attr_by(root, names::DC_UUID).map(str::to_owned),
        no_quorum_policy,
        fencing_enabled,
        fencing_action: match options.text("fencing-action") {
            "off" => FenceAction::Off,
            _ => FenceAction::Reboot,
        },
        fencing_timeout_ms: options.interval_ms("fencing-timeout"),
        fencing_timeout: options.text("fencing-timeout").to_owned(),
        cluster_delay: options.text("cluster-delay").to_owned(),
        batch_limit: options.text("batch-limit").to_owned(),
        migration_limit: options.limit("migration-limit"),
        have_watchdog,
        have_fencing: have_watchdog,
        unfencing: uses_unfencing(document),
        concurrent_fencing: options.is_true("concurrent-fencing"),
        startup_fencing: fencing_enabled && options.is_true("startup-fencing"),
        fence_remote_without_quorum: options.is_true("fence-remote-without-quorum"),
        shutdown_lock: options.is_true("shutdown-lock"),
        shutdown_lock_limit_ms: options.interval_ms("shutdown-lock-limit"),
        maintenance_mode: options.is_true("maintenance-mode"),
        stop_all_resources: options.is_true("stop-all-resources"),
        priority_fencing_delay_ms: options.interval_ms("priority-fencing-delay"),
        node_pending_timeout_ms: options.interval_ms("node-pending-timeout"),
        symmetric: options.is_true("symmetric-cluster"),
        probe_resources: options.is_true("enable-startup-probes"),
        start_failure_is_fatal: options.is_true("start-failure-is-fatal"),
        stop_removed_resources: options.is_true("stop-removed-resources"),
        cancel_removed_actions: options.is_true("cancel-removed-actions"),
        health_strategy: strategy,
        health_base: options.score("node-health-base").value(),
        health,
        placement_strategy: PLACEMENT_STRATEGIES
            .find(options.text("placement-strategy"))
            .unwrap_or(PlacementStrategy::Default),
        cluster_name: options.set.get("cluster-name").cloned(),
        raw: options.set.into_iter().collect(),
    }
}

fn no_quorum_policy(
    document: &Document,
    options: &Effective,
    quorate: bool,
    fencing_enabled: bool,
    messages: &mut Vec<Diagnostic>,
) -> NoQuorumPolicy {
    let policy = NO_QUORUM_POLICIES
        .find(options.text("no-quorum-policy"))
        .unwrap_or(NoQuorumPolicy::Stop);
    if policy != NoQuorumPolicy::Fence {
        return policy;
    }
    let root = document.root();
    if !fencing_enabled {
        messages.push(Diagnostic::error(
            root,
            "Resetting no-quorum-policy to 'stop' because fencing is disabled",
        ));
        return NoQuorumPolicy::Stop;
    }
    // A cluster that never had quorum must not fence itself while it forms.
    let panic = document
        .attr_by(root, names::NO_QUORUM_PANIC)
        .and_then(value::integer);
    if quorate || panic.is_some_and(|panic| panic != 0) {
        NoQuorumPolicy::Fence
    } else {
        messages.push(Diagnostic::notice(
            root,
            "Resetting no-quorum-policy to 'stop': cluster has never had quorum",
        ));
        NoQuorumPolicy::Stop
    }
}

fn health_scores(options: &Effective, strategy: HealthStrategy) -> HealthScores {
    let (red, yellow, green) = match strategy {
        HealthStrategy::None => (Score::ZERO, Score::ZERO, Score::ZERO),
        HealthStrategy::MigrateOnRed => (Score::MINUS_INFINITY, Score::ZERO, Score::ZERO),
        HealthStrategy::OnlyGreen => (Score::MINUS_INFINITY, Score::MINUS_INFINITY, Score::ZERO),
        HealthStrategy::Progressive | HealthStrategy::Custom => (
            options.score("node-health-red"),
            options.score("node-health-yellow"),
            options.score("node-health-green"),
        ),
    };
    HealthScores { red, yellow, green }
}

/// Whether a resource or `rsc_defaults` says `provides=unfencing` or `requires=unfencing`. Looked
/// for in the text as it stands: rules and references do not count, as in Pacemaker.
fn uses_unfencing(document: &Document) -> bool {
    let section = |name| {
        let configuration = document.child_by(document.root(), names::CONFIGURATION)?;
        document.child_by(configuration, name)
    };
    let says_so = |set: ElementId| {
        document.children_by(set, names::NVPAIR).any(|pair| {
            let name = document.attr_by(pair, names::NAME);
            matches!(name, Some("provides" | "requires"))
                && document.attr_by(pair, names::VALUE) == Some("unfencing")
        })
    };
    let resources = section(names::RESOURCES).is_some_and(|resources| {
        document
            .descendants_by(resources, names::META_ATTRIBUTES)
            .any(says_so)
    });
    resources
        || section(names::RSC_DEFAULTS).is_some_and(|defaults| {
            document
                .children_by(defaults, names::META_ATTRIBUTES)
                .any(says_so)
        })
}
