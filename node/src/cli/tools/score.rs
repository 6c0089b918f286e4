//! `crm_master`, `crm_standby` and `crm_failcount`: shorter ways to certain attributes.

use clap::Parser;
use lockstep_engine::value::interval_ms;

use super::super::live::Live;
use super::super::{Failure, Outcome, output};
use super::{INFINITY, Place, attribute, no_such, score, set_attribute, transient};
use crate::cluster::{failures, status};
use crate::exit::Exit;
use crate::http::types::{AppliedAnswer, CleanupRequest, LifetimeText};

/// Query, update, or delete a resource's promotion score
#[derive(Debug, Parser)]
#[command(name = "crm_master", version, disable_version_flag = true)]
pub(super) struct Promotion {
    #[command(flatten)]
    place: Place,
    /// Print it
    #[arg(short = 'G', long, visible_alias = "get-value")]
    query: bool,
    /// Set it
    #[arg(
        short = 'v',
        long,
        visible_alias = "attr-value",
        allow_hyphen_values = true
    )]
    update: Option<String>,
    /// Delete it
    #[arg(short = 'D', long, visible_alias = "delete-attr")]
    delete: bool,
    /// On which node
    #[arg(short = 'N', short_alias = 'U', long, visible_alias = "uname")]
    node: Option<String>,
    /// `reboot` or `forever`
    #[arg(short, long, default_value = "forever")]
    lifetime: String,
    /// Id of the attribute (ignored)
    #[arg(short, long, visible_alias = "attr-id")]
    id: Option<String>,
    /// Of which resource
    #[arg(short, long)]
    resource: Option<String>,
    /// Print the value only
    #[arg(short, short_alias = 'Q', long)]
    quiet: bool,
}

pub(super) fn promotion(arguments: Promotion) -> Outcome {
    let resource = arguments.resource.as_deref().unwrap_or_default();
    let name = attribute::promotion_name(&arguments.place, resource)?;
    attribute::run(attribute::Args {
        place: arguments.place,
        name: Some(name),
        pattern: None,
        promotion: None,
        set_name: None,
        id: None,
        delete: arguments.delete,
        query: arguments.query,
        update: arguments.update,
        default: None,
        lifetime: Some(arguments.lifetime),
        node: arguments.node,
        section: None,
        utilization: false,
        score: false,
        wait: None,
        quiet: arguments.quiet,
    })
}

/// Query, enable, or disable standby mode for a node
#[derive(Debug, Parser)]
#[command(name = "crm_standby", version, disable_version_flag = true)]
pub(super) struct Standby {
    #[command(flatten)]
    place: Place,
    /// Print it (the default)
    #[arg(short = 'G', long, visible_alias = "get-value")]
    query: bool,
    /// `on` or `off`
    #[arg(short = 'v', long, visible_alias = "attr-value")]
    update: Option<String>,
    /// Let it be the default
    #[arg(short = 'D', long, visible_alias = "delete-attr")]
    delete: bool,
    /// Of which node
    #[arg(short = 'N', short_alias = 'U', long, visible_alias = "uname")]
    node: Option<String>,
    /// `reboot` or `forever`
    #[arg(short, long)]
    lifetime: Option<String>,
    /// Id of the attribute (ignored)
    #[arg(short, long, visible_alias = "attr-id")]
    id: Option<String>,
    /// Print the value only
    #[arg(short, short_alias = 'Q', long)]
    quiet: bool,
}

