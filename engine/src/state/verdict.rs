//! What does one history entry mean? Tables from results to verdicts.
//!
//! An executor does not know what the cluster expected, so the status that it reports is not the
//! last word: [`judge`] makes a [`Verdict`] of status, exit code and expectation. [`response`] says
//! what kind of reaction a verdict asks for, [`success`] and [`failure`] what role the resource has
//! after it. Everything here is a pure function over small enums, total by construction, and tested
//! over all combinations. (Behaviour: Pacemaker's `remap_operation`, `unpack_rsc_op`,
//! `update_resource_state` and `unpack_rsc_op_failure`.)

use super::history::Kind;
use crate::action::OnFail;

/// OCF exit codes that mean something special.
#[allow(missing_docs)]
pub mod rc {
    pub const OK: i32 = 0;
    pub const INVALID_PARAM: i32 = 2;
    pub const UNIMPLEMENTED: i32 = 3;
    pub const INSUFFICIENT_PRIVILEGES: i32 = 4;
    pub const NOT_INSTALLED: i32 = 5;
    pub const NOT_CONFIGURED: i32 = 6;
    pub const NOT_RUNNING: i32 = 7;
    pub const RUNNING_PROMOTED: i32 = 8;
    pub const FAILED_PROMOTED: i32 = 9;
    pub const DEGRADED: i32 = 190;
    pub const DEGRADED_PROMOTED: i32 = 191;
    pub const UNKNOWN: i32 = 193;
    /// The highest exit code there is.
    pub const MAX: i32 = 255;
}

/// How an operation ended, as its executor or this module says (`op-status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Still running.
    Pending,
    /// As expected.
    Done,
    /// Took too long.
    TimedOut,
    /// The agent does not implement it.
    Unsupported,
    /// Failed; may work elsewhere or later.
    Error,
    /// Failed, and cannot work on this node.
    HardError,
    /// Failed, and cannot work anywhere.
    FatalError,
    /// The agent is missing on the node.
    NotInstalled,
    /// The executor was not reached.
    NotConnected,
    /// Cannot be executed now.
    Invalid,
    /// There is no fence device for the target.
    NoFenceDevice,
    /// Secret parameters are missing on the node.
    NoSecrets,
}

impl Status {
    /// All statuses.
    pub const ALL: [Status; 12] = [
        Status::Pending,
        Status::Done,
        Status::TimedOut,
        Status::Unsupported,
        Status::Error,
        Status::HardError,
        Status::FatalError,
        Status::NotInstalled,
        Status::NotConnected,
        Status::Invalid,
        Status::NoFenceDevice,
        Status::NoSecrets,
    ];

    /// The status with this `op-status`. A cancelled operation (1) says nothing about its resource.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Status> {
        Some(match code {
            -1 => Status::Pending,
            0 => Status::Done,
            2 => Status::TimedOut,
            3 => Status::Unsupported,
            4 => Status::Error,
            5 => Status::HardError,
            6 => Status::FatalError,
            7 => Status::NotInstalled,
            8 => Status::NotConnected,
            9 => Status::Invalid,
            10 => Status::NoFenceDevice,
            11 => Status::NoSecrets,
            _ => return None,
        })
    }
}

/// What a verdict depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, all combinations occur"
)]
pub struct Facts {
    /// As the executor reported it.
    pub status: Status,
    /// Exit code, 0 to [`rc::MAX`].
    pub rc: i32,
    /// The expected exit code, if the history says it.
    pub expected: Option<i32>,
    /// A monitor that runs once.
    pub probe: bool,
    /// Repeated at an interval.
    pub recurring: bool,
    /// Of a part of a bundle: such probes fail for real.
    pub bundled: bool,
    /// The resource is managed.
    pub managed: bool,
    /// The failure timeout is over.
    pub expired: bool,
}

impl Facts {
    /// Whether this is a probe that failed because the resource could not run there anyway: that
    /// counts as "not running", though the resource stays banned from the node.
    #[must_use]
    pub fn is_masked_probe(&self) -> bool {
        self.probe
            && !self.bundled
            && (matches!(self.rc, rc::NOT_INSTALLED | rc::INVALID_PARAM)
                || self.status == Status::NotInstalled)
    }
}

/// What an entry means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Judged status: never [`Status::NoFenceDevice`] or [`Status::NoSecrets`].
    pub status: Status,
    /// Exit code, degraded results replaced by what they are apart from that.
    pub rc: i32,
    /// The service works, but not as it should: shown among the failures.
    pub degraded: bool,
    /// What the result says about the role, whatever follows from the status.
    pub finding: Finding,
    /// If this is a stop on a node that cannot be fenced, nothing more can be done.
    pub unrecoverable_stop: bool,
}

/// What an exit code says about the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing.
    Nothing,
    /// Stopped, and that is no failure: what happened before is forgotten.
    NotRunning,
    /// Promoted.
    Promoted,
}

