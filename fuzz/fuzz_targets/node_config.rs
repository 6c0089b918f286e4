//! A node's configuration file: any text is read or refused with a reason; what was read can be
//! written and read again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use lockstep_node::config::Config;

fuzz_target!(|text: &str| {
    let path = Path::new("/etc/lockstep/lockstep.toml");
    let config = match Config::parse(text, path) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let _ = (
        config.controller(),
        config.executor_dir(),
        config.controller_dir(),
    );
    let heartbeat = config.heartbeat();
    assert!(!heartbeat.every.is_zero() && heartbeat.every < heartbeat.silence);
    let written = toml::to_string(&config).expect("plain data");
    let again = Config::parse(&written, path)
        .unwrap_or_else(|error| panic!("what was written is wrong: {error}\n{written}"));
    assert_eq!(config, again);
});
