//! What an operator sees of `lockstep verify`: as much as asked for, in one place, with the exit
//! codes that scripts for crm_verify know. The program itself is run.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Fencing without a device, and a meta attribute that nobody understands.
const WRONG: &str = r#"<cib crm_feature_set="3.20.5" validate-with="pacemaker-4.0" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config/>
    <nodes/>
    <resources>
      <primitive id="a" class="ocf" provider="pacemaker" type="Dummy">
        <meta_attributes id="m"><nvpair id="m1" name="target-role" value="King"/></meta_attributes>
      </primitive>
    </resources>
    <constraints/>
  </configuration>
</cib>
"#;

fn lockstep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .arg("verify")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// Runs the program and compares exit code and standard error.
#[track_caller]
fn expect(output: &Output, code: i32, errors: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text, errors);
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn tells_as_much_as_is_asked_for() {
    let file = file(WRONG);
    let name = file.path().to_str().unwrap();
    let reasons = format!(
        "{name}:7:75: error: Ignoring 'target-role' for a because 'King' is not valid\n\
         {name}:5:5: error: Resource start-up disabled since no fencing resources have been \
         defined. Either configure some or disable fencing with the fencing-enabled option. NOTE: \
         Clusters with shared data need fencing to ensure data integrity.\n\
         {name}:1:1: error: CIB did not pass schema validation\nConfiguration invalid\n"
    );
    expect(
        &lockstep(&["-x", name]),
        78,
        "Configuration invalid (-V may provide more detail)\n",
    );
    expect(&lockstep(&["-x", name, "-V"]), 78, &reasons);
    expect(&lockstep(&["-x", name, "-q"]), 78, "");
}

#[test]
fn takes_the_text_itself_and_standard_input() {
    let right = WRONG.replace("King", "Stopped").replace(
        "<crm_config/>",
        "<crm_config><cluster_property_set id=\"o\"><nvpair id=\"o1\" name=\"fencing-enabled\" \
         value=\"false\"/></cluster_property_set></crm_config>",
    );
    expect(&lockstep(&["-X", &right]), 0, "");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["verify", "-p"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(right.as_bytes()).unwrap();
    drop(input);
    expect(&child.wait_with_output().unwrap(), 0, "");
}

#[test]
fn saves_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.xml");
    let output = lockstep(&["-X", WRONG, "-q", "-S", saved.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    let saved = std::fs::read_to_string(saved).unwrap();
    assert!(saved.contains("value=\"King\""), "{saved}");
}

#[test]
fn refuses_what_is_no_configuration() {
    expect(&lockstep(&[]), 1, "lockstep: verify: No input specified\n");
    expect(
        &lockstep(&["-X", "<cib"]),
        78,
        "lockstep: verify: Verification failed: Unable to parse CIB XML\n\
         argument:1:5: error: the text ends inside a tag (the file looks cut off: copy it \
         again, or add the missing closing tag)\n",
    );
    expect(
        &lockstep(&["-X", "<nothing/>"]),
        78,
        "argument:1:1: Input is not a CIB (outermost element is nothing not cib)\n\
         Configuration  (-V may provide more detail)\n",
    );
    let missing = lockstep(&["-x", "/no/such/file"]);
    assert_eq!(missing.status.code(), Some(78));
    assert_eq!(lockstep(&["--colour"]).status.code(), Some(64));
}

#[test]
fn programs_are_answered_in_xml() {
    let file = file(WRONG);
    let name = file.path().to_str().unwrap();
    let output = lockstep(&["-x", name, "--output-as=xml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(output.stderr.is_empty(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    let start = "<pacemaker-result api-version=\"2.42\" request=\"";
    assert!(shown.starts_with(start), "{shown}");
    let reason = format!(
        "  <status code=\"78\" message=\"Invalid configuration\">\n    <errors>\n      \
         <error>{name}:7:75: error: Ignoring 'target-role' for a because 'King' is not valid</error>\n"
    );
    assert!(shown.contains(&reason), "{shown}");
    let end = "      <error>Configuration invalid</error>\n    </errors>\n  </status>\n</pacemaker-result>\n";
    assert!(shown.ends_with(end), "{shown}");

    let nothing = lockstep(&["--output-as=xml"]);
    assert_eq!(nothing.status.code(), Some(1));
    let shown = String::from_utf8(nothing.stdout).unwrap();
    assert!(
        shown.contains("<error>verify: No input specified</error>"),
        "{shown}"
    );

    let answer = file.path().with_extension("answer");
    let to = answer.to_str().unwrap();
    let written = lockstep(&["-X", "<cib", "--output-as=xml", "--output-to", to]);
    assert_eq!((written.status.code(), written.stdout.len()), (Some(78), 0));
    let shown = std::fs::read_to_string(&answer).unwrap();
    assert!(shown.contains("Unable to parse CIB XML"), "{shown}");
    std::fs::remove_file(answer).unwrap();
}
