//! Scripted: inputs in, effects out. The tests read as what a leader may rely on.

use super::*;
use crate::agent::AgentName;

const LEADER: ConnectionId = ConnectionId(1);
const NEXT_LEADER: ConnectionId = ConnectionId(2);

fn identity() -> Identity {
    Identity {
        node: "n1".into(),
        journal: 77,
        incarnation: 1,
    }
}

fn operation(resource: &str, task: &str, interval_ms: u64) -> Operation {
    Operation {
        resource: resource.into(),
        agent: AgentName {
            class: "ocf".into(),
            provider: None,
            kind: "X".into(),
        },
        task: task.into(),
        interval_ms,
        timeout_ms: 0,
        start_delay_ms: 0,
        parameters: Vec::new(),
    }
}

fn order(transition: u64, action: u32, work: Work) -> Order {
    Order {
        key: OrderKey { transition, action },
        work,
    }
}

fn run(transition: u64, action: u32, resource: &str, task: &str) -> Order {
    order(
        transition,
        action,
        Work::Operate(operation(resource, task, 0)),
    )
}

fn ok() -> Outcome {
    Outcome::new(ResultCode::OK, Status::Done, "")
}

fn not_running() -> Outcome {
    Outcome::new(ResultCode::NOT_RUNNING, Status::Done, "")
}

/// An executor with all that it wrote and ran, so that a crash can be played.
struct Rig {
    executor: Executor,
    journal: Vec<Record>,
    now_ms: u64,
}

impl Rig {
    fn new() -> Self {
        let (executor, effects, orphans) = Executor::recover(identity(), Vec::new());
        assert_eq!((effects, orphans), (Effects::default(), Vec::new()));
        Self {
            executor,
            journal: Vec::new(),
            now_ms: 1000,
        }
    }

    fn led_by(connection: ConnectionId, term: u64) -> Self {
        let mut rig = Self::new();
        rig.tell(connection, ToExecutor::Lead { term });
        rig
    }

    fn input(&mut self, input: Input) -> Effects {
        let effects = self.executor.step(self.now_ms, input);
        self.journal.extend(effects.records.iter().cloned());
        effects
    }

    fn tell(&mut self, from: ConnectionId, message: ToExecutor) -> Effects {
        self.input(Input::Message { from, message })
    }

    fn order(&mut self, term: u64, order: Order) -> Effects {
        self.tell(LEADER, ToExecutor::Order { term, order })
    }

    fn end(&mut self, run: RunId, outcome: Outcome) -> Effects {
        self.input(Input::Ended { run, outcome })
    }

    fn restart(&mut self) -> Vec<Process> {
        let (executor, effects, orphans) =
            Executor::recover(identity(), std::mem::take(&mut self.journal));
        // What a compacted journal would hold, so that every restart tests that as well.
        self.journal = executor.checkpoint();
        let (again, _, _) = Executor::recover(identity(), self.journal.clone());
        assert_eq!(again.checkpoint(), self.journal, "a checkpoint says all");
        assert!(
            effects.runs.is_empty(),
            "nothing runs again because of a restart"
        );
        self.executor = executor;
        orphans
    }
}

fn reports(effects: &Effects) -> Vec<(u64, OrderKey, bool, ResultCode, Status)> {
    let of = |message: &FromExecutor| match message {
        FromExecutor::Report(report) => vec![report.clone()],
        FromExecutor::Standing { reports, .. } => reports.clone(),
        _ => Vec::new(),
    };
    let all = effects.messages.iter().flat_map(|(_, message)| of(message));
    all.map(|r| {
        (
            r.sequence,
            r.key,
            r.repeated,
            r.outcome.code,
            r.outcome.status,
        )
    })
    .collect()
}

fn refusals(effects: &Effects) -> Vec<Refusal> {
    let of = |message: &FromExecutor| match message {
        FromExecutor::Refused { refusal, .. } => Some(*refusal),
        _ => None,
    };
    effects
        .messages
        .iter()
        .filter_map(|(_, message)| of(message))
        .collect()
}

