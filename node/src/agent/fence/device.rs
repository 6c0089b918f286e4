//! What do a fence device's own parameters say about its use?
//!
//! Those that begin with `pcmk_` are not for the agent but for whoever calls it; their names, meanings
//! and defaults are Pacemaker's. A function of the parameters alone: controllers choose by it, and
//! executors act by it.

use lockstep_engine::value::duration_ms;

/// Separates hosts in lists and maps.
const SEPARATORS: [char; 5] = [' ', '\t', '\n', ',', ';'];
/// How often an action is tried unless a parameter says otherwise.
const TRIES: u32 = 2;
/// But never more often than this.
const MAX_TRIES: u32 = 100;
/// Delays are not longer, in milliseconds.
const MAX_DELAY_MS: u64 = 3_600_000;

/// Whether a device can fence a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It can.
    Yes,
    /// It cannot.
    No,
    /// It must be asked.
    Ask(Ask),
}

/// How a device is asked whether it can fence a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// By its action `list`.
    List,
    /// By its action `status` for the node.
    Status,
    /// By whichever of these its agent has; if by none, it can.
    Either,
}

/// The parameters of a device.
#[derive(Clone, Copy, Debug)]
pub struct Device<'p> {
    parameters: &'p [(String, String)],
}

impl<'p> Device<'p> {
    /// The device with these parameters.
    pub fn new(parameters: &'p [(String, String)]) -> Self {
        Self { parameters }
    }

    /// The value of a parameter.
    pub fn get(self, name: &str) -> Option<&'p str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it can fence a node.
    pub fn reach(self, target: &str) -> Reach {
        let named = self.get("pcmk_host_list").is_some() || self.get("pcmk_host_map").is_some();
        match self.get("pcmk_host_check") {
            Some("none") => Reach::Yes,
            Some("static-list") => self.names(target),
            Some("dynamic-list") => Reach::Ask(Ask::List),
            Some("status") => Reach::Ask(Ask::Status),
            _ if named => self.names(target),
            _ => Reach::Ask(Ask::Either),
        }
    }

    fn names(self, target: &str) -> Reach {
        let mut listed = self.get("pcmk_host_list").unwrap_or("").split(SEPARATORS);
        match self.mapped(target).is_some() || listed.any(|host| host == target) {
            true => Reach::Yes,
            false => Reach::No,
        }
    }

    fn mapped(self, target: &str) -> Option<&'p str> {
        pairs(self.get("pcmk_host_map")?, target)
    }

    /// What the device calls a node.
    pub fn plug(self, target: &'p str) -> &'p str {
        self.mapped(target).unwrap_or(target)
    }

    /// Which parameter of the agent names the node, if any; `None` leaves it to the agent's meta-data.
    pub fn plug_parameter(self) -> Option<&'p str> {
        self.get("pcmk_host_argument")
    }

    /// What the agent calls an action.
    pub fn action(self, action: &'p str) -> &'p str {
        self.get(&format!("pcmk_{action}_action")).unwrap_or(action)
    }

    /// How long an action may take, in milliseconds, all tries together.
    pub fn timeout_ms(self, action: &str) -> Option<u64> {
        let text = self.get(&format!("pcmk_{action}_timeout"))?;
        duration_ms(text).and_then(|ms| u64::try_from(ms).ok())
    }

    /// How often an action is tried at most.
    pub fn tries(self, action: &str) -> u32 {
        let number = self.get(&format!("pcmk_{action}_retries"));
        let tries = number.and_then(|text| text.parse().ok()).unwrap_or(TRIES);
        tries.clamp(1, MAX_TRIES)
    }

    /// How long to wait before power is taken away: at least, and at most, in milliseconds. So that
    /// two nodes that fence each other do not both succeed.
    pub fn delay_ms(self, target: &str) -> (u64, u64) {
        let base = self.get("pcmk_delay_base").unwrap_or("0");
        // May differ from node to node.
        let base = if base.contains(':') {
            pairs(base, target).unwrap_or("0")
        } else {
            base
        };
        let ms = |text: &str| duration_ms(text).and_then(|ms| u64::try_from(ms).ok());
        let base = ms(base).unwrap_or(0).min(MAX_DELAY_MS);
        let max = self.get("pcmk_delay_max").and_then(ms).unwrap_or(0);
        (base, max.clamp(base, MAX_DELAY_MS))
    }

    /// How many actions the device does at the same time; `None` is any number.
    pub fn action_limit(self) -> Option<usize> {
        match self.get("pcmk_action_limit").map(str::parse::<i64>) {
            Some(Ok(limit)) if limit < 0 => None,
            Some(Ok(limit)) => Some(usize::try_from(limit).unwrap_or(1).max(1)),
            _ => Some(1),
        }
    }
}

/// The value of a key in `key:value;key=value`.
fn pairs<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut all = text.split(SEPARATORS);
    all.find_map(|pair| {
        let (found, value) = pair.split_once([':', '='])?;
        (found == key && !value.is_empty()).then_some(value)
    })
}

/// Whether a device that printed this to `list` can fence what it calls `plug`: one host a line, each
/// followed by a comma and whatever else, or by a state.
pub fn lists(output: &[u8], plug: &str) -> bool {
    let text = String::from_utf8_lossy(output);
    let mut hosts = text.lines().filter_map(|line| {
        line.split([',', ';', ' ', '\t', '='])
            .find(|word| !word.is_empty())
    });
    hosts.any(|host| host == plug)
}
