//! Waits for what the kernel raises no event for: by trying again after pauses that grow.
//!
//! Rejected: a thread that waits in the kernel, which neither a deadline nor a close could end, and of which thousands
//! would be too many.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::sched::park;
use crate::sys::clock;

/// Nanoseconds before the second try.
const FIRST: u64 = 20_000;
/// The longest pause of a few.
const LAST: u64 = 2_000_000;
/// Where there are many, they take turns: all together try once in this time.
const TURN: u64 = 20_000;

/// How many wait so.
static WAITING: AtomicU64 = AtomicU64::new(0);

/// One who tries again.
pub(super) struct Pauses {
    next: u64,
}

impl Pauses {
    /// It has failed to begin with.
    pub(super) fn new() -> Self {
        WAITING.fetch_add(1, Ordering::Relaxed);
        Self { next: FIRST }
    }

    /// Sleeps until the next try is due, and not after `until`.
    pub(super) fn pause(&mut self, until: u64) {
        park::sleep_until(until.min(clock::nanotime() + self.next));
        let longest = LAST.max(WAITING.load(Ordering::Relaxed) * TURN);
        self.next = (2 * self.next).min(longest);
    }
}

impl Drop for Pauses {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}