#[test]
fn an_order_is_journaled_before_it_runs_and_its_result_before_it_is_told() {
    let mut rig = Rig::led_by(LEADER, 3);
    let effects = rig.order(3, run(1, 4, "db", "start"));
    assert!(matches!(&effects.records[..], [Record::Began(order)] if order.key.action == 4));
    assert_eq!(effects.runs.len(), 1);
    assert_eq!(effects.runs[0].order, "1:4");

    rig.now_ms += 250;
    let effects = rig.end(effects.runs[0].run, ok());
    assert!(
        matches!(&effects.records[..], [Record::Ended(report)] if report.outcome.exec_ms == 250)
    );
    let key = OrderKey {
        transition: 1,
        action: 4,
    };
    assert_eq!(
        reports(&effects),
        [(1, key, false, ResultCode::OK, Status::Done)]
    );
}

#[test]
fn a_repeated_order_is_answered_and_never_run_twice() {
    let mut rig = Rig::led_by(LEADER, 3);
    let first = rig.order(3, run(1, 4, "db", "start"));
    assert_eq!(
        rig.order(3, run(1, 4, "db", "start")),
        Effects::default(),
        "it runs already"
    );
    let told = rig.end(first.runs[0].run, ok());
    let again = rig.order(3, run(1, 4, "db", "start"));
    assert!(again.runs.is_empty() && again.records.is_empty());
    assert_eq!(reports(&again), reports(&told), "the very same report");

    // Nor by the next leader, nor after a restart, nor when the report was acknowledged long ago.
    rig.tell(LEADER, ToExecutor::Acknowledge { upto: 1 });
    rig.restart();
    rig.tell(NEXT_LEADER, ToExecutor::Lead { term: 4 });
    let next = ToExecutor::Order {
        term: 4,
        order: run(1, 4, "db", "start"),
    };
    let again = rig.tell(NEXT_LEADER, next);
    assert!(again.runs.is_empty());
    assert_eq!(reports(&again), reports(&told));
}

#[test]
fn a_lower_term_is_refused_also_after_a_restart() {
    let mut rig = Rig::led_by(LEADER, 3);
    rig.tell(NEXT_LEADER, ToExecutor::Lead { term: 5 });
    for _ in 0..2 {
        let effects = rig.order(4, run(2, 1, "db", "start"));
        assert_eq!(refusals(&effects), [Refusal::LowerTerm { followed: 5 }]);
        assert!(effects.runs.is_empty() && effects.records.is_empty());
        rig.restart();
    }
    let effects = rig.tell(LEADER, ToExecutor::Lead { term: 4 });
    let standing = FromExecutor::Standing {
        term: 5,
        under_way: Vec::new(),
        reports: Vec::new(),
    };
    assert_eq!(
        effects.messages,
        [(LEADER, standing)],
        "the deposed leader learns it"
    );
}

#[test]
fn an_order_of_an_earlier_transition_is_refused() {
    let mut rig = Rig::led_by(LEADER, 3);
    rig.order(3, run(7, 1, "db", "start"));
    let effects = rig.order(3, run(6, 9, "web", "start"));
    assert_eq!(refusals(&effects), [Refusal::Superseded { newest: 7 }]);
    assert!(effects.runs.is_empty());
}

#[test]
fn orders_of_one_resource_run_one_after_the_other() {
    let mut rig = Rig::led_by(LEADER, 1);
    let start = rig.order(1, run(1, 1, "db", "start"));
    let stop = rig.order(1, run(1, 2, "db", "stop"));
    let other = rig.order(1, run(1, 3, "web", "start"));
    assert_eq!(
        (start.runs.len(), stop.runs.len(), other.runs.len()),
        (1, 0, 1)
    );
    rig.now_ms += 100;
    let ended = rig.end(start.runs[0].run, ok());
    assert_eq!(ended.runs[0].operation.task, "stop", "only now");
    rig.now_ms += 30;
    let ended = rig.end(ended.runs[0].run, ok());
    let FromExecutor::Report(report) = &ended.messages[0].1 else {
        panic!("{ended:?}")
    };
    assert_eq!((report.outcome.queue_ms, report.outcome.exec_ms), (100, 30));
}

