//! `crm_attribute`: attributes of nodes, promotion scores, and options of the cluster.

use clap::Parser;
use lockstep_engine::parse::Document;
use regex::Regex;

use super::super::live::Live;
use super::super::{Failure, Outcome, output};
use super::pairs::Pairs;
use super::{Place, expand, no_such, set_attribute};
use crate::cluster::status;
use crate::edit;
use crate::exit::Exit;
use crate::http::types::LifetimeText;

/// Query and update cluster options and node attributes
#[derive(Debug, Parser)]
#[command(name = "crm_attribute", version, disable_version_flag = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Place,
    /// Attribute or option
    #[arg(short, long, visible_alias = "attr-name")]
    pub(super) name: Option<String>,
    /// All attributes that match a regular expression
    #[arg(short = 'P', long, conflicts_with = "name")]
    pub(super) pattern: Option<String>,
    /// The promotion score of a resource, or of the one whose agent calls
    #[arg(short, long, value_name = "RESOURCE", num_args = 0..=1, default_missing_value = "")]
    pub(super) promotion: Option<String>,
    /// Set of the attribute
    #[arg(short, long, visible_alias = "set")]
    pub(super) set_name: Option<String>,
    /// Id of the attribute (ignored)
    #[arg(short, long, visible_alias = "attr-id")]
    pub(super) id: Option<String>,
    /// Delete it
    #[arg(short = 'D', long, visible_alias = "delete-attr")]
    pub(super) delete: bool,
    /// Print its value
    #[arg(short = 'G', long, visible_alias = "get-value")]
    pub(super) query: bool,
    /// Set it
    #[arg(
        short = 'v',
        long,
        visible_alias = "attr-value",
        allow_hyphen_values = true
    )]
    pub(super) update: Option<String>,
    /// What to print if it is not set
    #[arg(short, long, allow_hyphen_values = true)]
    pub(super) default: Option<String>,
    /// `reboot` or `forever`
    #[arg(short, long)]
    pub(super) lifetime: Option<String>,
    /// Of which node
    #[arg(short = 'N', short_alias = 'U', long, visible_aliases = ["uname", "node-uname"])]
    pub(super) node: Option<String>,
    /// `crm_config`, `rsc_defaults`, `op_defaults`, `nodes`, `status`
    #[arg(short = 't', long = "type")]
    pub(super) section: Option<String>,
    /// Attributes of a node's capacity
    #[arg(short = 'z', long)]
    pub(super) utilization: bool,
    /// Treat `name++` and `name+=N` as sums (always done)
    #[arg(long)]
    pub(super) score: bool,
    /// What to wait for (always: until a query gives the new value)
    #[arg(short = 'W', long)]
    pub(super) wait: Option<String>,
    /// Print the value only
    #[arg(short, short_alias = 'Q', long)]
    pub(super) quiet: bool,
}

/// Which attributes.
enum Section {
    /// Of a node's present life.
    Status(String),
    /// Of a node, for good; also of its capacity.
    Node(String, &'static str),
    /// Of the cluster: section of the configuration, and what its sets are called.
    Cluster(&'static str, &'static str),
}

pub(super) fn run(arguments: Args) -> Outcome {
    let live = arguments.place.live()?;
    let section = section(&arguments, &live)?;
    let name = match (&arguments.promotion, &arguments.name) {
        (Some(resource), None) => Some(promotion_name(&arguments.place, resource)?),
        (_, name) => name.clone(),
    };
    let wanted =
        match &arguments.pattern {
            Some(pattern) => Wanted::Matching(Regex::new(pattern).map_err(|error| {
                Failure::new(Exit::Usage, format!("--pattern {pattern}: {error}"))
            })?),
            None => name.map_or(Wanted::All, Wanted::Named),
        };
    let set = arguments.set_name.as_deref();
    match (&arguments.update, arguments.delete) {
        (Some(value), _) => change(&live, &section, set, &wanted, Some(value)),
        (None, true) => change(&live, &section, set, &wanted, None),
        (None, false) => query(&live, &section, &wanted, &arguments),
    }
}

enum Wanted {
    All,
    Named(String),
    Matching(Regex),
}

impl Wanted {
    fn is(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(wanted) => wanted == name,
            Self::Matching(pattern) => pattern.is_match(name),
        }
    }
}

/// The attribute that holds a resource's promotion score.
pub(super) fn promotion_name(place: &Place, resource: &str) -> Result<String, Failure> {
    let own = place.instance.as_deref().filter(|own| !own.is_empty());
    match Some(resource).filter(|named| !named.is_empty()).or(own) {
        Some(resource) => Ok(format!("master-{resource}")),
        None => Err(Failure::new(
            Exit::Usage,
            "-p/--promotion must be called from an OCF resource agent or with a resource ID specified",
        )),
    }
}

fn section(arguments: &Args, live: &Live) -> Result<Section, Failure> {
    let node = || {
        let named = arguments.node.as_deref();
        arguments.place.attribute_node(live, named)
    };
    let sets = match arguments.utilization {
        true => "utilization",
        false => "instance_attributes",
    };
    let asked = arguments
        .lifetime
        .as_deref()
        .or(arguments.section.as_deref());
    Ok(match asked {
        Some("reboot" | "status") => Section::Status(node()?),
        Some("forever" | "nodes") => Section::Node(node()?, sets),
        Some("crm_config") => Section::Cluster("crm_config", "cluster_property_set"),
        Some("rsc_defaults") => Section::Cluster("rsc_defaults", "meta_attributes"),
        Some("op_defaults") => Section::Cluster("op_defaults", "meta_attributes"),
        Some(other) => {
            let message = format!("'{other}' is no lifetime and no section");
            return Err(Failure::new(Exit::Usage, message));
        }
        None if arguments.promotion.is_some() => Section::Status(node()?),
        None if arguments.node.is_some() || arguments.utilization => Section::Node(node()?, sets),
        None => Section::Cluster("crm_config", "cluster_property_set"),
    })
}

