//! What does the engine make of a case, and how is that written for people?

use std::fmt::Write as _;

use lockstep_engine::Cluster;
use lockstep_engine::audit::{Finding, audit};
use lockstep_engine::explain::Explainer;
use lockstep_engine::graph::{Graph, GraphAction, GraphActionKind};
use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::simulate::{self, Settings, Simulation};
use lockstep_engine::time::{Date, Timestamp};

use crate::explain;
use crate::fixture::Fixture;

/// What is about records that a simulation does not keep: it would be asked for again and again.
const BOOKKEEPING: [&str; 5] = [
    "cancel",
    "clear_failcount",
    "delete",
    "do_shutdown",
    "lrm_delete",
];

/// Everything that the engine says about a case.
#[derive(PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What is planned for.
    pub(crate) cib: String,
    /// What `-S` prints.
    pub(crate) story: String,
    /// What `-sQ` prints.
    pub(crate) scores: String,
    /// The graph as XML.
    pub(crate) xml: String,
    /// The graph as dot.
    pub(crate) dot: String,
    graph: Graph,
    findings: Vec<Finding>,
    /// What is asked for with `show explain …`, by what was asked.
    explained: Vec<(String, String)>,
    /// What remains to be done once everything is carried out.
    remaining: Vec<String>,
}

impl Outcome {
    /// Plans for a case and carries the plan out.
    pub(crate) fn of(fixture: &Fixture) -> Result<Self, String> {
        let now = Timestamp::utc(fixture.now);
        let cib = prepare(fixture)?;
        let settings = Settings {
            schedule: true,
            date: Some(fixture.date.clone()),
            wall_clock: fixture.now,
            ..Settings::default()
        };
        let quiet = Settings {
            quiet: true,
            scores: true,
            utilization: fixture.shown.iter().any(|what| what == "utilization"),
            ..settings.clone()
        };
        let run = |cib: &mut Document, settings: &Settings| -> Result<Simulation, String> {
            simulate::run(cib, now, settings).map_err(|error| error.to_string())
        };
        let scored = run(&mut cib.clone(), &quiet)?;
        let mut after = cib.clone();
        let execute = Settings {
            execute: true,
            graph: true,
            dot: true,
            ..settings
        };
        let told = run(&mut after, &execute)?;

        let read = |cib: &Document| Cluster::read(cib, now).map_err(|error| error.to_string());
        let (cluster, revised) = (read(&cib)?, read(&after)?);
        let plan = cluster.plan_with_ledger(&cib, now);
        let plan = plan.map_err(|error| error.to_string())?;
        let explainer = Explainer::new(&cluster, &cib, &plan, now);
        let explained = explain::all(&cluster, &plan, &explainer, fixture)?;
        let graph = plan.graph;
        let again = revised.plan(&after, now);
        let again = again.map_err(|error| error.to_string())?.graph;
        let remaining = again.synapses.iter().map(|synapse| &synapse.action);
        let remaining = remaining.filter(|action| {
            let real = action.kind != GraphActionKind::Pseudo;
            real && !BOOKKEEPING.contains(&action.task.as_str())
        });
        Ok(Outcome {
            cib: cib.to_xml(),
            story: told.output,
            scores: scored.output,
            xml: told.graph.unwrap_or_default(),
            dot: told.dot.unwrap_or_default(),
            findings: audit(&cib, &cluster, &graph),
            graph,
            explained,
            remaining: remaining.map(name).collect(),
        })
    }

    /// Whether both made the same decisions, and say so in the same words.
    pub(crate) fn decides_like(&self, other: &Outcome) -> bool {
        self.xml == other.xml
            && self.dot == other.dot
            && self.scores == other.scores
            && self.story == other.story
            && self.remaining == other.remaining
    }

    /// A digest of everything that is said.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in [&self.xml, &self.dot, &self.scores, &self.story] {
            hasher
                .update(&text.len().to_le_bytes())
                .update(text.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// The golden part of a case.
    pub(crate) fn golden(&self, fixture: &Fixture) -> String {
        let mut text = String::new();
        let section = |title: &str, body: &str| {
            let lines = body
                .lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty());
            let lines: Vec<&str> = lines.collect();
            let end = if lines.is_empty() { "" } else { "\n" };
            format!("--- {title}\n{}{end}", lines.join("\n"))
        };
        text.push_str(&section(
            "summary",
            part(&self.story, "Transition Summary:"),
        ));
        text.push_str(&section("scores", &self.scores));
        let shows = |what: &str| fixture.shown.iter().any(|one| one == what);
        text.push_str(&section(
            "graph",
            &actions(&self.graph, shows("attributes")),
        ));
        if shows("drawing") {
            text.push_str(&section("drawing", &self.dot));
        }
        for (question, answer) in &self.explained {
            text.push_str(&section(question, answer));
        }
        text.push_str(&section(
            "after",
            part(&self.story, "Revised Cluster Status:"),
        ));
        text
    }