#[test]
fn a_new_leader_learns_what_is_under_way_and_gets_what_was_not_acknowledged() {
    let mut rig = Rig::led_by(LEADER, 1);
    let first = rig.order(1, run(1, 1, "a", "start"));
    rig.order(1, run(1, 2, "b", "start"));
    rig.order(1, run(1, 3, "b", "monitor"));
    rig.input(Input::Closed(LEADER));
    let ended = rig.end(first.runs[0].run, ok());
    assert!(ended.messages.is_empty(), "there is nobody to tell");

    let effects = rig.tell(NEXT_LEADER, ToExecutor::Lead { term: 2 });
    assert_eq!(effects.records, [Record::Term(2)]);
    let key = |action| OrderKey {
        transition: 1,
        action,
    };
    assert!(matches!(
        &effects.messages[..],
        [(NEXT_LEADER, FromExecutor::Standing { term: 2, under_way, .. })]
            if *under_way == [key(2), key(3)]
    ));
    assert_eq!(
        reports(&effects),
        [(1, key(1), false, ResultCode::OK, Status::Done)]
    );

    rig.tell(NEXT_LEADER, ToExecutor::Acknowledge { upto: 1 });
    let effects = rig.tell(LEADER, ToExecutor::Lead { term: 3 });
    assert_eq!(
        reports(&effects),
        [],
        "it is committed: nobody needs it again"
    );
}

#[test]
fn an_order_interrupted_by_a_restart_has_an_unknown_outcome() {
    let mut rig = Rig::led_by(LEADER, 1);
    let started = rig.order(1, run(1, 1, "db", "start"));
    let process = Process {
        id: 4711,
        started: 99,
    };
    rig.input(Input::Started {
        run: started.runs[0].run,
        process,
    });
    assert_eq!(rig.restart(), [process], "what may still run is named");
    let effects = rig.tell(LEADER, ToExecutor::Lead { term: 1 });
    let key = OrderKey {
        transition: 1,
        action: 1,
    };
    assert_eq!(
        reports(&effects),
        [(1, key, false, ResultCode(1), Status::Error)]
    );
}

#[test]
fn a_recurring_operation_is_repeated_and_reported_on_change_only() {
    let mut rig = Rig::led_by(LEADER, 1);
    let monitor = Work::Operate(operation("db", "monitor", 10_000));
    let first = rig.order(1, order(1, 5, monitor));
    rig.end(first.runs[0].run, ok());
    assert_eq!(
        rig.executor.next_wake_ms(),
        Some(11_000),
        "an interval after the end"
    );

    // Before it is due nothing happens; then it runs without a word in the journal.
    assert_eq!(rig.input(Input::Tick), Effects::default());
    for (outcome, told) in [
        (ok(), false),
        (not_running(), true),
        (not_running(), false),
        (ok(), true),
    ] {
        rig.now_ms = rig.executor.next_wake_ms().unwrap();
        let due = rig.input(Input::Tick);
        assert_eq!((due.runs.len(), due.records.len()), (1, 0));
        assert_eq!(due.runs[0].order, "", "it is not the order that runs again");
        let ended = rig.end(due.runs[0].run, outcome.clone());
        assert_eq!(reports(&ended).len(), usize::from(told), "{outcome:?}");
        assert!(
            reports(&ended)
                .iter()
                .all(|(_, key, repeated, ..)| key.action == 5 && *repeated)
        );
        assert_eq!(ended.records.len(), usize::from(told));
    }
}

#[test]
fn what_changes_a_resource_ends_its_monitors() {
    let observing = ["monitor", "notify", "meta-data", "validate-all"];
    let changing = [
        "start",
        "stop",
        "promote",
        "demote",
        "migrate_to",
        "migrate_from",
        "reload-agent",
    ];
    for (task, keeps) in observing
        .map(|t| (t, true))
        .into_iter()
        .chain(changing.map(|t| (t, false)))
    {
        let mut rig = Rig::led_by(LEADER, 1);
        let monitor = Work::Operate(operation("db", "monitor", 10_000));
        let first = rig.order(1, order(1, 1, monitor));
        rig.end(first.runs[0].run, ok());
        rig.order(1, run(1, 2, "db", task));
        assert_eq!(!rig.executor.repeats.is_empty(), keeps, "{task}");
    }
}

