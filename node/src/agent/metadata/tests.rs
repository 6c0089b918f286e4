//! Meta-data as agents print it, and as none should.

use super::*;

const DUMMY: &str = r#"<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="Dummy" version="1.1">
 <version>1.1</version>
 <longdesc lang="en">A &lt;dummy&gt;.</longdesc>
 <parameters>
  <parameter name="state" unique="1" reloadable="1"><longdesc lang="en">Where.</longdesc>
   <content type="string" default="/run/Dummy" /></parameter>
  <parameter name="ip" required="1" unique-group="address"><content type="string"/></parameter>
  <parameter name="old"><deprecated><replaced-with name="ip"/></deprecated></parameter>
 </parameters>
 <actions>
  <action name="start" timeout="20s" />
  <action name="monitor" timeout="20s" interval="10s" depth="0" role="Promoted"/>
 </actions>
</resource-agent>"#;

#[test]
fn parameters_and_actions_are_read() {
    let told = Metadata::parse(DUMMY.as_bytes()).unwrap();
    assert_eq!(
        (told.name.as_str(), told.version.as_str()),
        ("Dummy", "1.1")
    );
    let [state, ip, old] = told.parameters.as_slice() else {
        panic!("three parameters")
    };
    assert_eq!(state.default.as_deref(), Some("/run/Dummy"));
    assert!(state.unique && state.reloadable && !state.required);
    assert!(ip.required && ip.unique && ip.default.is_none());
    assert!(old.deprecated);
    assert!(told.has_action("monitor") && !told.has_action("promote"));
    assert_eq!(told.actions[1].role.as_deref(), Some("Promoted"));
    assert!(told.has_parameter("ip"));
}

#[test]
fn what_is_no_meta_data_is_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><resource-agent/>";
    let long = vec![b' '; MAX_BYTES + 1];
    for bytes in [
        b"".as_slice(),
        b"hello",
        b"<cib/>",
        bomb.as_bytes(),
        &long,
        b"<!DOCTYPE",
    ] {
        assert!(Metadata::parse(bytes).is_err());
    }
}
