//! A member of the group as a state machine.

mod io;

pub use io::{
    Effects, GroupError, Input, Malformed, MembersChanged, Persist, ReadReady, Rejection,
};
