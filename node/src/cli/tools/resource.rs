//! `crm_resource`: where a resource is, and what its parameters are.

use clap::Parser;
use lockstep_engine::parse::{Document, ElementId};
use lockstep_engine::value::interval_ms;

use super::super::live::Live;
use super::super::{Failure, Outcome, output};
use super::pairs::Pairs;
use super::{Place, no_such};
use crate::cluster::view::{self, Role};
use crate::edit;
use crate::exit::Exit;
use crate::http::types::{AppliedAnswer, CleanupRequest};

/// Perform tasks related to cluster resources
#[derive(Debug, Parser)]
#[command(name = "crm_resource", version, disable_version_flag = true)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Which resource
    #[arg(short, long)]
    resource: Option<String>,
    /// Where it runs
    #[arg(short = 'W', long)]
    locate: bool,
    /// Ids of all primitives
    #[arg(short = 'l', long)]
    list_raw: bool,
    /// Its configuration
    #[arg(short = 'q', long, short_alias = 'w', alias = "query-xml-raw")]
    query_xml: bool,
    /// Print a parameter
    #[arg(short, long, value_name = "NAME")]
    get_parameter: Option<String>,
    /// Set a parameter, with -v
    #[arg(short = 'p', long, value_name = "NAME")]
    set_parameter: Option<String>,
    /// Delete a parameter
    #[arg(short, long, value_name = "NAME")]
    delete_parameter: Option<String>,
    /// What to set it to
    #[arg(short = 'v', long, allow_hyphen_values = true)]
    parameter_value: Option<String>,
    /// A meta attribute instead of a parameter
    #[arg(short, long)]
    meta: bool,
    /// An attribute of what it needs instead of a parameter
    #[arg(short = 'z', long)]
    utilization: bool,
    /// Forget its failures
    #[arg(short = 'C', long)]
    cleanup: bool,
    /// Forget its history
    #[arg(short = 'R', long)]
    refresh: bool,
    /// On which node
    #[arg(short = 'N', short_alias = 'H', long)]
    node: Option<String>,
    /// Of which operation
    #[arg(short = 'n', long)]
    operation: Option<String>,
    /// How often that is repeated
    #[arg(short = 'I', long, default_value = "0")]
    interval: String,
    /// Print values only
    #[arg(short = 'Q', long)]
    quiet: bool,
    /// Ignored
    #[arg(short, long)]
    force: bool,
}

pub(super) fn run(arguments: Args) -> Outcome {
    let live = arguments.place.live()?;
    if arguments.list_raw {
        let ids = view::resources(&live.cib()?).into_iter();
        return output::print(&ids.map(|resource| resource.id + "\n").collect::<String>());
    }
    if arguments.cleanup || arguments.refresh {
        return cleanup(&live, &arguments);
    }
    let own = arguments.place.instance.clone();
    let Some(id) = arguments.resource.clone().or(own) else {
        let message = "Must supply a resource id with -r";
        return Err(Failure::new(Exit::Usage, message));
    };
    let sets = match (arguments.meta, arguments.utilization) {
        (true, _) => "meta_attributes",
        (_, true) => "utilization",
        _ => "instance_attributes",
    };
    if let Some(name) = &arguments.set_parameter {
        let Some(value) = &arguments.parameter_value else {
            return Err(Failure::new(Exit::Usage, "Must supply a value with -v"));
        };
        return change(&live, &id, sets, |cib, pairs| {
            pairs.set(cib, name, value, &format!("{id}-{sets}"));
        });
    }
    if let Some(name) = &arguments.delete_parameter {
        return change(&live, &id, sets, |cib, pairs| {
            pairs.remove(cib, name);
        });
    }
    let cib = live.cib()?;
    let resource = find(&cib, &id)?;
    if let Some(name) = &arguments.get_parameter {
        let (of, set) = (resource, None);
        let all = Pairs { of, sets, set }.all(&cib);
        return match all.into_iter().find(|(found, _)| found == name) {
            Some((_, value)) => output::print(&format!("{value}\n")),
            None => {
                let message = format!("Attribute '{name}' not found for '{id}'");
                Err(Failure::new(Exit::NoSuch, message))
            }
        };
    }
    if arguments.query_xml {
        let mut text = String::new();
        cib.write_xml(resource, &mut text);
        return output::print(&text);
    }
    if arguments.locate {
        return locate(&cib, resource, &id, arguments.quiet);
    }
    Err(Failure::new(Exit::Usage, "say what to do, as with -W"))
}

/// Instances of a clone are asked for with and without their numbers.
fn find(cib: &Document, id: &str) -> Result<ElementId, Failure> {
    let base = id.split_once(':').map_or(id, |(base, _)| base);
    edit::resource(cib, base).ok_or_else(|| {
        let message = format!("Resource '{id}' not found");
        Failure::new(no_such().exit, message)
    })
}

fn change(
    live: &Live,
    id: &str,
    sets: &str,
    mut edit: impl FnMut(&mut Document, Pairs<'_>),
) -> Outcome {
    let changed = live.change(|cib| {
        let (of, set) = (find(cib, id)?, None);
        edit(cib, Pairs { of, sets, set });
        Ok(())
    });
    changed.map(drop)
}

/// Where the primitives of a resource run.
fn locate(cib: &Document, resource: ElementId, id: &str, quiet: bool) -> Outcome {
    let inside = edit::primitives(cib, resource);
    let all = view::resources(cib).into_iter();
    let mine = all.filter(|found| inside.contains(found.id.as_str()));
    let active = mine.flat_map(|resource| resource.active);
    let lines = active.filter_map(|active| {
        let role = match active.role {
            Role::Stopped => return None,
            Role::Started => "",
            Role::Promoted => " Promoted",
        };
        let node = active.node;
        Some(match quiet {
            true => format!("{node}\n"),
            false => format!("resource {id} is running on: {node}{role}\n"),
        })
    });
    let text: String = lines.collect();
    if text.is_empty() && !quiet {
        eprintln!("resource {id} is NOT running");
    }
    output::print(&text)
}

fn cleanup(live: &Live, arguments: &Args) -> Outcome {
    let interval_ms = interval_ms(Some(&arguments.interval)).into();
    let request = CleanupRequest {
        resource: arguments.resource.clone(),
        node: arguments.node.clone(),
        task: arguments.operation.clone(),
        interval_ms,
        everything: arguments.refresh,
    };
    let _: AppliedAnswer = live.apply("/v1/cleanup", &request)?;
    Ok(())
}