impl Section {
    /// As the tool prints it.
    fn scope(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Node(..) => "nodes",
            Self::Cluster(section, _) => section,
        }
    }

    fn all(&self, cib: &Document, set: Option<&str>) -> Result<Vec<(String, String)>, Failure> {
        if let Self::Status(node) | Self::Node(node, _) = self
            && !status::node_names(cib).contains(node)
            && status::find_state(cib, node).is_none()
        {
            let message = format!("Could not map name={node} to a UUID");
            return Err(Failure::new(Exit::NoSuch, message));
        }
        if let Self::Status(node) = self {
            let pairs = status::transient_pairs(cib, node).into_iter();
            return Ok(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect());
        }
        let pairs = self.pairs(cib, set);
        Ok(pairs.map_or_else(Vec::new, |pairs| pairs.all(cib)))
    }

    /// Where the configuration has them.
    fn pairs<'p>(&self, cib: &Document, set: Option<&'p str>) -> Option<Pairs<'p>> {
        let (of, sets) = match self {
            Self::Status(_) => return None,
            Self::Node(node, sets) => {
                let nodes = edit::section(cib, "nodes")?;
                let mut all = cib.children_named(nodes, "node");
                (all.find(|e| cib.attr(*e, "uname") == Some(node))?, *sets)
            }
            Self::Cluster(section, sets) => (edit::section(cib, section)?, *sets),
        };
        Some(Pairs { of, sets, set })
    }
}

fn query(live: &Live, section: &Section, wanted: &Wanted, arguments: &Args) -> Outcome {
    let all = section.all(&live.cib()?, arguments.set_name.as_deref())?;
    let mut found: Vec<_> = all
        .into_iter()
        .filter(|(name, _)| wanted.is(name))
        .collect();
    if let Wanted::Named(name) = wanted {
        // Sets may say it more than once: the first one counts.
        found.truncate(1);
        let default = arguments.default.clone().filter(|_| found.is_empty());
        found.extend(default.map(|value| (name.clone(), value)));
    }
    if found.is_empty() {
        return Err(no_such());
    }
    let scope = section.scope();
    let lines = found.iter().map(|(name, value)| match arguments.quiet {
        true => format!("{value}\n"),
        false => format!("scope={scope} name={name} value={value}\n"),
    });
    output::print(&lines.collect::<String>())
}

fn change(
    live: &Live,
    section: &Section,
    set: Option<&str>,
    wanted: &Wanted,
    value: Option<&str>,
) -> Outcome {
    let names = |present: &[(String, String)]| match wanted {
        Wanted::Named(name) => vec![name.clone()],
        Wanted::All => Vec::new(),
        Wanted::Matching(_) => {
            let names = present.iter().map(|(name, _)| name.clone());
            names.filter(|name| wanted.is(name)).collect()
        }
    };
    let value_of = |present: &[(String, String)], name: &str| {
        let before = present.iter().find(|(present, _)| present == name);
        value.map(|value| expand(before.map(|(_, value)| value.as_str()), name, value))
    };
    if matches!(wanted, Wanted::All) {
        let message = "Error: must specify attribute name or pattern";
        return Err(Failure::new(Exit::Usage, message));
    }
    let lifetime = match section {
        Section::Status(node) => Some((node, LifetimeText::Reboot)),
        Section::Node(node, "instance_attributes") if set.is_none() => {
            Some((node, LifetimeText::Forever))
        }
        _ => None,
    };
    if let Some((node, lifetime)) = lifetime {
        let present = section.all(&live.cib()?, set)?;
        for name in names(&present) {
            let value = value_of(&present, &name);
            set_attribute(live, node, &name, value.as_deref(), lifetime)?;
        }
        return Ok(());
    }
    live.change(|cib| {
        let present = section.all(cib, set)?;
        make_section(cib, section);
        let Some(pairs) = section.pairs(cib, set) else {
            return Err(no_such());
        };
        for name in names(&present) {
            match value_of(&present, &name) {
                Some(value) => pairs.set(cib, &name, &value, &new_set(cib, section, pairs)),
                None => drop(pairs.remove(cib, &name)),
            }
        }
        Ok(())
    })
    .map(drop)
}

/// Sections of the configuration may be missing.
fn make_section(cib: &mut Document, section: &Section) {
    let Section::Cluster(name, _) = section else {
        return;
    };
    if edit::section(cib, name).is_none()
        && let Some(configuration) = cib.child(cib.root(), "configuration")
    {
        cib.append(configuration, name);
    }
}

/// What a set of their own is called, as Pacemaker calls it.
fn new_set(cib: &Document, section: &Section, pairs: Pairs<'_>) -> String {
    let id = cib.id(pairs.of).unwrap_or_default();
    match section {
        Section::Cluster("crm_config", _) => "cib-bootstrap-options".to_owned(),
        Section::Cluster("rsc_defaults", _) => "rsc-options".to_owned(),
        Section::Cluster(..) => "op-options".to_owned(),
        _ if pairs.sets == "utilization" => format!("nodes-{id}-utilization"),
        _ => format!("nodes-{id}"),
    }
}
