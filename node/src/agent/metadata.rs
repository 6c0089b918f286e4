//! What does an agent say about itself?
//!
//! Its meta-data: the XML that OCF agents print for `meta-data` and fence agents for `metadata`. It
//! comes from programs of others: it is bounded, and what is not understood is an error with a place.

use std::time::Duration;

use lockstep_engine::parse::{Document, ElementId, Limits, ParseError, escape_attribute};
use serde::Serialize;

use super::process::{self, Ended, Invocation};

#[cfg(test)]
mod tests;

/// Meta-data is not longer, in bytes; of Debian's agents none has a tenth of that.
const MAX_BYTES: usize = 1 << 20;
/// And does not take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an agent says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Its type.
    pub name: String,
    /// Its version, if it says.
    pub version: String,
    /// The version of OCF that it follows, if it says.
    pub ocf_version: String,
    /// What it can be told.
    pub parameters: Vec<Parameter>,
    /// What it can do.
    pub actions: Vec<Action>,
}

/// Something that an agent can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether two resources must not have the same value.
    pub unique: bool,
    /// Whether a change needs no restart.
    pub reloadable: bool,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// What it is if it is not given.
    pub default: Option<String>,
}

/// Something that an agent can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// How long it should be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How often it should be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// For which role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How thorough it is (`depth`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<String>,
}

/// Why an agent's meta-data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The agent did not print any.
    #[error("the agent gave no meta-data: {0}")]
    NotGiven(String),
    /// It is not XML.
    #[error("the agent's meta-data is not XML: {0}")]
    NotXml(#[from] ParseError),
    /// It is something else.
    #[error("the agent's meta-data begins with <{0}>, not <resource-agent>")]
    Foreign(String),
    /// More than anybody wants to know.
    #[error("the agent's meta-data is longer than {MAX_BYTES} bytes")]
    TooLong,
}

impl Metadata {
    /// Reads it.
    ///
    /// # Errors
    /// If it is not what agents say about themselves.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        if bytes.len() > MAX_BYTES {
            return Err(MetadataError::TooLong);
        }
        let document = Document::parse(&without_doctype(bytes), &Limits::default())?;
        let root = document.root();
        if document.name(root) != "resource-agent" {
            return Err(MetadataError::Foreign(document.name(root).to_owned()));
        }
        let text = |e, name| document.attr(e, name).map(str::to_owned);
        let is = |e, name| matches!(document.attr(e, name), Some("1" | "true" | "yes"));
        let inside = |list: &str, name: &'static str| -> Vec<ElementId> {
            let lists = document.children_named(root, list);
            lists
                .flat_map(|list| document.children_named(list, name))
                .collect()
        };
        let parameters = inside("parameters", "parameter")
            .into_iter()
            .map(|e| Parameter {
                name: text(e, "name").unwrap_or_default(),
                required: is(e, "required"),
                unique: is(e, "unique") || document.attr(e, "unique-group").is_some(),
                reloadable: is(e, "reloadable"),
                deprecated: is(e, "deprecated") || document.child(e, "deprecated").is_some(),
                default: document
                    .child(e, "content")
                    .and_then(|content| text(content, "default")),
            });
        let actions = inside("actions", "action").into_iter().map(|e| Action {
            name: text(e, "name").unwrap_or_default(),
            timeout: text(e, "timeout"),
            interval: text(e, "interval"),
            role: text(e, "role"),
            depth: text(e, "depth"),
        });
        Ok(Self {
            name: text(root, "name").unwrap_or_default(),
            version: text(root, "version").unwrap_or_default(),
            ocf_version: ocf_version(bytes),
            parameters: parameters.collect(),
            actions: actions.collect(),
        })
    }

    /// Runs an agent that prints it; returns it as it is, too.
    ///
    /// # Errors
    /// If it prints nothing that can be used.
    pub async fn ask(mut invocation: Invocation) -> Result<(String, Self), MetadataError> {
        invocation.keep = Some(MAX_BYTES + 1);
        invocation.timeout.get_or_insert(PATIENCE);
        let finished = process::run(invocation, |_| ()).await;
        let why = match &finished.ended {
            Ended::Exited(status) if status.success() => {
                let metadata = Self::parse(&finished.stdout)?;
                let text = String::from_utf8_lossy(&finished.stdout).into_owned();
                return Ok((text, metadata));
            }
            Ended::Exited(status) => status.to_string(),
            Ended::TimedOut => "it took too long".to_owned(),
            Ended::NotStarted(error) => error.to_string(),
        };
        Err(MetadataError::NotGiven(why))
    }

    /// Whether the agent has an action.
    pub fn has_action(&self, name: &str) -> bool {
        self.actions.iter().any(|action| action.name == name)
    }

    /// Whether the agent has a parameter.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.parameters
            .iter()
            .any(|parameter| parameter.name == name)
    }
}

/// A service that says nothing about itself, and what is said in its place.
pub(super) struct Described<'a> {
    pub(super) name: &'a str,
    pub(super) long: &'a str,
    pub(super) short: &'a str,
    pub(super) actions: &'a [&'a str],
    /// Of every action but `meta-data`.
    pub(super) timeout: &'a str,
    /// How often to monitor it.
    pub(super) interval: &'a str,
    /// `<special>`, as a line of XML or several.
    pub(super) special: &'a str,
}

/// The meta-data that Pacemaker makes up for services that have none.
pub(super) fn service_description(of: &Described<'_>) -> String {
    let actions: String = of
        .actions
        .iter()
        .map(|action| {
            let (timeout, interval) = match *action {
                "meta-data" => ("5s", String::new()),
                "monitor" => (of.timeout, format!(" interval=\"{}\"", of.interval)),
                _ => (of.timeout, String::new()),
            };
            format!("    <action name=\"{action}\" timeout=\"{timeout}\"{interval}/>\n")
        })
        .collect();
    let [name, long, short] = [of.name, of.long, of.short].map(escape);
    let special = of.special;
    format!(
        "<?xml version=\"1.0\"?>\n\
         <resource-agent name=\"{name}\" version=\"0.1\">\n  \
           <version>1.1</version>\n  \
           <longdesc lang=\"en\">\n{long}\n  </longdesc>\n  \
           <shortdesc lang=\"en\">{short}</shortdesc>\n  \
           <parameters/>\n  <actions>\n{actions}  </actions>\n{special}\
         </resource-agent>\n"
    )
}

/// A text as it stands in XML, in its lines.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            escaped.push('\n');
        }
        escape_attribute(line, &mut escaped);
    }
    escaped
}

/// What stands in `<version>`; texts are not in documents.
fn ocf_version(bytes: &[u8]) -> String {
    const MAX_VERSION: usize = 16;
    let text = String::from_utf8_lossy(bytes);
    let inside = text.split_once("<version>");
    let inside = inside.and_then(|(_, rest)| rest.split_once("</version>"));
    let version = inside.map_or("", |(version, _)| version.trim());
    match version.len() {
        ..=MAX_VERSION => version.to_owned(),
        _ => String::new(),
    }
}

/// OCF agents name their document type, which says nothing that is needed here. One with definitions
/// of its own stays, and is refused.
fn without_doctype(bytes: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"<!DOCTYPE";
    let at = bytes.windows(MARK.len()).position(|window| window == MARK);
    let end = at.and_then(|at| {
        bytes[at..]
            .iter()
            .position(|byte| matches!(byte, b'>' | b'['))
    });
    match (at, end) {
        (Some(at), Some(end)) if bytes[at + end] == b'>' => {
            [&bytes[..at], &bytes[at + end + 1..]].concat()
        }
        _ => bytes.to_vec(),
    }
}
