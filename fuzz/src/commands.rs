//! Commands of the replicated state: the proposals of leaders, executors and operators.

use arbitrary::Arbitrary;
use lockstep_node::agent::{Outcome, ResultCode, Status};
use lockstep_node::cluster::Cluster;
use lockstep_node::cluster::command::{
    Cleanup, CleanupOperation, Command, Epoch, Lifetime, TicketChange,
};
use lockstep_node::executor::{OrderKey, Report};

use crate::draft::Draft;

/// A command; names and numbers are mostly those that mean something in the present state.
#[derive(Clone, Debug, Arbitrary)]
pub enum AnyCommand {
    Lead {
        controller: u8,
        term: u8,
    },
    Configure {
        expected: Option<(u8, u8)>,
        cib: Box<Draft>,
    },
    ConfigureBytes(Vec<u8>),
    Up {
        node: Name,
        journal: u8,
        incarnation: u8,
        acknowledged: u8,
    },
    Lost {
        node: Name,
        incarnation: u8,
        clean: bool,
    },
    /// The result of an action of the plan in force.
    Result {
        action: u8,
        result: Answer,
    },
    /// Any report.
    Report {
        node: Name,
        journal: u8,
        sequence: u8,
        transition: u8,
        action: u8,
        repeated: bool,
        result: Answer,
    },
    GiveUp {
        transition: u8,
        action: u8,
        reason: String,
    },
    Attribute {
        node: Name,
        name: Name,
        value: Option<String>,
        permanent: bool,
    },
    Plan {
        late: bool,
        offset_minutes: i8,
    },
    Digest {
        controller: u8,
        incarnation: u8,
        wrong: bool,
    },
    Cleanup {
        resource: Option<Name>,
        node: Option<Name>,
        task: Option<(u8, u32)>,
        everything: bool,
    },
    Ticket {
        ticket: Name,
        change: AnyTicketChange,
    },
    ConfirmFenced {
        node: Name,
    },
}

/// How an operation went.
#[derive(Clone, Debug, Arbitrary)]
pub struct Answer {
    code: u8,
    status: u8,
    reason: String,
    output: Vec<u8>,
    began_at: i64,
    exec_ms: u64,
    queue_ms: u64,
}

/// A name of the scenes' clusters, or any.
#[derive(Clone, Debug, Arbitrary)]
pub enum Name {
    Node(u8),
    Resource(u8),
    Any(String),
}

/// How a ticket is changed.
#[derive(Clone, Debug, Arbitrary)]
pub enum AnyTicketChange {
    Grant,
    Revoke,
    Standby(bool),
    Attribute(Name, Option<String>),
    Remove,
}

impl Name {
    fn text(&self) -> String {
        match self {
            Name::Node(at) => format!("n{}", at % 4 + 1),
            Name::Resource(at) => {
                const FORMS: [&str; 4] = ["p0", "g1", "c0", "p0x0"];
                FORMS[usize::from(*at) % 4].to_owned()
            }
            Name::Any(text) => text.clone(),
        }
    }
}

impl Answer {
    /// As an executor reports it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        const CODES: [i32; 10] = [0, 7, 8, 1, 5, 6, 9, 3, -1, 190];
        const STATUSES: [Status; 7] = [
            Status::Done,
            Status::Done,
            Status::Timeout,
            Status::Error,
            Status::NotSupported,
            Status::NotInstalled,
            Status::Cancelled,
        ];
        let code = ResultCode(CODES[usize::from(self.code) % CODES.len()]);
        let status = STATUSES[usize::from(self.status) % STATUSES.len()];
        Outcome {
            began_at: self.began_at,
            exec_ms: self.exec_ms,
            queue_ms: self.queue_ms,
            ..Outcome::new(code, status, self.reason.clone()).with_output(&self.output)
        }
    }
}

