//! The one place that reads a clock. Times are nanoseconds of `CLOCK_MONOTONIC`.
//!
//! A mode with virtual time replaces these functions and nothing else.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

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
    later(nanotime(), d)
}

/// The time `d` after `now`, [`NEVER`] when that is past what the clock can say.
pub(crate) fn later(now: u64, d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).ok().and_then(|d| now.checked_add(d)).unwrap_or(NEVER)
}

/// One moment as an instant and as a time, for all conversions: the same instant is the same time, whenever it is asked
/// for.
static ORIGIN: OnceLock<(Instant, u64)> = OnceLock::new();

fn origin() -> (Instant, u64) {
    *ORIGIN.get_or_init(|| {
        // The time is read after the instant, so that nothing is early; of some attempts, that which makes it least late.
        let attempts = (0..8).map(|_| (Instant::now(), nanotime(), Instant::now()));
        attempts
            .min_by_key(|(begin, _, end)| *end - *begin)
            .map(|(begin, time, _)| (begin, time))
            .expect("eight")
    })
}

/// The time `when`.
pub(crate) fn at(when: Instant) -> u64 {
    let (instant, time) = origin();
    match when.checked_duration_since(instant) {
        Some(d) => later(time, d),
        None => u64::try_from((instant - when).as_nanos()).map_or(0, |d| time.saturating_sub(d)),
    }
}

/// `when` as the timespec of an absolute wait.
pub(crate) fn timespec(when: u64) -> libc::timespec {
    libc::timespec { tv_sec: (when / 1_000_000_000) as libc::time_t, tv_nsec: (when % 1_000_000_000) as _ }
}

/// The least timer slack that there is, in nanoseconds: 0 asks for the default.
pub(crate) const NO_SLACK: usize = 1;

/// The calling thread's timer slack in nanoseconds: how late the kernel may end its timed waits. 0 where the kernel does
/// not say.
pub(crate) fn slack() -> usize {
    // SAFETY: plain numbers. Not libc's function, whose result is an `int`.
    let slack = unsafe { libc::syscall(libc::SYS_prctl, libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) };
    usize::try_from(slack).unwrap_or(0)
}

/// Sets it; 0 is the thread's default, which is what the thread had that started it.
pub(crate) fn set_slack(nanoseconds: usize) {
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0) };
}

/// A coarse time that fits 24 bits beside something else: units of 2^32 ns, about 4.3 s. Never zero.
pub(crate) fn coarse(time: u64) -> u32 {
    (((time >> 32) + 1) as u32 & COARSE_MASK).max(1)
}

const COARSE_MASK: u32 = (1 << 24) - 1;

/// Whole minutes from the coarse time `since` to `now`: never more than there were, and zero if `since` is.
pub(crate) fn minutes_since(since: u32, now: u64) -> u64 {
    if since == 0 {
        return 0;
    }
    let units = coarse(now).wrapping_sub(since) & COARSE_MASK;
    (u64::from(units.saturating_sub(1)) << 32) / 60_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        let now = Instant::now();
        for n in [0, 1, 999, 1_000_000_007, 86_400_000_000_000] {
            let d = Duration::from_nanos(n);
            assert_eq!(at(now + d), at(now) + n);
            // A machine may have been started a moment ago.
            if let Some(before) = now.checked_sub(d) {
                assert_eq!(at(before), at(now).saturating_sub(n));
            }
        }
        assert!((at(now)..).contains(&at(Instant::now())));
        for _ in 0..1000 {
            let when = Instant::now() + Duration::from_nanos(300);
            while nanotime() < at(when) {}
            assert!(Instant::now() >= when, "early");
        }
    }

    #[test]
    fn minutes() {
        let check = |since: u64, seconds: u64, expected: u64| {
            let now = since + seconds * 1_000_000_000;
            assert_eq!(minutes_since(coarse(since), now), expected, "{since} {seconds}");
        };
        let wraps = (1u64 << 56) - 40_000_000_000;
        for since in [0, 1, 5_000_000_000, 1 << 50, wraps] {
            check(since, 0, 0);
            check(since, 59, 0);
            check(since, 69, 1);
            check(since, 119, 1);
            check(since, 3700, 61);
            check(since, 86_400 * 365, 525_599);
        }
        assert_eq!(minutes_since(0, u64::MAX), 0);
    }
}
