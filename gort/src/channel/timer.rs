//! Channels that deliver times: `after`, `at` and `tick`. They hold no timer: a receiver waits for the
//! time itself, and a select for the earliest of its arms.

use std::time::{Duration, Instant};

use crate::primitive::{AtomicBool, AtomicU64, Ordering};
use crate::sys::clock::{self, NEVER};

/// Delivers one message, the time, at a time.
pub(crate) struct At {
    when: Instant,
    due: u64,
    delivered: AtomicBool,
}

/// Delivers one message each period. Late receivers get one message for all that they have missed.
pub(crate) struct Tick {
    /// `start_ns` as an instant.
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
        let start = Instant::now();
        Self::starting(start, clock::at(start), period)
    }

    fn starting(start: Instant, start_ns: u64, period: Duration) -> Self {
        let period = u64::try_from(period.as_nanos()).unwrap_or(NEVER);
        Self { start, start_ns, period, next: AtomicU64::new(start_ns.saturating_add(period)) }
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
        loop {
            let (due, now) = (self.due(), clock::nanotime());
            if due > now {
                return None;
            }
            // If another receiver has it, the next may be due as well.
            if self.claim(due, now) {
                return Some(self.time(due));
            }
        }
    }

    /// The next tick and when it is due, unless that is after the deadline: the caller's, who waits for it. A period
    /// later comes the next one, or a period from now if this one is late.
    pub(crate) fn take_next(&self, deadline: u64) -> Option<(u64, Instant)> {
        loop {
            let due = self.due();
            if due > deadline {
                return None;
            }
            if self.claim(due, clock::nanotime()) {
                return Some((due, self.time(due)));
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A time-out at the very time of a tick is in time for it.
    #[test]
    fn ticks_are_due_at_their_times() {
        for _ in 0..100 {
            let tick = Tick::new(Duration::from_micros(10));
            let (due, time) = tick.take_next(NEVER).expect("no deadline");
            assert_eq!(clock::at(time), due);
        }
    }

    /// A tick that came at this moment was after the receiver's clock.
    #[test]
    fn tick_came_from_the_future() {
        for _ in 0..2_000 {
            let tick = Tick::new(Duration::from_secs(1));
            let time = tick.time(clock::nanotime());
            let now = Instant::now();
            assert!(time <= now, "{:?} ahead", time - now);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitive::Arc;
    use crate::sched::{check, time_comes};

    const PERIOD: u64 = 10;

    fn ticks(period: u64) -> Tick {
        Tick::starting(Instant::now(), 0, Duration::from_nanos(period))
    }

    /// What two receivers get at the same time; the clock stands at 0.
    fn two<T: Send + Sync + 'static, R: 'static>(times: T, receive: fn(&T) -> R) -> [R; 2] {
        let times = Arc::new(times);
        let other = times.clone();
        let other = loom::thread::spawn(move || receive(&other));
        [receive(&times), other.join().unwrap()]
    }

    /// Who lost the last tick before its deadline to another receiver waited for the next, a period too long.
    #[test]
    fn lost_tick_overran_the_deadline() {
        check(3, || {
            let tick = ticks(PERIOD);
            let mut due = two(tick, |tick| tick.take_next(2 * PERIOD - 1).map(|(due, _)| due));
            due.sort();
            assert_eq!(due, [None, Some(PERIOD)]);
        });
    }

    /// Each receiver has a tick of its own.
    #[test]
    fn ticks_are_claimed_once() {
        check(3, || {
            let tick = ticks(PERIOD);
            let mut due = two(tick, |tick| tick.take_next(NEVER).map(|(due, _)| due));
            due.sort();
            assert_eq!(due, [Some(PERIOD), Some(2 * PERIOD)]);
        });
    }

    /// Without a period one is due at any time, whoever else takes one.
    #[test]
    fn tick_without_a_period_was_not_there() {
        check(3, || {
            let tick = ticks(0);
            time_comes();
            let got = two(tick, |tick| tick.take().is_some());
            assert_eq!(got, [true, true]);
        });
    }

    #[test]
    fn a_time_is_delivered_once() {
        check(3, || {
            let at = At { when: Instant::now(), due: 0, delivered: AtomicBool::new(false) };
            let got = two(at, |at| at.take().is_some());
            assert!(got[0] != got[1]);
        });
    }
}
