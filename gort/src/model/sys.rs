//! The kernel of a model: time that comes at any moment, and futexes.

use super::sched::WORLD;

pub(crate) mod clock {
    use crate::primitive::Ordering;
    use std::time::{Duration, Instant};

    /// A time that never comes.
    pub(crate) const NEVER: u64 = u64::MAX;
    /// The time of all time-outs. Past every threshold, that of a mutex's starvation too.
    pub(crate) const SOON: u64 = 1_000_000_000;
    /// A time after that, of alarms alone.
    pub(crate) const LATER: u64 = 2 * SOON;

    /// 0, or [`SOON`] or [`LATER`] once that has come.
    pub(crate) fn nanotime() -> u64 {
        super::WORLD.now.load(Ordering::Relaxed)
    }

    pub(crate) fn after(_: Duration) -> u64 {
        SOON
    }

    pub(crate) fn at(_: Instant) -> u64 {
        SOON
    }
}

pub(crate) mod futex {
    use super::clock::{NEVER, SOON};
    use crate::primitive::{AtomicU32, Ordering};
    use crate::sched::{Alarm, WORLD, ring};

    /// As the runtime's: false only when the time came.
    pub(crate) fn wait(word: &AtomicU32, expected: u32, until: u64) -> bool {
        assert!(until == NEVER || until == SOON);
        let gp = WORLD.owner(word);
        let in_time = until == NEVER || WORLD.set(Alarm::Sleeper(gp));
        let kernel = gp.runnable.lock().unwrap();
        if word.load(Ordering::Relaxed) != expected {
            return true;
        }
        if !in_time || until == SOON && WORLD.time_has_come() {
            return false;
        }
        drop(gp.readied.wait(kernel).unwrap());
        until == NEVER || !WORLD.time_has_come()
    }

    pub(crate) fn wake(word: *const AtomicU32, _: i32) {
        ring(WORLD.owner(word));
    }
}
