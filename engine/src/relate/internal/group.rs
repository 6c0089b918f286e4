//! What does a group imply for its members?

use super::Implied;
use crate::action::Task;
use crate::config::{Group, Variant};
use crate::id::ResourceId;
use crate::relate::{Effects, topology};

const MEMBER_UP: Effects = Effects(
    Effects::UNRUNNABLE_FIRST_BLOCKS.0
        | Effects::FIRST_IMPLIES_THEN.0
        | Effects::FIRST_IMPLIES_THEN_GRAPHED.0,
);
const NEXT_UP: Effects =
    Effects(Effects::FIRST_IMPLIES_THEN.0 | Effects::UNRUNNABLE_FIRST_BLOCKS.0);
const GROUP_UP_ALL_AT_ONCE: Effects = Effects(NEXT_UP.0 | Effects::THEN_IMPLIES_FIRST_GRAPHED.0);

/// What members need to know of the group and of the members before them.
struct Members {
    group: ResourceId,
    ordered: bool,
    promotable: bool,
    previous: Option<ResourceId>,
    last_active: Option<ResourceId>,
}

impl Implied<'_, '_> {
    pub(super) fn group(&mut self, group: ResourceId, settings: &Group) {
        let rule = "a group's stop, start and completion follow each other";
        let blocks = Effects::UNRUNNABLE_FIRST_BLOCKS;
        self.order((group, Task::Stop), (group, Task::Stopped), blocks, rule);
        self.order(
            (group, Task::Stopped),
            (group, Task::Start),
            Effects::ORDERED,
            rule,
        );
        self.order((group, Task::Start), (group, Task::Started), blocks, rule);

        let top = topology::top_below_bundle(self.state(), group);
        let top = &self.state().resources[top].variant;
        let mut members = Members {
            group,
            ordered: settings.ordered,
            promotable: matches!(top, Variant::Clone(settings) if settings.promotable),
            previous: None,
            last_active: None,
        };
        for &member in &self.state().resources[group].children {
            self.resource(member);
            self.member_within_group(member, &members);
            self.member_after_previous(member, &members);
            self.partly_active(member, &mut members);
            members.previous = Some(member);
        }
    }

    /// The group's action comes before its member's, the member's before the group's completion.
    fn member_within_group(&mut self, member: ResourceId, members: &Members) {
        let group = members.group;
        let first_of_ordered = members.ordered && members.previous.is_none();
        let (down, after_down) = if first_of_ordered {
            let down = Effects::THEN_IMPLIES_FIRST_GRAPHED | Effects::ORDERED;
            (down, Effects::FIRST_IMPLIES_THEN)
        } else {
            (
                Effects::THEN_IMPLIES_FIRST_GRAPHED,
                Effects::FIRST_IMPLIES_THEN_GRAPHED,
            )
        };
        let up = Effects::THEN_IMPLIES_FIRST_GRAPHED;
        let rule = "a group acts through its members";
        if members.promotable {
            self.order((group, Task::Demote), (member, Task::Demote), down, rule);
            self.order(
                (member, Task::Demote),
                (group, Task::Demoted),
                after_down,
                rule,
            );
            self.order(
                (member, Task::Promote),
                (group, Task::Promoted),
                MEMBER_UP,
                rule,
            );
            self.order((group, Task::Promote), (member, Task::Promote), up, rule);
        }
        self.order((group, Task::Stop), (member, Task::Stop), down, rule);
        self.order(
            (member, Task::Stop),
            (group, Task::Stopped),
            after_down,
            rule,
        );
        self.order((group, Task::Start), (member, Task::Start), up, rule);
        self.order(
            (member, Task::Start),
            (group, Task::Started),
            MEMBER_UP,
            rule,
        );
    }

    fn member_after_previous(&mut self, member: ResourceId, members: &Members) {
        match members.previous {
            _ if !members.ordered => {
                self.member_with_group(member, members, GROUP_UP_ALL_AT_ONCE);
            }
            // Says nothing by itself, but an action that is missing is made for it.
            None => self.member_with_group(member, members, Effects::NONE),
            Some(previous) => self.member_follows(member, previous, members.promotable),
        }
    }

    fn member_with_group(&mut self, member: ResourceId, members: &Members, effects: Effects) {
        let rule = "members of an unordered group start with the group";
        self.order(
            (members.group, Task::Start),
            (member, Task::Start),
            effects,
            rule,
        );
        if members.promotable {
            self.order(
                (members.group, Task::Promote),
                (member, Task::Promote),
                effects,
                rule,
            );
        }
    }

    fn member_follows(&mut self, member: ResourceId, previous: ResourceId, promotable: bool) {
        let rule = "members of a group start in order and stop in reverse";
        let restart = Effects::ORDERED | Effects::INTERMEDIATE_STOP;
        self.order(
            (previous, Task::Start),
            (member, Task::Start),
            NEXT_UP,
            rule,
        );
        self.order((member, Task::Stop), (previous, Task::Stop), restart, rule);
        // A member put before active ones: their restart orderings say nothing about its start.
        if self.is_active(member) && !self.is_active(previous) {
            let effects = Effects::THEN_IMPLIES_FIRST | Effects::UNRUNNABLE_FIRST_BLOCKS;
            self.order((member, Task::Stop), (previous, Task::Start), effects, rule);
        }
        if promotable {
            self.order(
                (previous, Task::Promote),
                (member, Task::Promote),
                NEXT_UP,
                rule,
            );
            self.order(
                (member, Task::Demote),
                (previous, Task::Demote),
                Effects::ORDERED,
                rule,
            );
        }
    }

    /// Active members stop in sequence even if inactive ones lie between them.
    fn partly_active(&mut self, member: ResourceId, members: &mut Members) {
        if !self.is_active(member) {
            return;
        }
        let gap = members
            .previous
            .is_some_and(|previous| !self.is_active(previous));
        if let Some(last) = members.last_active.filter(|_| members.ordered && gap) {
            let rule = "active members stop in reverse order across inactive ones";
            self.order(
                (member, Task::Stop),
                (last, Task::Stop),
                Effects::ORDERED,
                rule,
            );
        }
        members.last_active = Some(member);
    }

    fn is_active(&self, resource: ResourceId) -> bool {
        !self.state().resource[resource].active_on.is_empty()
    }
}
