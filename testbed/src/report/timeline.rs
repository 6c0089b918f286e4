//! How is a run drawn? Time from left to right; a lane for faults, one for plans and leaders, one for each
//! resource of each host, with its actions as bars and the time that it was active behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::chronicle::{Entry, Kind};
use super::page::escape;
use super::record::Record;
use crate::witness::Testimony;

/// Width of the names of lanes, in pixels.
const LABEL: f64 = 110.0;
/// Height of a lane, in pixels.
const LANE: f64 = 16.0;
/// A second is so wide, at least and at most, in pixels.
const SECOND: (f64, f64) = (6.0, 60.0);
/// The drawing is about so wide, in pixels.
const WIDTH: f64 = 1200.0;

/// A drawing that grows by lanes.
struct Drawing<'r> {
    record: &'r Record,
    end_us: u64,
    second: f64,
    svg: String,
    y: f64,
}

/// The timeline as SVG.
pub(super) fn draw(record: &Record) -> String {
    let latest = record.entries.iter().map(|entry| entry.at_us);
    let end_us = latest
        .max()
        .unwrap_or(record.began_us)
        .max(record.began_us + 1_000_000);
    let seconds = (end_us - record.began_us) as f64 / 1e6;
    let mut drawing = Drawing {
        record,
        end_us,
        second: (WIDTH / seconds).clamp(SECOND.0, SECOND.1),
        svg: String::new(),
        y: 20.0,
    };
    drawing.faults();
    drawing.marks("leaders", Kind::Leader);
    drawing.marks("plans", Kind::Plan);
    for name in hosts(record) {
        drawing.host(&name);
    }
    drawing.marks("violations", Kind::Violation);
    drawing.finish(seconds)
}

/// Names of the cluster's hosts, and of those that came later.
fn hosts(record: &Record) -> BTreeSet<String> {
    let first = (1..=record.nodes).map(|number| format!("n{number}"));
    let told = record.witnessed.iter().map(|told| told.node.clone());
    first.chain(told).collect()
}

