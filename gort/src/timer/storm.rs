//! Many timers at a short distance come together: between two looks at them lies a grid of times, and who is due
//! between two of its lines waits for the later one.
//!
//! To wake for each of them would cost a process more than all that they do: a thread goes to sleep and is woken, some
//! ten microseconds of a processor for a goroutine or two. How wide the grid is follows from what happened lately:
//! - the *rate* at which timers come due: up to [`WIDEST`] as soon as some of them come together then. Lines are no
//!   further apart for more of them: a thousand wake-ups a second cost little;
//! - the *length* of a wait, which is the number of pending timers by their rate: the grid is a small part of it, so
//!   that a few goroutines that nap for microseconds find no grid.
//!
//! There is none where it would bring few together: who wakes alone wakes in time.
//!
//! The lines are at multiples of a power of two, hence the same for all Ps, which one wake-up serves.
//!
//! Rejected: a slack behind the earliest timer, for the thread that waits for it, alone. A busy P then still takes
//! its timers one by one as they come due.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Nanoseconds between two measurements, at least.
const WINDOW: u64 = 2_000_000;
/// A measurement says nothing about times that come later than this after it, nor about those before it.
const STALE: u64 = 4 * WINDOW;
/// The widest grid, in nanoseconds, as a shift: a millisecond.
const WIDEST: u32 = 20;
/// The narrowest that is worth it.
const NARROWEST: u32 = 14;
/// From which on a line may be missed by the kernel's usual slack.
const COARSE: u32 = 18;
/// Timers that come due between two lines, at least.
const WORTH_IT: u64 = 2;
/// The grid is at most this part of a wait.
const PART: u64 = 32;

/// What all Ps' timers have seen lately.
pub(crate) struct Storm {
    /// Timers that came due since the last measurement.
    fired: Counter,
    /// When that was. Who moves it measures.
    since: AtomicU64,
    /// Shift of the grid, 0 for none.
    grid: AtomicU32,
}

/// In a line of its own: it is written much more often than the others are.
#[repr(align(128))]
struct Counter(AtomicU32);

/// The process's.
pub(crate) static STORM: Storm = Storm::new();

impl Storm {
    const fn new() -> Self {
        Self { fired: Counter(AtomicU32::new(0)), since: AtomicU64::new(0), grid: AtomicU32::new(0) }
    }

    /// Whether there is a grid for what is due at about `when`.
    #[inline]
    pub(crate) fn is_on(&self, when: u64) -> bool {
        self.grid_at(when) != 0
    }

    /// Whether it is so wide that some 50 µs more make little difference.
    pub(crate) fn is_coarse(&self, when: u64) -> bool {
        self.grid_at(when) >= COARSE
    }

    #[inline]
    fn grid_at(&self, when: u64) -> u32 {
        let grid = self.grid.load(Ordering::Relaxed);
        if grid == 0 || when.wrapping_sub(self.since.load(Ordering::Relaxed)) > STALE { 0 } else { grid }
    }

    /// When to look at timers of which the earliest is due at `when`.
    #[inline]
    pub(crate) fn look_at(&self, when: u64) -> u64 {
        let mask = (1 << self.grid_at(when)) - 1;
        when.checked_add(mask).map_or(when, |w| w & !mask)
    }

    /// `n` timers came due, and it is `now`; `pending` counts those that are left.
    pub(crate) fn fired(&self, n: usize, now: u64, pending: impl FnOnce() -> u32) {
        self.fired.0.fetch_add(n as u32, Ordering::Relaxed);
        let since = self.since.load(Ordering::Relaxed);
        let elapsed = now.saturating_sub(since);
        if elapsed < WINDOW
            || self.since.compare_exchange(since, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let fired = u64::from(self.fired.0.swap(0, Ordering::Relaxed));
        self.grid.store(grid(fired, elapsed, u64::from(pending())), Ordering::Relaxed);
    }
}

/// The grid when `fired` timers came due in `elapsed` nanoseconds and `pending` are left.
fn grid(fired: u64, elapsed: u64, pending: u64) -> u32 {
    if fired == 0 {
        return 0;
    }
    let wait = elapsed.saturating_mul(pending) / fired;
    let shift = (wait / PART).min(1 << WIDEST).checked_ilog2().unwrap_or(0);
    let together = fired.saturating_mul(1 << shift) / elapsed;
    if shift >= NARROWEST && together >= WORTH_IT { shift } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn how_wide_the_grid_is() {
        let check = |fired: u64, in_ms: u64, pending: u64, expected: u32| {
            assert_eq!(
                grid(fired, in_ms * MS, pending),
                expected,
                "{fired} in {in_ms} ms, {pending} pending"
            );
        };
        // 100,000 that sleep for 200 ms, 10,000, 1,000, 500, 300.
        check(1_000, 2, 100_000, 20);
        check(100, 2, 10_000, 20);
        check(10, 2, 1_000, 20);
        check(5, 2, 500, 20);
        check(3, 2, 300, 0);
        // 100 that sleep for 20 ms, and for 2.
        check(10, 2, 100, 19);
        check(100, 2, 100, 0);
        // A thousand that sleep for a millisecond, and one that naps.
        check(2_000, 2, 1_000, 14);
        check(100, 2, 1, 0);
        // A hundred that sleep for a tenth of one.
        check(2_000, 2, 100, 0);
        // A storm has passed.
        check(0, 2, 100_000, 0);
        check(1_000, 100_000, 100_000, 0);
        check(u64::MAX, 2, 1, 0);
        check(1, 2, u64::MAX, 0);
    }

    #[test]
    fn a_look_is_never_early_and_at_most_a_grid_late() {
        let storm = Storm::new();
        assert_eq!(storm.look_at(12_345), 12_345);
        let now = 1 << 40;
        storm.fired(1_000, now - 2 * MS, || 0);
        storm.fired(1_000, now, || 100_000);
        for when in (now..now + MS).step_by(997) {
            let look = storm.look_at(when);
            assert!((when..when + (1 << WIDEST)).contains(&look) && look.is_multiple_of(1 << WIDEST));
        }
        assert_eq!(storm.look_at(u64::MAX), u64::MAX);
        let later = now + STALE + 1;
        assert_eq!(storm.look_at(later), later, "what was long ago says nothing");
        assert!(storm.is_on(now) && !storm.is_on(later));
        assert!(storm.is_coarse(now) && !storm.is_coarse(later));
        storm.fired(1, now + 100 * MS, || 100_000);
        assert_eq!(storm.look_at(now + 101 * MS + 1), now + 101 * MS + 1, "the storm is over");
    }
}
