//! Sysmon's care for stacks that nobody needs any more: after a burst of goroutines their pages go back to the
//! kernel.
//!
//! In periods of [`PERIOD`]: a stack that has lain in the pool through a whole one is cold. Idle Ps give theirs
//! to the pool first; busy ones keep a few, for the next goroutine.
//!
//! Go: mgcscavenge.go, in spirit; stack.go `freeStackSpans`.

use super::SCHED;
use crate::stack::pool;
use crate::sys::clock::{self, NEVER};

/// Nanoseconds for which a stack lies unused before its pages go.
const PERIOD: u64 = 1_000_000_000;
/// Nanoseconds that one round may take: sysmon has Ps to look after, unless all are idle.
const BUDGET: u64 = 100_000;
const IDLE_BUDGET: u64 = 2_000_000;

/// What the rounds remember.
#[derive(Debug, Default)]
pub(crate) struct Cooling {
    since: u64,
}

impl Cooling {
    /// One of sysmon's rounds.
    pub(crate) fn round(&mut self, now: u64) {
        if now < self.since + PERIOD {
            return;
        }
        let all_idle = SCHED.idle.idle_ps() >= SCHED.procs();
        let until = now + if all_idle { IDLE_BUDGET } else { BUDGET };
        while pool::cool() {
            if clock::nanotime() >= until {
                return;
            }
        }
        self.since = now;
        SCHED.locked(|s| {
            for pp in &s.idle_ps {
                // SAFETY: the owner of a P on the idle list is the list, which is locked.
                unsafe { pp.stacks.flush() };
            }
        });
        pool::new_period();
    }

    /// When there will be something to do; never if there is nothing now.
    pub(crate) fn due(&self) -> u64 {
        let held = SCHED.locked(|s| {
            // SAFETY: as in `round`.
            s.idle_ps.iter().any(|pp| unsafe { pp.stacks.has_any() })
        });
        if held || pool::has_warm() { self.since + PERIOD } else { NEVER }
    }
}
