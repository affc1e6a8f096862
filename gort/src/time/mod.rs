//! Go's package time, as far as it waits: [`sleep`], [`Timer`], [`Ticker`].
//!
//! Durations and instants are std's. Times are good to tens of microseconds on an idle machine. Where thousands come in a
//! second they are seen to together, and are good to a millisecond, or to a thirtieth of how long is usually waited if
//! that is less. Nothing happens before its time. For a single wait with a time-out, `recv_timeout`, `select!`'s
//! `default(d)` and [`channel::after`](crate::channel::after) need no timer.

mod alarm;
mod ticker;
mod timer;

pub use std::time::{Duration, Instant};

pub(crate) use self::alarm::{Action, Alarm};
pub use self::ticker::Ticker;
pub use self::timer::Timer;
#[cfg(gort_runtime)]
pub use crate::goroutine::{sleep, sleep_until};