impl Drawing<'_> {
    fn x(&self, at_us: u64) -> f64 {
        LABEL + at_us.saturating_sub(self.record.began_us) as f64 / 1e6 * self.second
    }

    fn lane(&mut self, name: &str, class: &str) {
        self.y += LANE + 2.0;
        let (y, width) = (self.y, self.x(self.end_us));
        let _ = write!(
            self.svg,
            "<rect class=\"lane {class}\" x=\"{LABEL}\" y=\"{y}\" width=\"{:.1}\" height=\"{LANE}\"/>\
             <text class=\"label {class}\" x=\"4\" y=\"{}\">{}</text>",
            width - LABEL,
            y + 12.0,
            escape(name)
        );
    }

    fn bar(&mut self, class: &str, from_us: u64, to_us: u64, title: &str, text: &str) {
        let (x, width) = (self.x(from_us), (self.x(to_us) - self.x(from_us)).max(2.0));
        let _ = write!(
            self.svg,
            "<g><title>{}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" \
             height=\"{}\"/>",
            escape(title),
            self.y + 1.0,
            LANE - 2.0
        );
        // As much as has room; a mark has none, and its text little.
        let room = if width > 2.0 {
            (width / 5.5) as usize
        } else {
            3
        };
        let text: String = text.chars().take(room).collect();
        if !text.is_empty() {
            let _ = write!(
                self.svg,
                "<text class=\"on\" x=\"{:.1}\" y=\"{}\">{}</text>",
                x + 3.0,
                self.y + 12.0,
                escape(&text)
            );
        }
        self.svg += "</g>";
    }

    /// From each fault to the next mending.
    fn faults(&mut self) {
        self.lane("faults", "");
        let entries: Vec<Entry> = self.record.entries.clone();
        for (at, entry) in entries.iter().enumerate() {
            if entry.kind == Kind::Fault {
                let over = entries[at..].iter().find(|later| later.kind == Kind::Heal);
                let to_us = over.map_or(entry.at_us, |heal| heal.at_us);
                let node = entry.node.as_deref().unwrap_or_default();
                let text = format!("{node} {}", entry.text);
                self.bar("fault", entry.at_us, to_us, &text, text.trim());
            }
        }
    }

    fn marks(&mut self, name: &str, kind: Kind) {
        self.lane(name, "");
        let entries: Vec<Entry> = self
            .record
            .entries
            .iter()
            .filter(|entry| entry.kind == kind)
            .cloned()
            .collect();
        for entry in entries {
            let node = entry.node.as_deref().unwrap_or_default();
            let title = format!("{node} {}", entry.text);
            let short = match kind {
                Kind::Leader => node,
                Kind::Violation => "!",
                _ => "",
            };
            self.bar(name, entry.at_us, entry.at_us, title.trim(), short);
        }
    }

    /// When it had power, and what was done to each resource there.
    fn host(&mut self, name: &str) {
        self.lane(name, "host");
        let told: Vec<Testimony> = self
            .record
            .witnessed
            .iter()
            .filter(|told| told.node == name)
            .cloned()
            .collect();
        let mut since = Some(self.record.began_us);
        for told in told.iter().filter(|told| told.resource.is_empty()) {
            match (told.action.as_str(), since) {
                ("off", Some(from)) => {
                    self.bar("power", from, told.at_us, "on", "");
                    let title = format!("off, by {}", told.phase);
                    let class = if told.phase == "fence" {
                        "fenced"
                    } else {
                        "lost"
                    };
                    self.bar(class, told.at_us, told.at_us, &title, "off");
                    since = None;
                }
                ("off", None) => self.bar("fenced", told.at_us, told.at_us, "fenced while off", ""),
                ("on", None) => since = Some(told.at_us),
                _ => {}
            }
        }
        if let Some(from) = since {
            self.bar("power", from, self.end_us, "on", "");
        }
        let mut by_resource: BTreeMap<&str, Vec<&Testimony>> = BTreeMap::new();
        for told in told.iter().filter(|told| !told.resource.is_empty()) {
            by_resource.entry(&told.resource).or_default().push(told);
        }
        let off: Vec<u64> = told
            .iter()
            .filter(|told| told.action == "off")
            .map(|told| told.at_us)
            .collect();
        for (resource, told) in by_resource {
            self.lane(&format!("  {resource}"), "");
            self.resource(&told, &off);
        }
    }

    fn resource(&mut self, told: &[&Testimony], off: &[u64]) {
        let end = |from: u64| {
            off.iter()
                .copied()
                .find(|at| *at > from)
                .unwrap_or(self.end_us)
        };
        let mut active: Option<u64> = None;
        let mut spans = Vec::new();
        let mut actions = Vec::new();
        for (at, event) in told.iter().enumerate() {
            if let Some(from) = active.filter(|from| end(*from) < event.at_us) {
                spans.push((from, end(from)));
                active = None;
            }
            match (event.action.as_str(), event.phase.as_str()) {
                ("monitor", _) if event.code == 0 || event.code == 8 || active.is_none() => {}
                ("monitor", _) => actions.push((event.at_us, event.at_us, *event, event.code)),
                (action, "begin") => {
                    let mut later = told[at..].iter();
                    let done = later.find(|t| t.action == action && t.phase == "end");
                    let done = done.filter(|done| done.at_us < end(event.at_us));
                    let to = done.map_or(end(event.at_us), |done| done.at_us);
                    actions.push((event.at_us, to, *event, done.map_or(-1, |done| done.code)));
                    if action == "start" && active.is_none() {
                        active = Some(event.at_us);
                    }
                }
                ("stop", "end") if event.code == 0 => {
                    spans.extend(active.take().map(|from| (from, event.at_us)));
                }
                _ => {}
            }
        }
        spans.extend(active.map(|from| (from, end(from))));
        for (from, to) in spans {
            self.bar("active", from, to, "active", "");
        }
        for (from, to, event, code) in actions {
            let title = format!("{} of {}: {code}", event.action, event.resource);
            let class = if code == 0 {
                event.action.clone()
            } else {
                "failed".to_owned()
            };
            self.bar(&class, from, to, &title, "");
        }
    }

    fn finish(self, seconds: f64) -> String {
        let (width, height) = (self.x(self.end_us) + 10.0, self.y + LANE + 10.0);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">"
        );
        let step = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
        let step = step
            .into_iter()
            .find(|step| step * self.second >= 45.0)
            .unwrap_or(120.0);
        let mut at = 0.0;
        while at <= seconds {
            let x = LABEL + at * self.second;
            let _ = write!(
                svg,
                "<line class=\"tick\" x1=\"{x:.1}\" y1=\"16\" x2=\"{x:.1}\" y2=\"{height:.0}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"12\">{at} s</text>"
            );
            at += step;
        }
        svg + &self.svg + "</svg>"
    }
}