/// When a row of [`ROWS`] applies.
#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Probe,
    ProbeExpectingNotRunning,
    UnexpectedProbe,
    Expected,
    Unmanaged,
    OneTime,
}

impl When {
    fn holds(self, facts: &Facts, rc: i32) -> bool {
        let expected = facts.expected == Some(rc);
        match self {
            When::Always => true,
            When::Probe => facts.probe,
            When::ProbeExpectingNotRunning => {
                facts.probe && facts.expected == Some(rc::NOT_RUNNING)
            }
            When::UnexpectedProbe => facts.probe && !expected,
            When::Expected => expected,
            When::Unmanaged => !facts.managed,
            When::OneTime => !facts.recurring,
        }
    }
}

/// How a row decides the status.
#[derive(Clone, Copy, Debug)]
enum Judged {
    /// Done if this was the expected result, else an error.
    ByExpectation,
    As(Status),
}

/// What a row says about the role.
#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    NotRunning,
    Promoted,
    PromotedUnlessExpired,
}

struct Row {
    /// Exit codes; none means all that no other row has.
    codes: &'static [i32],
    when: When,
    status: Judged,
    says: Says,
    /// A stop that ends so needs fencing.
    blocks_stop: bool,
}

const fn row(codes: &'static [i32], when: When, status: Judged, says: Says) -> Row {
    Row {
        codes,
        when,
        status,
        says,
        blocks_stop: false,
    }
}

const fn hard(codes: &'static [i32], when: When) -> Row {
    Row {
        codes,
        when,
        status: Judged::As(Status::HardError),
        says: Says::Nothing,
        blocks_stop: true,
    }
}

/// Exit code → verdict, where the executor reported success or a plain error. The first row that
/// matches counts; the last one matches everything.
const ROWS: &[Row] = {
    use Judged::{As, ByExpectation};
    use Says::{NotRunning, Nothing, Promoted, PromotedUnlessExpired};
    use Status::{Done, Error, FatalError, Unsupported};
    use When::{
        Always, Expected, OneTime, Probe, ProbeExpectingNotRunning, UnexpectedProbe, Unmanaged,
    };
    &[
        row(&[rc::OK], ProbeExpectingNotRunning, As(Done), Nothing),
        row(&[rc::OK], Always, ByExpectation, Nothing),
        row(&[rc::NOT_RUNNING], Probe, As(Done), NotRunning),
        row(&[rc::NOT_RUNNING], Expected, As(Done), NotRunning),
        row(&[rc::NOT_RUNNING], Unmanaged, As(Done), NotRunning),
        row(&[rc::NOT_RUNNING], Always, ByExpectation, Nothing),
        row(
            &[rc::RUNNING_PROMOTED],
            UnexpectedProbe,
            As(Done),
            PromotedUnlessExpired,
        ),
        row(&[rc::RUNNING_PROMOTED], Expected, ByExpectation, Promoted),
        row(
            &[rc::RUNNING_PROMOTED],
            Always,
            ByExpectation,
            PromotedUnlessExpired,
        ),
        row(
            &[rc::FAILED_PROMOTED],
            Always,
            As(Error),
            PromotedUnlessExpired,
        ),
        row(&[rc::NOT_CONFIGURED], Always, As(FatalError), Nothing),
        hard(&[rc::UNIMPLEMENTED], OneTime),
        row(&[rc::UNIMPLEMENTED], Always, As(Unsupported), Nothing),
        hard(&[rc::NOT_INSTALLED], Always),
        hard(&[rc::INVALID_PARAM, rc::INSUFFICIENT_PRIVILEGES], Always),
        row(&[], Always, As(Error), Nothing),
    ]
};

/// Judges one entry.
#[must_use]
pub fn judge(facts: &Facts) -> Verdict {
    let effective = match facts.rc {
        rc::DEGRADED => rc::OK,
        rc::DEGRADED_PROMOTED => rc::RUNNING_PROMOTED,
        other => other,
    };
    let (status, rc) = if facts.is_masked_probe() {
        (Status::Done, rc::NOT_RUNNING)
    } else {
        (facts.status, effective)
    };
    let mut verdict = Verdict {
        status,
        rc,
        degraded: effective != facts.rc,
        finding: Finding::Nothing,
        unrecoverable_stop: false,
    };
    match status {
        Status::Done | Status::Error => {}
        Status::NoFenceDevice | Status::NoSecrets => {
            verdict.status = Status::HardError;
            return verdict;
        }
        _ => return verdict,
    }
    let matches =
        |row: &&Row| (row.codes.is_empty() || row.codes.contains(&rc)) && row.when.holds(facts, rc);
    // The last row matches whatever the others leave.
    let Some(row) = ROWS.iter().find(matches) else {
        return verdict;
    };
    verdict.status = match row.status {
        Judged::As(status) => status,
        Judged::ByExpectation if facts.expected == Some(rc) => Status::Done,
        Judged::ByExpectation => Status::Error,
    };
    verdict.finding = match row.says {
        Says::NotRunning => Finding::NotRunning,
        Says::Promoted => Finding::Promoted,
        Says::PromotedUnlessExpired if !facts.expired => Finding::Promoted,
        Says::PromotedUnlessExpired | Says::Nothing => Finding::Nothing,
    };
    verdict.unrecoverable_stop = row.blocks_stop && !facts.expired;
    verdict
}

