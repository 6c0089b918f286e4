//! What agents' meta-data says about changed parameters.

use super::*;

fn told(version: &str, action: &str) -> Reload {
    let text = format!(
        r#"<?xml version="1.0"?>
        <!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
        <resource-agent name="Web" version="7.5"><version>{version}</version>
        <parameters><parameter name="port" unique="1"/><parameter name="level" reloadable="1"/>
        <parameter name="root"/></parameters>
        <actions><action name="start"/><action name="{action}"/></actions></resource-agent>"#
    );
    Reload::of(&Metadata::parse(text.as_bytes()).unwrap())
}

#[test]
fn only_agents_that_say_so_take_changes_without_a_restart() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let cases = [
        ("1.1", "reload-agent", names(&["port", "root"]), false),
        ("1.1", "reload", None, false),
        ("1.0", "reload-agent", None, false),
        ("1.0", "reload", names(&["port"]), true),
        ("", "reload", names(&["port"]), true),
        ("1.1", "stop", None, false),
    ];
    for (version, action, restart_for, is_legacy) in cases {
        let expected = Reload {
            restart_for,
            is_legacy,
        };
        assert_eq!(told(version, action), expected, "{version} {action}");
    }
}
