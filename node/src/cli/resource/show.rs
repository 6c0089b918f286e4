//! `resource list` and `resource show`.

use std::collections::BTreeMap;

use lockstep_engine::parse::{Document, ElementId};
use serde::Serialize;

use super::super::live::Live;
use super::super::status::whereabouts;
use super::super::{Outcome, Target, output};
use super::find;
use crate::cluster::{failures, status};
use crate::edit::{self, meta};
use crate::http::types::{ActiveOn, ResourceStatus};

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    resource: String,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// A resource, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    /// `primitive`, `group`, …
    kind: String,
    /// Agent of a primitive.
    agent: Option<String>,
    parent: Option<String>,
    /// Where it is; of collectives only what is in them is anywhere.
    active: Vec<ActiveOn>,
    enabled: bool,
    managed: bool,
    #[serde(skip)]
    depth: usize,
}

/// Failures of an operation on a node.
#[derive(Debug, Serialize)]
struct Failure {
    node: String,
    operation: String,
    count: String,
}

/// One resource with everything about it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    failures: Vec<Failure>,
    /// Ids of the constraints that name it.
    constraints: Vec<String>,
    definition: String,
}

pub(super) fn list(arguments: &ListArgs) -> Outcome {
    let live = Live::new(&arguments.target)?;
    let (cib, told) = (live.cib()?, live.status()?.resources);
    let rows = rows(&cib, &told);
    if arguments.json {
        return output::json(&rows);
    }
    let lines: Vec<_> = rows.iter().map(|row| line(row, &told)).collect();
    output::print(&output::table(&lines))
}

fn line(row: &Row, told: &[ResourceStatus]) -> Vec<String> {
    let found = told.iter().find(|resource| resource.id == row.id);
    let mut state = match (row.kind.as_str(), found) {
        ("primitive", Some(found)) => whereabouts(found),
        _ => String::new(),
    };
    for (holds, what) in [(!row.enabled, "disabled"), (!row.managed, "unmanaged")] {
        if holds {
            state = format!("{state} ({what})");
        }
    }
    let indented = format!("{:width$}{}", "", row.id, width = 2 * row.depth);
    let agent = row.agent.clone().unwrap_or_else(|| row.kind.clone());
    vec![indented, agent, state.trim().to_owned()]
}

/// All resources, each before what is in it.
fn rows(cib: &Document, told: &[ResourceStatus]) -> Vec<Row> {
    let all = edit::section(cib, "resources");
    let all = all.into_iter().flat_map(|e| cib.descendants(e));
    let resources = all.filter(|e| edit::is_resource(cib, *e));
    resources.map(|e| row(cib, e, told)).collect()
}

fn row(cib: &Document, resource: ElementId, told: &[ResourceStatus]) -> Row {
    let id = cib.id(resource).unwrap_or_default().to_owned();
    let found = told.iter().find(|told| told.id == id);
    let above = std::iter::successors(Some(resource), |e| edit::parent(cib, *e));
    let no = |name, is_no: &dyn Fn(&str) -> bool| {
        let mut all = above.clone();
        all.any(|e| meta::get(cib, e, name).is_some_and(is_no))
    };
    Row {
        kind: cib.name(resource).to_owned(),
        agent: found.map(|told| told.agent.clone()),
        parent: edit::parent(cib, resource).and_then(|e| cib.id(e).map(str::to_owned)),
        active: found.map(|told| told.active.clone()).unwrap_or_default(),
        enabled: !no("target-role", &|text| text.eq_ignore_ascii_case("stopped")),
        managed: !no("is-managed", &|text| !edit::is_true(text))
            && !no("maintenance", &edit::is_true),
        depth: above.clone().count() - 1,
        id,
    }
}

pub(super) fn show(arguments: &ShowArgs) -> Outcome {
    let live = Live::new(&arguments.target)?;
    let (cib, told) = (live.cib()?, live.status()?.resources);
    let resource = find(&cib, &arguments.resource)?;
    let mut definition = String::new();
    cib.write_xml(resource, &mut definition);
    let shown = Shown {
        row: row(&cib, resource, &told),
        failures: failures(&cib, resource),
        constraints: constraints(&cib, &arguments.resource),
        definition,
    };
    if arguments.json {
        return output::json(&shown);
    }
    let all = rows(&cib, &told);
    let inside: Vec<_> = cib.subtree(resource).filter_map(|e| cib.id(e)).collect();
    let of_it = all.iter().filter(|row| inside.contains(&row.id.as_str()));
    let lines: Vec<_> = of_it.map(|row| line(row, &told)).collect();
    let mut text = output::table(&lines);
    for Failure {
        node,
        operation,
        count,
    } in &shown.failures
    {
        text += &format!("failed on {node}: {operation}, {count} times\n");
    }
    if !shown.constraints.is_empty() {
        text += &format!("constraints: {}\n", shown.constraints.join(", "));
    }
    text += &format!("\n{}", shown.definition.trim_start());
    output::print(&text)
}

/// Counted failures of what a resource consists of.
fn failures(cib: &Document, resource: ElementId) -> Vec<Failure> {
    let inside = edit::primitives(cib, resource);
    let mut counts: BTreeMap<(String, String), String> = BTreeMap::new();
    for node in status::node_names(cib) {
        for (name, value) in status::transient_pairs(cib, &node) {
            let of = failures::resource_of(name);
            let of = of.map(|id| id.split_once(':').map_or(id, |(id, _)| id));
            let counted = name.strip_prefix("fail-count-");
            if let (Some(counted), Some(of)) = (counted, of)
                && inside.contains(of)
            {
                let operation = counted.replace('#', " ");
                counts.insert((node.clone(), operation), value.to_owned());
            }
        }
    }
    let all = counts.into_iter();
    all.map(|((node, operation), count)| Failure {
        node,
        operation,
        count,
    })
    .collect()
}

/// Ids of the constraints that name a resource.
fn constraints(cib: &Document, id: &str) -> Vec<String> {
    const NAMES: [&str; 5] = ["rsc", "with-rsc", "first", "then", "id"];
    let section = edit::section(cib, "constraints");
    let all = section.into_iter().flat_map(|e| cib.children(e));
    let names_it = |constraint: ElementId| {
        cib.subtree(constraint).any(|e| {
            let is_reference = cib.name(e) == "resource_ref";
            let mut named = NAMES.iter().filter(|name| is_reference == (**name == "id"));
            named.any(|name| cib.attr(e, name) == Some(id))
        })
    };
    all.filter(|constraint| names_it(*constraint))
        .filter_map(|constraint| cib.id(constraint).map(str::to_owned))
        .collect()
}