    /// Promises that every case keeps, unless it says otherwise.
    pub(crate) fn check(&self, fixture: &Fixture) -> Result<(), String> {
        let expects = |what: &str| fixture.expectations.iter().any(|one| one == what);
        let known = ["loop", "unsettled"];
        if let Some(other) = fixture
            .expectations
            .iter()
            .find(|one| !known.contains(&one.as_str()))
        {
            return Err(format!("\"expect {other}\" is none of {known:?}"));
        }
        if self.findings.is_empty() == expects("loop") {
            let findings: Vec<String> = self.findings.iter().map(ToString::to_string).collect();
            return Err(format!("the audit finds {findings:?}"));
        }
        if !expects("loop") && self.remaining.is_empty() == expects("unsettled") {
            return Err(format!("afterwards there remains: {:?}", self.remaining));
        }
        Ok(())
    }
}

/// The CIB to plan for: as described, or as it becomes from there.
fn prepare(fixture: &Fixture) -> Result<Document, String> {
    let parsed = Document::parse(fixture.cib.as_bytes(), &Limits::default());
    let mut cib = parsed.map_err(|error| format!("{}: {}", error.line(), error.message()))?;
    let now = Timestamp::utc(fixture.now);
    let earlier = fixture.now - 3600;
    let mut step = |settings: Settings| {
        let settings = Settings {
            wall_clock: earlier,
            ..settings
        };
        simulate::run(&mut cib, now, &settings).map_err(|error| error.to_string())
    };
    if fixture.running {
        step(Settings {
            execute: true,
            ..Settings::default()
        })?;
    }
    if fixture.injections.any() {
        step(Settings {
            injections: fixture.injections.clone(),
            ..Settings::default()
        })?;
    }
    Ok(cib)
}

/// The lines below a title, up to the next title.
fn part<'a>(story: &'a str, title: &str) -> &'a str {
    let Some((_, rest)) = story.split_once(&format!("{title}\n")) else {
        return "";
    };
    let end = rest.find("\nExecuting Cluster Transition:");
    &rest[..end.unwrap_or(rest.len())]
}

/// One line an action: `id key node <- ids of what it waits for`.
fn actions(graph: &Graph, details: bool) -> String {
    let mut text = String::new();
    if let Some(time) = graph.attributes.recheck_by {
        let date = Date::new(Timestamp::utc(time));
        let _ = writeln!(text, "again by {date}");
    }
    for synapse in &graph.synapses {
        let action = &synapse.action;
        let _ = write!(text, "{} {}", action.id, name(action));
        if !action.downed.is_empty() {
            let _ = write!(text, " downs {}", action.downed.join(" "));
        }
        if synapse.priority != 0 {
            let _ = write!(text, " priority={}", synapse.priority);
        }
        let own = synapse.inputs.iter();
        let inputs: Vec<u32> = own
            .map(|&input| graph.synapses[input as usize].action.id)
            .chain(
                synapse
                    .missing_inputs
                    .iter()
                    .map(|missing| missing.action.id),
            )
            .collect();
        if !inputs.is_empty() {
            let inputs: Vec<String> = inputs.iter().map(u32::to_string).collect();
            let _ = write!(text, " <- {}", inputs.join(" "));
        }
        text.push('\n');
        if details {
            for (name, value) in &action.attributes {
                if name != "crm_feature_set" {
                    let _ = writeln!(text, "    {name}={value}");
                }
            }
        }
    }
    text
}

fn name(action: &GraphAction) -> String {
    let mut text = action.key.clone();
    if let Some(node) = &action.node {
        let _ = write!(text, " {}", node.name);
    }
    if let Some(router) = &action.router {
        let _ = write!(text, " via {router}");
    }
    if action.kind == GraphActionKind::Pseudo {
        text.push_str(" (pseudo)");
    }
    text
}
