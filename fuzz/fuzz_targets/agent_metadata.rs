//! What agents say about themselves, any bytes: read or refused; what was understood, said again as
//! XML with a document type in front, is understood the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_engine::parse::{Document, ElementId};
use lockstep_node::agent::{Device, Metadata, Operation, standard_input};

fuzz_target!(|bytes: &[u8]| {
    let metadata = match Metadata::parse(bytes) {
        Ok(metadata) => metadata,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let said = said_again(&metadata);
    // The OCF version is the text of an element: documents have none to say it again with.
    let but_for_version = Metadata {
        ocf_version: String::new(),
        ..metadata.clone()
    };
    let typed = format!("<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\">\n{said}");
    for text in [&said, &typed] {
        let again = Metadata::parse(text.as_bytes())
            .unwrap_or_else(|error| panic!("what was understood is no meta-data: {error}\n{text}"));
        assert_eq!(again, but_for_version, "{text}");
    }
    for action in &metadata.actions {
        assert!(metadata.has_action(&action.name));
    }
    serde_json::to_string(&metadata).expect("it can be shown to programs");
    plug(&metadata);
});

/// A device whose parameters say nothing else gets its target in a parameter that its agent has.
fn plug(metadata: &Metadata) {
    let agent = lockstep_node::agent::AgentName {
        class: "stonith".into(),
        provider: None,
        kind: "fence_x".into(),
    };
    let mut operation = Operation::alone(agent, "fence");
    operation.parameters = vec![("nodename".into(), "n1".into())];
    assert_eq!(Device::new(&operation.parameters).plug_parameter(), None);
    let input = standard_input(&operation, "off", Some(metadata));
    let has = |name| metadata.has_parameter(name);
    let expected = if has("port") && !has("plug") {
        "port=n1"
    } else {
        "plug=n1"
    };
    assert!(input.lines().any(|line| line == expected), "{input}");
}

fn said_again(metadata: &Metadata) -> String {
    let mut document = Document::new("resource-agent");
    let root = document.root();
    document.set_attr(root, "name", &metadata.name);
    document.set_attr(root, "version", &metadata.version);
    let parameters = document.append(root, "parameters");
    for parameter in &metadata.parameters {
        let e = document.append(parameters, "parameter");
        document.set_attr(e, "name", &parameter.name);
        let flags = [
            ("required", parameter.required),
            ("unique", parameter.unique),
            ("reloadable", parameter.reloadable),
            ("deprecated", parameter.deprecated),
        ];
        for (name, is) in flags {
            document.set_attr(e, name, if is { "1" } else { "0" });
        }
        if let Some(default) = &parameter.default {
            let content = document.append(e, "content");
            document.set_attr(content, "default", default);
        }
    }
    let actions = document.append(root, "actions");
    for action in &metadata.actions {
        let e = document.append(actions, "action");
        document.set_attr(e, "name", &action.name);
        let mut optional = |e: ElementId, name: &str, value: &Option<String>| {
            if let Some(value) = value {
                document.set_attr(e, name, value);
            }
        };
        optional(e, "timeout", &action.timeout);
        optional(e, "interval", &action.interval);
        optional(e, "role", &action.role);
        optional(e, "depth", &action.depth);
    }
    document.to_xml()
}
