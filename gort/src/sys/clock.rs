//! The one place that reads a clock. Times are nanoseconds of `CLOCK_MONOTONIC`.
//!
//! A mode with virtual time replaces these functions and nothing else.

use std::time::Duration;

/// A time that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// Now. Go: `nanotime`.
#[inline]
pub(crate) fn nanotime() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid timespec to write to; CLOCK_MONOTONIC always exists on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

/// The time `d` from now, [`NEVER`] when that is past what the clock can say.
pub(crate) fn after(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).ok().and_then(|d| nanotime().checked_add(d)).unwrap_or(NEVER)
}

/// The time `when`.
pub(crate) fn at(when: std::time::Instant) -> u64 {
    after(when.saturating_duration_since(std::time::Instant::now()))
}

/// `when` as the timespec of an absolute wait.
pub(crate) fn timespec(when: u64) -> libc::timespec {
    libc::timespec { tv_sec: (when / 1_000_000_000) as libc::time_t, tv_nsec: (when % 1_000_000_000) as _ }
}