#[test]
fn a_cancelled_or_forgotten_monitor_stops_even_while_it_runs() {
    let cancel = Work::Cancel {
        resource: "db".into(),
        task: "monitor".into(),
        interval_ms: 10_000,
    };
    for work in [
        cancel,
        Work::Forget {
            resource: "db".into(),
        },
    ] {
        let mut rig = Rig::led_by(LEADER, 1);
        let monitor = Work::Operate(operation("db", "monitor", 10_000));
        let first = rig.order(1, order(1, 1, monitor));
        rig.end(first.runs[0].run, ok());
        rig.now_ms = rig.executor.next_wake_ms().unwrap();
        let due = rig.input(Input::Tick);
        let waits = rig.order(1, order(1, 2, work));
        assert_eq!(reports(&waits), [], "it waits for the run");
        let ended = rig.end(due.runs[0].run, not_running());
        let keys: Vec<_> = reports(&ended).iter().map(|r| r.1.action).collect();
        assert_eq!(keys.last(), Some(&2), "then it is done");
        assert_eq!(rig.executor.next_wake_ms(), None);
    }
}

#[test]
fn a_start_delay_delays_the_first_run() {
    let mut rig = Rig::led_by(LEADER, 1);
    let mut delayed = operation("db", "monitor", 0);
    delayed.start_delay_ms = 500;
    let effects = rig.order(1, order(1, 1, Work::Operate(delayed)));
    assert!(effects.runs.is_empty());
    rig.now_ms = rig.executor.next_wake_ms().unwrap();
    assert_eq!(rig.now_ms, 1500);
    assert_eq!(rig.input(Input::Tick).runs.len(), 1);
}

#[test]
fn results_are_forgotten_some_transitions_later_and_then_refused() {
    let mut rig = Rig::led_by(LEADER, 1);
    for transition in 1..=20 {
        let effects = rig.order(1, run(transition, 1, "db", "start"));
        rig.end(effects.runs[0].run, ok());
    }
    assert_eq!(rig.executor.ledger.len() as u64, TRANSITIONS_KEPT + 1);
    let effects = rig.order(1, run(1, 1, "db", "start"));
    assert_eq!(refusals(&effects), [Refusal::Superseded { newest: 20 }]);
    assert!(effects.runs.is_empty(), "forgotten is not forgiven");
}

#[test]
fn leaving_is_reported_before_the_process_ends() {
    let mut rig = Rig::led_by(LEADER, 1);
    let effects = rig.order(1, order(1, 1, Work::Leave));
    assert!(effects.leave);
    assert_eq!(reports(&effects).len(), 1);
    assert_eq!(
        effects.messages.last(),
        Some(&(LEADER, FromExecutor::Leaving))
    );
}

#[test]
fn an_acknowledgement_of_what_was_never_told_changes_nothing() {
    let mut rig = Rig::led_by(LEADER, 1);
    assert_eq!(
        rig.tell(LEADER, ToExecutor::Acknowledge { upto: 40 }),
        Effects::default()
    );
    let effects = rig.order(1, run(1, 1, "db", "start"));
    let ended = rig.end(effects.runs[0].run, ok());
    assert_eq!(reports(&ended)[0].0, 1);
}

#[test]
fn only_the_latest_connection_of_the_leader_gives_orders() {
    let mut rig = Rig::led_by(LEADER, 3);
    rig.tell(NEXT_LEADER, ToExecutor::Lead { term: 3 });
    for term in [3, 4] {
        let effects = rig.order(term, run(1, 1, "db", "start"));
        assert_eq!(
            refusals(&effects),
            [Refusal::NotFollowed],
            "what was in the old one is void"
        );
        assert!(effects.runs.is_empty());
    }
    let order = ToExecutor::Order {
        term: 3,
        order: run(1, 1, "db", "start"),
    };
    assert_eq!(rig.tell(NEXT_LEADER, order).runs.len(), 1);
}

