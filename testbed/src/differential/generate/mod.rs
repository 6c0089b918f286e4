//! Clusters from nothing: every kind of resource and constraint, in sizes at which plans can still
//! be read.
//!
//! A cluster is configured at random, started by carrying out a plan or two (so that its status
//! is one that clusters have, with the digests of its parameters), and then disturbed by the
//! mutations that existing CIBs get.

pub mod constraints;
mod nodes;
pub mod older;
mod resources;
pub mod rules;
pub mod themes;
pub mod vocabulary;

use lockstep_engine::parse::{Document, Limits};
use lockstep_engine::simulate::{self, Settings};
use lockstep_engine::time::Timestamp;

pub use nodes::{fencing_level, node_state, set_membership, ticket};

use super::random::Random;
use super::tree::Element;
use themes::Theme;
use vocabulary::Words;

/// Now, in clusters from nothing; what is in their status happened before.
pub const EPOCH: i64 = 1_700_000_000;

/// A cluster with a status, before it is disturbed.
#[must_use]
pub fn cluster(random: &mut Random, theme: &Theme) -> Element {
    let cib = configured(random, theme);
    let rounds = match random.below(10) {
        0 | 1 => 0,
        2..=6 => 1,
        _ => 2,
    };
    settled(cib, rounds)
}

/// A cluster as it is before it was ever started.
#[must_use]
pub fn configured(random: &mut Random, theme: &Theme) -> Element {
    let shape = nodes::Shape::new(random, theme);
    let mut resources = resources::Maker::new(random, *theme);
    resources.fill();
    let resources::Maker {
        made,
        templates,
        defaults,
        ..
    } = resources;
    let mut configuration = Element::new("configuration")
        .containing(options(random, theme))
        .containing(nodes::configured(random, &shape))
        .containing(
            Element::new("resources")
                .containing_all(templates)
                .containing_all(made),
        );
    let mut cib = Element::new("cib")
        .with("crm_feature_set", "3.20.1")
        .with("validate-with", "pacemaker-4.0")
        .with("epoch", "1")
        .with("num_updates", "0")
        .with("admin_epoch", "0")
        .with("have-quorum", if random.chance(90) { "1" } else { "0" })
        .with("dc-uuid", "1");
    let names = {
        cib.children.push(configuration.clone());
        let names = constraints::Names::of(&cib);
        cib.children.clear();
        names
    };
    let mut constraints = Element::new("constraints");
    let most = [3, 8, 8, 20][random.below(4)];
    for number in 0..random.between(0, most) {
        let id = format!("constraint-{number}");
        constraints
            .children
            .extend(constraints::by_theme(random, &names, &id, theme));
    }
    configuration.children.push(constraints);
    configuration
        .children
        .extend(nodes::fencing_topology(random, &names));
    configuration
        .children
        .extend(constraints::tags(random, &names));
    configuration.children.extend(defaults);
    let status = nodes::status(random, &shape, &names);
    cib.children.extend([configuration, status]);
    cib
}

fn options(random: &mut Random, theme: &Theme) -> Element {
    let id = "options";
    let mut set = Element::new("cluster_property_set").with("id", id);
    for (name, values) in theme.options {
        if random.chance(80) {
            let value = random.word(values);
            set.children.push(Element::pair(id, name, value));
        }
    }
    let decided = |set: &Element| {
        let mut pairs = set.children.iter();
        pairs.any(|pair| pair.get("name") == Some("fencing-enabled"))
    };
    if !decided(&set) && random.chance(60) {
        set.children
            .push(Element::pair(id, "fencing-enabled", "false"));
    }
    for (name, value) in some(random, vocabulary::OPTIONS, 3) {
        if set
            .children
            .iter()
            .all(|pair| pair.get("name") != Some(name))
        {
            set.children.push(Element::pair(id, name, value));
        }
    }
    Element::new("crm_config").containing(set)
}

/// Up to `most` different names of a table, each with one of its values.
pub fn some(
    random: &mut Random,
    table: &[Words],
    most: usize,
) -> Vec<(&'static str, &'static str)> {
    let count = random.between(0, most);
    let rows = random.sample(table, count);
    rows.into_iter()
        .map(|(name, values)| (name, random.word(values)))
        .collect()
}

/// A set of attributes out of a table; nothing if it were empty.
pub fn set_of(
    random: &mut Random,
    tag: &str,
    id: &str,
    table: &[Words],
    most: usize,
) -> Option<Element> {
    let pairs = some(random, table, most);
    (!pairs.is_empty()).then(|| {
        let pairs = pairs
            .into_iter()
            .map(|(name, value)| Element::pair(id, name, value));
        Element::new(tag).with("id", id).containing_all(pairs)
    })
}

/// The cluster after so many plans were carried out in it.
fn settled(cib: Element, rounds: usize) -> Element {
    if rounds == 0 {
        return cib;
    }
    let Ok(mut document) = Document::parse(cib.to_xml().as_bytes(), &Limits::default()) else {
        return cib;
    };
    let now = Timestamp::utc(EPOCH - 1000);
    let settings = Settings {
        schedule: true,
        execute: true,
        quiet: true,
        wall_clock: now.seconds,
        ..Settings::default()
    };
    for _ in 0..rounds {
        // A cluster that cannot be planned for is compared as it is.
        let mut next = document.clone();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            simulate::run(&mut next, now, &settings).is_ok()
        }));
        if !done.unwrap_or(false) {
            break;
        }
        document = next;
    }
    Element::of(&document, document.root())
}
