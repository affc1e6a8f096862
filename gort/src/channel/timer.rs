//! Channels that deliver times: `after`, `at` and `tick`. They hold no timer: a receiver waits for the
//! time itself, and a select for the earliest of its arms.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sys::clock::{self, NEVER};

/// Delivers one message, the time, at a time.
pub(crate) struct At {
    when: Instant,
    due: u64,
    delivered: AtomicBool,
}

/// Delivers one message each period. Late receivers get one message for all that they have missed.
pub(crate) struct Tick {
    start: Instant,
    start_ns: u64,
    period: u64,
    /// When the next one is due.
    next: AtomicU64,
}

impl At {
    pub(crate) fn new(when: Instant) -> Self {
        Self { when, due: clock::at(when), delivered: AtomicBool::new(false) }
    }

    /// When it is worth looking again.
    pub(crate) fn due(&self) -> u64 {
        if self.delivered.load(Ordering::Relaxed) { NEVER } else { self.due }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.due() <= clock::nanotime()
    }

    /// See `readiness`: 0 before its time, 1 after it, 2 when it is delivered. Acquire: pairs with the Release of whoever
    /// has taken it.
    pub(crate) fn look(&self) -> u64 {
        if self.delivered.load(Ordering::Acquire) { 2 } else { u64::from(self.due <= clock::nanotime()) }
    }

    pub(crate) fn take(&self) -> Option<Instant> {
        (self.is_ready() && !self.delivered.swap(true, Ordering::Release)).then_some(self.when)
    }
}

impl Tick {
    pub(crate) fn new(period: Duration) -> Self {
        let period = u64::try_from(period.as_nanos()).unwrap_or(NEVER);
        let start_ns = clock::nanotime();
        Self {
            start: Instant::now(),
            start_ns,
            period,
            next: AtomicU64::new(start_ns.saturating_add(period)),
        }
    }

    pub(crate) fn due(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.due() <= clock::nanotime()
    }

    /// See `readiness`: each tick has a number of its own, its time, and the next once that has come. Acquire: pairs with
    /// the Release of whoever has taken the one before.
    pub(crate) fn look(&self) -> u64 {
        let due = self.next.load(Ordering::Acquire);
        due << 1 | u64::from(due <= clock::nanotime())
    }

    /// The tick that is due, if one is.
    pub(crate) fn take(&self) -> Option<Instant> {
        let now = clock::nanotime();
        let due = self.due();
        if due > now {
            return None;
        }
        // If another receiver has it, there is none for us now.
        self.claim(due, now).then(|| self.time(due))
    }

    /// The next tick and when it is due: the caller's, who waits for it. A period later comes the next
    /// one, or a period from now if this one is late.
    pub(crate) fn take_next(&self) -> (u64, Instant) {
        loop {
            let due = self.due();
            if self.claim(due, clock::nanotime()) {
                return (due, self.time(due));
            }
        }
    }

    fn claim(&self, due: u64, now: u64) -> bool {
        let next = due.max(now).saturating_add(self.period);
        self.next.compare_exchange(due, next, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    fn time(&self, due: u64) -> Instant {
        self.start + Duration::from_nanos(due.saturating_sub(self.start_ns))
    }
}