#[test]
fn what_was_done_without_a_leader_does_not_count_once_somebody_led() {
    let own = ConnectionId(9);
    let alone = |action| ToExecutor::Alone {
        order: run(3, action, "db", "stop"),
    };
    let mut rig = Rig::led_by(LEADER, 4);
    rig.input(Input::Closed(LEADER));
    let run = rig.tell(own, alone(1)).runs[0].run;
    let outcome = ok();
    rig.input(Input::Ended { run, outcome });
    let answer = |effects: Effects| effects.messages[0].1.clone();
    let again = answer(rig.tell(own, alone(1)));
    assert!(matches!(again, FromExecutor::Report(_)));
    // It may have started the service again.
    rig.tell(NEXT_LEADER, ToExecutor::Lead { term: 5 });
    rig.input(Input::Closed(NEXT_LEADER));
    let refusal = Refusal::NotAlone;
    assert!(matches!(
        answer(rig.tell(own, alone(1))),
        FromExecutor::Refused { refusal: r, .. } if r == refusal
    ));
    assert_eq!(rig.tell(own, alone(2)).runs.len(), 1, "a new order");
}

#[test]
fn without_a_leader_only_demotes_and_stops_are_carried_out() {
    let own = ConnectionId(9);
    let alone = |task: &str| ToExecutor::Alone {
        order: run(3, 1 << 31, "db", task),
    };
    // Somebody leads: what the own controller believes does not count.
    let mut rig = Rig::led_by(LEADER, 4);
    let refused = |effects: &Effects| {
        matches!(
            effects.messages[..],
            [(
                _,
                FromExecutor::Refused {
                    refusal: Refusal::NotAlone,
                    ..
                }
            )]
        )
    };
    let effects = rig.tell(own, alone("stop"));
    assert!(refused(&effects) && effects.runs.is_empty());

    rig.input(Input::Closed(LEADER));
    let effects = rig.tell(own, alone("start"));
    assert!(refused(&effects) && effects.runs.is_empty());
    let effects = rig.tell(own, alone("stop"));
    assert_eq!(effects.runs.len(), 1);
    let run = effects.runs[0].run;
    assert!(rig.tell(own, alone("stop")).runs.is_empty(), "it runs once");
    let outcome = ok();
    rig.input(Input::Ended { run, outcome });
    let effects = rig.tell(own, alone("stop"));
    assert!(matches!(&effects.messages[..], [(to, FromExecutor::Report(_))] if *to == own));

    // The next leader hears of it.
    let effects = rig.tell(NEXT_LEADER, ToExecutor::Lead { term: 5 });
    assert!(matches!(&effects.messages[..],
        [(_, FromExecutor::Standing { reports, .. })] if reports.len() == 1));
}

#[test]
fn a_resource_is_stopped_with_the_parameters_that_it_was_started_with() {
    let mut rig = Rig::led_by(LEADER, 1);
    let mut with = |action: u32, task: &str, parameters: &[(&str, &str)]| {
        let mut operation = operation("ip", task, 0);
        let pairs = parameters.iter();
        operation.parameters = pairs.map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let effects = rig.order(1, order(1, action, Work::Operate(operation)));
        let run = &effects.runs[0];
        rig.end(run.run, ok());
        run.operation.parameters.clone()
    };
    with(1, "start", &[("CRM_meta_timeout", "9"), ("ip", "10.0.0.1")]);
    let stopped = with(
        2,
        "stop",
        &[("CRM_meta_timeout", "7"), ("ip", "10.0.0.2"), ("nic", "e0")],
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        stopped,
        [pair("CRM_meta_timeout", "7"), pair("ip", "10.0.0.1")]
    );
    // What is started then is what is configured now.
    let started = with(3, "start", &[("ip", "10.0.0.2")]);
    assert_eq!(started, [pair("ip", "10.0.0.2")]);
    assert_eq!(with(4, "stop", &[("ip", "10.0.0.3")]), started);
}
