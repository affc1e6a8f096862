//! How late the kernel may end a timed wait: the timer slack, 50 µs unless somebody has chosen another.
//!
//! An M that waits for the next timer has the least, and only meanwhile: what a thread has, the threads and processes
//! that goroutines start on it inherit, and those are not ours. Sysmon, which runs nobody's code, keeps it; the Ms that
//! it starts get what the process had at boot.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::m::{M, StartFn};
use crate::sys::clock;
use crate::timer::storm::STORM;

/// What the booting thread had, in nanoseconds. Written before the first M starts.
static AT_BOOT: AtomicUsize = AtomicUsize::new(0);

/// At boot.
pub(super) fn init() {
    AT_BOOT.store(clock::slack(), Ordering::Relaxed);
}

/// Gives an M's own thread what it is to have while it runs goroutines.
pub(super) fn minit(mp: &'static M) {
    clock::set_slack(if mp.start == StartFn::Sysmon {
        clock::NO_SLACK
    } else {
        AT_BOOT.load(Ordering::Relaxed)
    });
}

/// The most that a wait for a line of a storm's grid may have: the kernel's default.
const USUAL: usize = 50_000;

/// Runs a wait that ends `when` a timer is due. Where many wait for the lines of a grid it need not be so exact.
pub(super) fn without_for<R>(when: u64, wait: impl FnOnce() -> R) -> R {
    if STORM.is_coarse(when) && AT_BOOT.load(Ordering::Relaxed) <= USUAL { wait() } else { without(wait) }
}

/// Runs a timed wait that is to end in time.
fn without<R>(wait: impl FnOnce() -> R) -> R {
    clock::set_slack(clock::NO_SLACK);
    let result = wait();
    clock::set_slack(AT_BOOT.load(Ordering::Relaxed));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_none_and_nobody_else() {
        init();
        let before = clock::slack();
        assert_ne!(before, clock::NO_SLACK);
        assert_eq!(without(clock::slack), clock::NO_SLACK);
        assert_eq!(clock::slack(), before);
    }
}