pub(super) fn standby(arguments: Standby) -> Outcome {
    const NAME: &str = "standby";
    let live = arguments.place.live()?;
    let named = arguments.node.as_deref();
    let node = arguments.place.attribute_node(&live, named)?;
    let lifetimes: &[LifetimeText] = match arguments.lifetime.as_deref() {
        Some("reboot") => &[LifetimeText::Reboot],
        Some("forever") => &[LifetimeText::Forever],
        Some(other) => {
            let message = format!("'{other}' is no lifetime");
            return Err(Failure::new(Exit::Usage, message));
        }
        None if arguments.update.is_some() => &[LifetimeText::Forever],
        None => &[LifetimeText::Forever, LifetimeText::Reboot],
    };
    if arguments.update.is_some() || arguments.delete {
        let value = arguments.update.as_deref();
        let mut all = lifetimes.iter();
        return all.try_for_each(|lifetime| set_attribute(&live, &node, NAME, value, *lifetime));
    }
    let cib = live.cib()?;
    let found = lifetimes.iter().find_map(|lifetime| match lifetime {
        LifetimeText::Forever => Some(("nodes", status::permanent(&cib, &node, NAME)?)),
        LifetimeText::Reboot => Some(("status", status::transient(&cib, &node, NAME)?)),
    });
    let default = arguments.lifetime.is_none().then_some(("status", "off"));
    match found.or(default) {
        None => Err(no_such()),
        Some((_, value)) if arguments.quiet => output::print(&format!("{value}\n")),
        Some((scope, value)) => {
            output::print(&format!("scope={scope} name={NAME} value={value}\n"))
        }
    }
}

/// Query or delete resource fail counts
#[derive(Debug, Parser)]
#[command(name = "crm_failcount", version, disable_version_flag = true)]
pub(super) struct FailCount {
    #[command(flatten)]
    place: Place,
    /// Print it
    #[arg(short = 'G', long, visible_alias = "get-value")]
    query: bool,
    /// Forget the failures
    #[arg(short = 'D', long, visible_alias = "delete-attr")]
    delete: bool,
    /// Of which resource
    #[arg(short, long, visible_alias = "resource-id")]
    resource: String,
    /// Of which operation only
    #[arg(short = 'n', long)]
    operation: Option<String>,
    /// How often that is repeated
    #[arg(short = 'I', long, default_value = "0")]
    interval: String,
    /// On which node
    #[arg(short = 'N', short_alias = 'U', long, visible_alias = "uname")]
    node: Option<String>,
    /// 0 forgets the failures
    #[arg(short = 'v', long, hide = true)]
    attr_value: Option<String>,
    /// Print the value only
    #[arg(short, short_alias = 'Q', long)]
    quiet: bool,
}

pub(super) fn fail_count(arguments: FailCount) -> Outcome {
    let live = arguments.place.live()?;
    let node = match &arguments.node {
        Some(node) => node.clone(),
        None => arguments.place.own_node(&live)?,
    };
    let interval_ms = interval_ms(Some(&arguments.interval)).into();
    if arguments.delete || arguments.attr_value.as_deref() == Some("0") {
        let request = CleanupRequest {
            resource: Some(arguments.resource),
            node: Some(node),
            task: arguments.operation,
            interval_ms,
            everything: false,
        };
        let _: AppliedAnswer = live.apply("/v1/cleanup", &request)?;
        return Ok(());
    }
    if !arguments.query {
        return Err(Failure::new(Exit::Usage, "must specify a command"));
    }
    let (name, count) = count(&live, &node, &arguments, interval_ms)?;
    output::print(&match arguments.quiet {
        true => format!("{count}\n"),
        false => format!("scope=status  name={name} value={count}\n"),
    })
}

/// The attribute that counts, and what it counts; of all operations together if none is named.
fn count(
    live: &Live,
    node: &str,
    arguments: &FailCount,
    interval_ms: u64,
) -> Result<(String, String), Failure> {
    let cib = live.cib()?;
    let resource = &arguments.resource;
    let of_resource = format!("fail-count-{resource}");
    if let Some(operation) = &arguments.operation {
        let name = format!("{of_resource}#{operation}_{interval_ms}");
        let count = transient(&cib, node, &name).unwrap_or_else(|| "0".to_owned());
        return Ok((name, count));
    }
    let all = status::transient_pairs(&cib, node).into_iter();
    let counts = all.filter(|(name, _)| {
        name.starts_with("fail-count-") && failures::resource_of(name) == Some(resource)
    });
    let sum = counts.filter_map(|(_, value)| score(value)).sum::<i64>();
    let text = match sum {
        INFINITY.. => "INFINITY".to_owned(),
        sum => sum.to_string(),
    };
    Ok((of_resource, text))
}
