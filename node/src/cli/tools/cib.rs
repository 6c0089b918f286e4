//! `cibadmin --query` and `crm_mon -1`: the whole state, or part of it.

use clap::Parser;
use lockstep_engine::parse::{Document, ElementId};

use super::super::{Failure, Outcome, output, status};
use super::{Place, xpath};
use crate::exit::Exit;

/// Query the cluster's configuration and state
///
/// What changes them is not here: `lockstep config` does that.
#[derive(Debug, Parser)]
#[command(name = "cibadmin", version, disable_version_flag = true)]
pub(super) struct Query {
    #[command(flatten)]
    place: Place,
    /// Print it
    #[arg(short = 'Q', long)]
    query: bool,
    /// A section only
    #[arg(short = 'o', long, alias = "obj_type")]
    scope: Option<String>,
    /// What a path leads to only
    #[arg(short = 'A', long)]
    xpath: Option<String>,
    /// Without what is inside
    #[arg(short = 'n', long)]
    no_children: bool,
    /// Ignored: every answer is this controller's
    #[arg(short, long)]
    local: bool,
    /// Ignored
    #[arg(short = 's', long)]
    sync_call: bool,
    /// Ignored
    #[arg(short, long)]
    timeout: Option<String>,
}

pub(super) fn query(arguments: Query) -> Outcome {
    if !arguments.query {
        let message = "only --query is answered here (see `lockstep config --help`)";
        return Err(Failure::new(Exit::Usage, message));
    }
    let cib = arguments.place.live()?.cib()?;
    let found = match (&arguments.xpath, arguments.scope.as_deref()) {
        (Some(path), _) => xpath::select(&cib, path)
            .map_err(|error| Failure::new(Exit::Usage, format!("{path}: {error}")))?,
        (None, None | Some("all")) => vec![cib.root()],
        (None, Some(section)) => {
            let all = cib.subtree(cib.root());
            all.filter(|e| cib.name(*e) == section).take(1).collect()
        }
    };
    let Some((first, more)) = found.split_first() else {
        let message = "Call cib_query failed: No such device or address";
        return Err(Failure::new(Exit::NoSuch, message));
    };
    if more.is_empty() {
        return output::print(&xml(&cib, *first, arguments.no_children));
    }
    let all = found.iter().map(|e| xml(&cib, *e, arguments.no_children));
    let inside = all.collect::<String>();
    let inside: String = inside.lines().map(|line| format!("  {line}\n")).collect();
    output::print(&format!("<xpath-query>\n{inside}</xpath-query>\n"))
}

fn xml(cib: &Document, e: ElementId, no_children: bool) -> String {
    if !no_children {
        let mut text = String::new();
        cib.write_xml(e, &mut text);
        return text;
    }
    let mut alone = Document::new(cib.name(e));
    let root = alone.root();
    for (name, value) in cib.attrs(e) {
        alone.set_attr(root, name, value);
    }
    alone.to_xml()
}

/// Show the cluster's current state
#[derive(Debug, Parser)]
#[command(name = "crm_mon", version, disable_version_flag = true)]
pub(super) struct Monitor {
    #[command(flatten)]
    place: Place,
    /// Once (always done)
    #[arg(short = '1', long)]
    one_shot: bool,
    /// `text` or `xml`
    #[arg(long, default_value = "text")]
    output_as: String,
    /// As XML
    #[arg(short = 'X', long)]
    as_xml: bool,
    /// By node (ignored)
    #[arg(short = 'n', long)]
    group_by_node: bool,
    /// With inactive resources (always done)
    #[arg(short = 'r', long)]
    inactive: bool,
    /// With fail counts (ignored)
    #[arg(short, long)]
    failcounts: bool,
    /// With node attributes (ignored)
    #[arg(short = 'A', long)]
    show_node_attributes: bool,
}

pub(super) fn monitor(arguments: Monitor) -> Outcome {
    let live = arguments.place.live()?;
    let form = match arguments.output_as.as_str() {
        "xml" => status::OutputAs::Xml,
        _ if arguments.as_xml => status::OutputAs::Xml,
        _ => status::OutputAs::Text,
    };
    output::print(&status::as_crm_mon(&live.cib()?, &live.status()?, form)?)
}
