//! What is on the page of a run? What came of it, the timeline, and everything that happened, in order.

use std::fmt::Write;

use super::chronicle::Kind;
use super::graph;
use super::record::Record;
use super::timeline;

const STYLE: &str = "
body { font: 14px system-ui, sans-serif; margin: 1.5em; color: #1a2233; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 1.6em; }
.passed { color: #0a7a3d; } .wrong { color: #b3131c; }
pre { background: #f6f1f1; padding: .8em; white-space: pre-wrap; }
code { background: #eef1f6; padding: .1em .3em; }
.scroll { overflow-x: auto; border: 1px solid #d5dae3; }
table { border-collapse: collapse; } td, th { padding: .15em .7em; text-align: left; vertical-align: top; }
td.at { font-variant-numeric: tabular-nums; color: #667; text-align: right; }
tr.fault td, tr.violation td { color: #b3131c; } tr.heal td { color: #0a7a3d; }
tr.leader td { color: #5a2ca0; } tr.plan td { color: #667; } tr.power td { color: #a05a00; }
svg text { font: 11px system-ui, sans-serif; fill: #1a2233; } svg text.on { font-size: 10px; pointer-events: none; }
svg text.tick { fill: #889; } line.tick { stroke: #e4e8ef; }
rect.lane { fill: #f5f7fa; } rect.lane.host { fill: #e3e8f0; } text.host { font-weight: bold; }
rect.fault { fill: #f3a5a5; } rect.violations { fill: #d0021b; } rect.leaders { fill: #b79ae0; }
rect.plans { fill: #8aa; } rect.power { fill: #bcd7c4; } rect.fenced { fill: #d0021b; } rect.lost { fill: #e08a00; }
rect.active { fill: #cfe3f7; } rect.start { fill: #2f7fd1; } rect.stop { fill: #46526b; }
rect.promote { fill: #8a4fd0; } rect.demote { fill: #b98ae0; } rect.failed, rect.monitor { fill: #d0021b; }
svg.plan path { fill: none; stroke: #9aa6b8; } svg.plan rect { fill: #fff; stroke: #46526b; }
svg.plan rect.done { fill: #dff2e5; } svg.plan rect.failed { fill: #f3a5a5; } svg.plan rect.waiting { fill: #f5f7fa; }
svg.plan rect.pseudo { stroke-dasharray: 3 2; stroke: #99a; } summary { cursor: pointer; padding: .2em 0; }
.key span { display: inline-block; margin-right: 1.2em; } .key i { display: inline-block; width: 1em; height: .8em; margin-right: .3em; }
";

/// What colours mean, as in the style above.
const KEY: [(&str, &str); 9] = [
    ("#f3a5a5", "fault"),
    ("#bcd7c4", "power on"),
    ("#d0021b", "fenced, failed, violation"),
    ("#e08a00", "lost power"),
    ("#cfe3f7", "active"),
    ("#2f7fd1", "start"),
    ("#46526b", "stop"),
    ("#8a4fd0", "promote"),
    ("#b98ae0", "demote"),
];

/// The page.
#[must_use]
pub fn page(record: &Record) -> String {
    let (class, verdict) = match record.broken {
        None => ("passed", "passed"),
        Some(_) => ("wrong", "FAILED"),
    };
    let title = format!("{}, seed {}", record.scenario, record.seed);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head>\n<body>\n<h1>{title}: <span class=\"{class}\">{verdict}</span></h1>\n\
         <p>{}, on {} hosts.</p>\n",
        escape(&record.about),
        record.nodes,
    );
    if let Some(broken) = &record.broken {
        let _ = write!(
            html,
            "<pre class=\"wrong\">{}</pre>\n<p>Again: <code>{}</code></p>\n",
            escape(broken),
            escape(&record.command())
        );
    }
    html += "<table><tr>";
    for (what, _) in &record.figures {
        let _ = write!(html, "<th>{}</th>", escape(what));
    }
    html += "</tr><tr>";
    for (_, count) in &record.figures {
        let _ = write!(html, "<td>{count}</td>");
    }
    html += "</tr></table>\n<h2>Timeline</h2>\n<p class=\"key\">";
    for (colour, what) in KEY {
        let _ = write!(
            html,
            "<span><i style=\"background:{colour}\"></i>{what}</span>"
        );
    }
    let _ = write!(
        html,
        "</p>\n<div class=\"scroll\">{}</div>\n",
        timeline::draw(record)
    );
    plans(&mut html, record);
    html += "<h2>What happened</h2>\n<table>\n";
    for entry in &record.entries {
        let ms = entry.at_us.saturating_sub(record.began_us) / 1000;
        let kind = name(entry.kind);
        let _ = writeln!(
            html,
            "<tr class=\"{kind}\"><td class=\"at\">{}.{:03} s</td><td>{kind}</td><td>{}</td><td>{}</td></tr>",
            ms / 1000,
            ms % 1000,
            escape(entry.node.as_deref().unwrap_or_default()),
            escape(&entry.text).replace('\n', "<br>"),
        );
    }
    html + "</table>\n</body></html>\n"
}

/// Plans that have anything to do, each as a picture; the largest is open.
fn plans(html: &mut String, record: &Record) {
    let plans = record.plans.iter().filter(|plan| !plan.actions.is_empty());
    let largest = plans.clone().map(|plan| plan.actions.len()).max();
    let Some(mut largest) = largest else { return };
    *html += "<h2>Plans</h2>\n<p>An action stands to the right of what it waits for: done in green, failed in \
              red, in dashes what nobody carries out.</p>\n";
    for plan in plans {
        let count = plan.actions.len();
        let open = if count == largest { " open" } else { "" };
        if count == largest {
            largest = usize::MAX;
        }
        let _ = write!(
            html,
            "<details{open}><summary>Plan {}, {}: {count} actions, because {}</summary>\n\
             <div class=\"scroll\">{}</div></details>\n",
            plan.transition,
            escape(&plan.state),
            escape(&plan.reason),
            graph::draw(plan)
        );
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Step => "step",
        Kind::Fault => "fault",
        Kind::Heal => "heal",
        Kind::Power => "power",
        Kind::Leader => "leader",
        Kind::Plan => "plan",
        Kind::Violation => "violation",
    }
}

/// Text as it is written in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::report::chronicle::{Entry, Kind};
    use crate::report::graph::{PlanAction, PlanGraph};
    use crate::report::record::Record;
    use crate::witness::Testimony;

    fn record() -> Record {
        let entry = |at_us, kind, text: &str| Entry {
            at_us,
            kind,
            node: Some("n1".to_owned()),
            text: text.to_owned(),
        };
        let told = |at_us, action: &str, phase: &str| Testimony {
            at_us,
            node: "n1".to_owned(),
            resource: "db".to_owned(),
            action: action.to_owned(),
            phase: phase.to_owned(),
            code: 0,
        };
        Record {
            scenario: "power-cut".to_owned(),
            about: "a host loses its power".to_owned(),
            seed: 7,
            plant: None,
            nodes: 1,
            broken: None,
            figures: vec![("leaders".to_owned(), 2)],
            began_us: 1_000_000,
            entries: vec![
                entry(2_000_000, Kind::Fault, "it is <cut> & lost"),
                entry(3_000_000, Kind::Heal, "over"),
                entry(5_000_000, Kind::Leader, "leads"),
            ],
            plans: vec![PlanGraph {
                transition: 3,
                reason: "it & that".to_owned(),
                state: "complete".to_owned(),
                actions: vec![PlanAction {
                    text: "db_start_0 n1".to_owned(),
                    pseudo: false,
                    progress: "failed".to_owned(),
                    inputs: Vec::new(),
                }],
            }],
            witnessed: vec![
                told(1_200_000, "start", "begin"),
                told(1_300_000, "start", "end"),
                told(4_000_000, "stop", "begin"),
                told(4_100_000, "stop", "end"),
                Testimony {
                    node: "n2".to_owned(),
                    ..told(4_200_000, "start", "begin")
                },
            ],
        }
    }

    #[test]
    fn the_page_needs_nothing_else_and_shows_faults_and_actions_where_they_were() {
        let html = page(&record());
        assert!(!html.contains("src=") && !html.contains("href="));
        assert!(html.contains("it is &lt;cut&gt; &amp; lost"));
        // 4 s in 60 pixels each, behind the names: the fault from 1 s to 2 s.
        assert!(html.contains("class=\"fault\" x=\"170.0\""), "{html}");
        assert!(html.contains("class=\"active\" x=\"122.0\""), "{html}");
        assert_eq!(html.matches("<g>").count(), html.matches("</g>").count());
        assert!(html.contains("passed"));
        assert!(html.contains(">n2</text>"), "a host that came later");
        assert!(html.contains("Plan 3, complete: 1 actions, because it &amp; that"));
        assert!(html.contains("class=\"failed\""));
    }

    #[test]
    fn a_failed_run_says_what_and_how_to_run_it_again() {
        let mut record = record();
        record.broken = Some("rule 1: twice".to_owned());
        let html = page(&record);
        assert!(html.contains("FAILED") && html.contains("rule 1: twice"));
        assert!(html.contains("run power-cut --seed 7 --nodes 1"));
    }
}
