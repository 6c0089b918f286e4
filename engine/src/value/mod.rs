//! What does the text of an attribute value mean?
//!
//! Each file answers that for one kind of value, and exactly as Pacemaker reads it: configurations
//! in use rely on its leniency (`10sx` is ten seconds, `2x` is two). Times of day and calendar
//! dates are in [`crate::time`].

mod duration;
mod exit;
mod name;
mod number;
mod score;
#[cfg(test)]
mod tests;

pub use duration::{
    DEFAULT_TIMEOUT_MS, Interval, duration_ms, interval, interval_ms, ms_to_s, readable_interval,
    start_delay_ms, timeout_ms,
};
pub use exit::exit_text;
pub use name::{compare_names, compare_versions};
pub use number::{Bounds, Integer, boolean, integer, is_true, min_integer, range, scan_integer};
pub(crate) use number::{is_space, scan_unsigned};
pub use score::{BAD_INPUT, HealthScores, Score};
