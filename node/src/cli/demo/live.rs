//! What is shown while the demo runs?

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cli::output::print;
use crate::cli::{Failure, node, status};
use crate::exit::Exit;
use crate::http::types::{EventText, Events, ResourceStatus, Status};
use crate::lab::Lab;

/// A controller that somebody killed comes back after this.
const COMES_BACK: Duration = Duration::from_secs(3);
/// How long an answer with events is waited for.
const WAIT_MS: u64 = 300;

/// Follows what happens, whoever tells it.
#[derive(Debug, Default)]
pub(super) struct Follower {
    after: u64,
    asked: usize,
}

impl Follower {
    /// What happened since the last call; waits a moment for it. Every controller tells the same.
    pub(super) async fn next(&mut self, lab: &Lab) -> Vec<EventText> {
        for attempt in 0..lab.controllers.len() {
            let at = (self.asked + attempt) % lab.controllers.len();
            if !lab.runs(at) {
                continue;
            }
            let path = format!("/v1/events?after={}&wait_ms={WAIT_MS}", self.after);
            let answer: Result<Events, _> = lab.client(at).get(&path).await;
            if let Ok(Events { events, next }) = answer {
                self.asked = at;
                self.after = self.after.max(next);
                return events;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Vec::new()
    }
}

/// Prints events, one line each, with what belongs together joined.
#[derive(Debug, Default)]
pub(super) struct Printer {
    /// Controllers that computed each plan, equally and otherwise.
    computed: BTreeMap<u64, (usize, usize)>,
}

impl Printer {
    /// The line of an event, if it gets one.
    pub(super) fn line(&mut self, lab: &Lab, event: &EventText) -> Option<String> {
        let controller = |id: Option<u64>| {
            let at = id.and_then(|id| lab.position(id));
            at.map_or("?".to_owned(), |at| lab.controllers[at].node.clone())
        };
        match event.kind.as_str() {
            "leads" => Some(format!("{} leads", controller(event.controller))),
            "computed" => {
                let transition = event.transition?;
                let (equal, different) = self.computed.entry(transition).or_default();
                *(if event.expected == Some(true) {
                    &mut *equal
                } else {
                    &mut *different
                }) += 1;
                let all = lab.controllers.len();
                let text = match (*equal, *different) {
                    (equal, 0) => {
                        format!("plan {transition}: equal on {equal} of {all} controllers")
                    }
                    (_, different) => {
                        format!("plan {transition}: DIFFERENT on {different} of {all} controllers")
                    }
                };
                (*equal + *different == all).then_some(text)
            }
            _ => Some(event.text.clone()),
        }
    }
}

/// Prints a line with the time since the start.
pub(super) fn say(lab: &Lab, text: &str) -> Result<(), Failure> {
    let milliseconds = lab.clock.monotonic_ms();
    print(&format!(
        "{:4}.{:03}  {text}\n",
        milliseconds / 1000,
        milliseconds % 1000
    ))
}

/// Shows what happens until Ctrl-C.
pub(super) async fn run(mut lab: Lab) -> Result<(), Failure> {
    introduce(&lab)?;
    let mut stop = node::signals()?;
    let ended = tokio::select! {
        ended = follow(&mut lab) => ended,
        _ = stop.wait_for(|count| *count > 0) => Ok(()),
    };
    if ended.is_ok() {
        say(&lab, "stopping everything")?;
    }
    lab.stop().await;
    ended
}

fn introduce(lab: &Lab) -> Result<(), Failure> {
    let stand_in = match lab.stand_in {
        true => "Bundled agents play all of its resources; nothing real is started.\n",
        false => "",
    };
    let nodes = lab.nodes.join(", ");
    print(&format!(
        "Three controllers and the executors of {nodes}, as processes of this host.\n{stand_in}\n"
    ))
}

async fn follow(lab: &mut Lab) -> Result<(), Failure> {
    let (mut follower, mut printer) = (Follower::default(), Printer::default());
    let mut coming_back: Vec<(usize, u64)> = Vec::new();
    let mut explained = false;
    loop {
        let events = follower.next(lab).await;
        for event in &events {
            if let Some(line) = printer.line(lab, event) {
                say(lab, &line)?;
            }
        }
        if events.iter().any(|event| event.kind == "completed") {
            show(lab, &mut explained).await?;
        }
        let now_ms = lab.clock.monotonic_ms();
        for (at, how) in lab.ended() {
            let node = lab.controllers[at].node.clone();
            if how.contains("code") && !how.ends_with("code 0") {
                let text = format!("the controller of {node}: {how}\n{}", lab.log_end(at));
                return Err(Failure::new(Exit::Error, text));
            }
            say(
                lab,
                &format!("the controller of {node}: {how}; it comes back in 3 s"),
            )?;
            coming_back.push((at, now_ms + COMES_BACK.as_millis() as u64));
        }
        let (due, later) = coming_back
            .into_iter()
            .partition(|(_, when)| *when <= now_ms);
        coming_back = later;
        let due: Vec<(usize, u64)> = due;
        for (at, _) in due {
            say(
                lab,
                &format!(
                    "the controller of {} is started again",
                    lab.controllers[at].node
                ),
            )?;
            lab.start_controller(at)?;
        }
    }
}

/// Shows where everything is, and the first time what can be tried.
async fn show(lab: &Lab, explained: &mut bool) -> Result<(), Failure> {
    let mut told = None;
    for at in 0..lab.controllers.len() {
        if let Ok(status) = lab.client(at).get::<Status>("/v1/status").await {
            told = Some(status);
            break;
        }
    }
    let Some(told) = told else { return Ok(()) };
    let mut text = String::from("\n");
    for resource in &told.resources {
        text += &format!(
            "           {:20} {}\n",
            resource.id,
            status::whereabouts(resource)
        );
    }
    if !std::mem::replace(explained, true) {
        text += &explain(lab, &told);
    }
    print(&(text + "\n"))
}

fn explain(lab: &Lab, told: &Status) -> String {
    let mut text = String::from("\n");
    let first = &lab.controllers[0];
    let leader = told.controller.leader.and_then(|id| lab.position(id));
    let mut line = |what: &str, how: String| text += &format!("  {what:24} {how}\n");
    line(
        "look closer",
        format!("lockstep status --api {}", first.api),
    );
    if let Some((leader, pid)) = leader.and_then(|at| Some((at, lab.pid(at)?))) {
        let node = &lab.controllers[leader].node;
        line(
            "kill the leader",
            format!("kill -9 {pid}   ({node}; it comes back in 3 s)"),
        );
    }
    let mut played = told.resources.iter().filter(|r| is_played(r));
    let active = played.find_map(|resource| {
        let active = resource.active.first()?;
        let state = lab
            .agents_folder(&active.node)
            .join(format!("{}.state", resource.id));
        Some((resource.id.clone(), state))
    });
    if let Some((resource, state)) = active {
        line(
            &format!("have {resource} fail"),
            format!("rm {}", state.display()),
        );
    }
    line(
        "change something",
        format!("lockstep config show --api {} > cib.xml", first.api),
    );
    line(
        "",
        format!("lockstep config replace cib.xml --api {}", first.api),
    );
    line("logs and all data", lab.folder.display().to_string());
    line("stop", "Ctrl-C".to_owned());
    text
}

/// Whether a bundled agent plays the resource, and keeps a file that says that it runs.
pub(super) fn is_played(resource: &ResourceStatus) -> bool {
    resource.agent.starts_with("ocf:lockstep:")
}