/// What kind of reaction a verdict asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Wait for the result.
    Wait,
    /// The resource is in the state that the operation leaves it in.
    Succeed,
    /// A failure, handled as `on-fail` says.
    Fail {
        /// Where the resource cannot run after that.
        ban: Ban,
        /// `on-fail=ignore` is not possible: at least, the resource has to leave the node.
        cannot_ignore: bool,
        /// The connection to the (remote) node is not what it should be.
        lost_connection: bool,
    },
}

/// Where a resource cannot run after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ban {
    /// It can run everywhere.
    Nowhere,
    /// Not on this node.
    Here,
    /// On no node.
    Everywhere,
}

/// Judged status → reaction.
#[must_use]
pub fn response(status: Status) -> Response {
    let fail = |ban| Response::Fail {
        ban,
        cannot_ignore: false,
        lost_connection: false,
    };
    match status {
        Status::Pending => Response::Wait,
        Status::Done => Response::Succeed,
        Status::TimedOut | Status::Unsupported | Status::Error | Status::Invalid => {
            fail(Ban::Nowhere)
        }
        Status::HardError | Status::NoFenceDevice | Status::NoSecrets => fail(Ban::Here),
        Status::FatalError => fail(Ban::Everywhere),
        Status::NotInstalled => Response::Fail {
            ban: Ban::Here,
            cannot_ignore: true,
            lost_connection: false,
        },
        Status::NotConnected => Response::Fail {
            ban: Ban::Nowhere,
            cannot_ignore: false,
            lost_connection: true,
        },
    }
}

/// The role that an operation leaves a resource in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum NewRole {
    /// What it was.
    Keep,
    /// What it was, but at least running (a member of a promotable clone: unpromoted).
    AtLeastActive,
    Stopped,
    Started,
    Unpromoted,
    Promoted,
    /// What both ends of a migration say together.
    MigrateTo,
    /// As `MigrateTo`, seen from the target.
    MigrateFrom,
}

/// Whether a success lets past failures be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgets {
    /// No.
    Nothing,
    /// All of them.
    Failures,
    /// Only if the last failure was of this very operation.
    SameOperation,
    /// Only if the failure asked for a demotion.
    Demotion,
}

/// The role after a success with this exit code, and whether past failures are forgotten.
#[must_use]
pub fn success(kind: Kind, code: i32, masked: bool) -> (NewRole, Forgets) {
    if code == rc::NOT_INSTALLED || masked {
        return (NewRole::Stopped, Forgets::Nothing);
    }
    if code == rc::NOT_RUNNING {
        return (NewRole::Keep, Forgets::Failures);
    }
    match kind {
        Kind::Monitor => (NewRole::AtLeastActive, Forgets::SameOperation),
        Kind::AsyncMonitor => (NewRole::AtLeastActive, Forgets::Nothing),
        Kind::Start | Kind::MigrateFrom => (NewRole::Started, Forgets::Failures),
        Kind::Stop => (NewRole::Stopped, Forgets::Failures),
        Kind::Promote => (NewRole::Promoted, Forgets::Failures),
        Kind::Demote => (NewRole::Unpromoted, Forgets::Demotion),
        Kind::MigrateTo => (NewRole::MigrateTo, Forgets::Nothing),
    }
}

/// Whether a reaction that was due is over once failures are forgotten.
#[must_use]
pub fn is_forgettable(on_fail: OnFail, waits_for_reconnect: bool) -> bool {
    match on_fail {
        OnFail::Stop | OnFail::Ban | OnFail::StandbyNode | OnFail::FenceNode => false,
        OnFail::ResetRemote => !waits_for_reconnect,
        OnFail::Ignore
        | OnFail::Demote
        | OnFail::Restart
        | OnFail::RestartContainer
        | OnFail::Block => true,
    }
}

/// The role after a failure. A failed stop also bans the resource from its node; a demotion that
/// blocks the resource also wants it stopped in the end.
#[must_use]
pub fn failure(kind: Kind, on_fail: OnFail, code: i32) -> NewRole {
    match kind {
        Kind::Promote => NewRole::Promoted,
        Kind::Demote if on_fail == OnFail::Block => NewRole::Promoted,
        Kind::Demote if code == rc::NOT_RUNNING => NewRole::Stopped,
        // Staying promoted would demote again and again; recovery stops it in any case.
        Kind::Demote => NewRole::Unpromoted,
        Kind::MigrateTo => NewRole::MigrateTo,
        Kind::MigrateFrom => NewRole::MigrateFrom,
        Kind::Monitor | Kind::AsyncMonitor | Kind::Start | Kind::Stop => NewRole::Keep,
    }
}

#[cfg(test)]
mod tests;