impl AnyCommand {
    /// The command, in this state.
    #[must_use]
    pub fn command(&self, state: &Cluster) -> Command {
        match self {
            AnyCommand::Lead { controller, term } => Command::Lead {
                controller: (controller % 4).into(),
                term: (*term).into(),
            },
            AnyCommand::Configure { expected, cib } => Command::ReplaceConfig {
                expected: expected.map(|(admin, epoch)| Epoch {
                    admin: admin.into(),
                    epoch: epoch.into(),
                }),
                cib: cib.document().to_xml().into_bytes(),
            },
            AnyCommand::ConfigureBytes(bytes) => Command::ReplaceConfig {
                expected: None,
                cib: bytes.clone(),
            },
            AnyCommand::Up {
                node,
                journal,
                incarnation,
                acknowledged,
            } => Command::NodeUp {
                node: node.text(),
                journal: (*journal).into(),
                incarnation: (*incarnation).into(),
                acknowledged: (*acknowledged).into(),
            },
            AnyCommand::Lost {
                node,
                incarnation,
                clean,
            } => {
                let node = node.text();
                // Mostly the process that is there.
                let known = state.nodes().get(&node).map(|record| record.incarnation);
                let incarnation = known
                    .filter(|_| incarnation % 4 != 0)
                    .unwrap_or((*incarnation).into());
                Command::NodeLost {
                    node,
                    incarnation,
                    clean: *clean,
                }
            }
            AnyCommand::Result { action, result } => result_of(state, *action, result),
            AnyCommand::Report {
                node,
                journal,
                sequence,
                transition,
                action,
                repeated,
                result,
            } => {
                let key = OrderKey {
                    transition: (*transition).into(),
                    action: (*action).into(),
                };
                let report = Report {
                    sequence: (*sequence).into(),
                    key,
                    repeated: *repeated,
                    resource: "p0".into(),
                    task: "monitor".into(),
                    interval_ms: 10_000,
                    outcome: result.outcome(),
                };
                Command::Report {
                    node: node.text(),
                    journal: (*journal).into(),
                    report,
                }
            }
            AnyCommand::GiveUp {
                transition,
                action,
                reason,
            } => Command::GiveUp {
                key: OrderKey {
                    transition: (*transition).into(),
                    action: (*action).into(),
                },
                reason: reason.clone(),
            },
            AnyCommand::Attribute {
                node,
                name,
                value,
                permanent,
            } => Command::SetAttribute {
                node: node.text(),
                name: name.text(),
                value: value.clone(),
                lifetime: if *permanent {
                    Lifetime::Permanent
                } else {
                    Lifetime::Transient
                },
            },
            AnyCommand::Plan {
                late,
                offset_minutes,
            } => Command::Plan {
                transition: state.planned() + u64::from(!late),
                utc_offset: i32::from(*offset_minutes) * 60,
                feature_set: String::new(),
            },
            AnyCommand::Digest {
                controller,
                incarnation,
                wrong,
            } => {
                let mut digest = state
                    .transition()
                    .map_or([0; 32], |transition| transition.digest);
                digest[0] ^= u8::from(*wrong);
                Command::Digest {
                    transition: state.planned(),
                    controller: (controller % 4).into(),
                    incarnation: (*incarnation).into(),
                    digest,
                }
            }
            AnyCommand::Cleanup {
                resource,
                node,
                task,
                everything,
            } => {
                const TASKS: [&str; 4] = ["start", "stop", "monitor", "promote"];
                let operation = task.map(|(task, interval_ms)| CleanupOperation {
                    task: TASKS[usize::from(task) % 4].into(),
                    interval_ms: interval_ms.into(),
                });
                let (resource, node) = (
                    resource.as_ref().map(Name::text),
                    node.as_ref().map(Name::text),
                );
                Command::Cleanup {
                    what: Cleanup {
                        resource,
                        node,
                        operation,
                        everything: *everything,
                    },
                }
            }
            AnyCommand::Ticket { ticket, change } => {
                let change = match change {
                    AnyTicketChange::Grant => TicketChange::Grant,
                    AnyTicketChange::Revoke => TicketChange::Revoke,
                    AnyTicketChange::Standby(is) => TicketChange::Standby(*is),
                    AnyTicketChange::Attribute(name, value) => TicketChange::Attribute {
                        name: name.text(),
                        value: value.clone(),
                    },
                    AnyTicketChange::Remove => TicketChange::Remove,
                };
                Command::Ticket {
                    ticket: ticket.text(),
                    change,
                }
            }
            AnyCommand::ConfirmFenced { node } => Command::ConfirmFenced { node: node.text() },
        }
    }
}

/// The report about one of the plan's actions that are ready, from the executor that it is for.
fn result_of(state: &Cluster, which: u8, result: &Answer) -> Command {
    let give_up = |key, reason: &str| Command::GiveUp {
        key,
        reason: reason.to_owned(),
    };
    let nothing = OrderKey {
        transition: 0,
        action: 0,
    };
    let Some(transition) = state.transition() else {
        return give_up(nothing, "there is no plan");
    };
    let ready: Vec<u32> = transition.ready().collect();
    let Some(at) = usize::from(which).checked_rem(ready.len()) else {
        return give_up(nothing, "nothing is ready");
    };
    let action = transition.action(ready[at]);
    let key = OrderKey {
        transition: transition.number,
        action: action.id,
    };
    let node = action
        .node
        .as_ref()
        .map(|node| node.name.clone())
        .unwrap_or_default();
    let Some(record) = state.nodes().get(&node) else {
        return give_up(key, "its node is not there");
    };
    let resource = action
        .primitive
        .as_ref()
        .map(|primitive| primitive.id.clone());
    let report = Report {
        sequence: record.applied + 1,
        key,
        repeated: false,
        resource: resource.unwrap_or_default(),
        task: action.task.clone(),
        interval_ms: 0,
        outcome: result.outcome(),
    };
    Command::Report {
        journal: record.journal,
        node,
        report,
    }
}
