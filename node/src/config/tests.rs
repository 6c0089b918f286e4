//! What an operator gets to read for each mistake.

use super::*;

const GOOD: &str = r#"
cluster = "c"
node = "n1"
data_dir = "data"
[[controllers]]
id = 1
node = "n1"
address = "127.0.0.1:7001"
"#;

fn read(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lockstep.toml");
    std::fs::write(&path, text).unwrap();
    Config::read(&path)
}

#[test]
fn a_short_file_is_enough_and_paths_are_relative_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lockstep.toml");
    std::fs::write(&path, GOOD).unwrap();
    let config = Config::read(&path).unwrap();
    assert_eq!(config.data_dir, folder.path().join("data"));
    assert_eq!(config.agents.ocf_root, Path::new("/usr/lib/ocf"));
    assert_eq!(config.controller().unwrap().id, 1);
    let again: Config = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn each_mistake_is_named_with_its_place_and_the_right_code() {
    let cases = [
        (GOOD.replace("127.0.0.1:7001", "127.0.0.1"), "address"),
        (GOOD.replace("127.0.0.1:7001", "localhost:seven"), "line 8"),
        (
            GOOD.replace("127.0.0.1:7001", "0.0.0.0:7001"),
            "no address that others can connect to",
        ),
        (
            format!("{GOOD}[[controllers]]\nid = 2\nnode = \"n2\"\naddress = \"127.0.0.1:7001\"\n"),
            "used twice",
        ),
        (GOOD.replace("id = 1", "id = 0"), "number them from 1"),
        (GOOD.replace("id = 1", "id = -1"), "line 6"),
        (GOOD.replace("cluster", "clutser"), "clutser"),
        (GOOD.replace("\"n1\"\ndata", "\"a b\"\ndata"), "no spaces"),
        (format!("api = \"0.0.0.0:1\"\n{GOOD}"), "127.0.0.1"),
        (format!("{GOOD}[timers]\nelection_ms = 10\n"), "election_ms"),
        (GOOD.replace("[[controllers]]", "[[controllers"), "line 5"),
        (
            "cluster = \"c\"\nnode = \"n\"\ndata_dir=\"d\"\ncontrollers=[]".into(),
            "is empty",
        ),
        (String::new(), "cluster"),
    ];
    for (text, expected) in cases {
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert_eq!(error.exit(), Exit::Config);
    }
    let missing = Config::read(Path::new("/nonexistent/lockstep.toml")).unwrap_err();
    assert_eq!(missing.exit(), Exit::NoInput);
}
