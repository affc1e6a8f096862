//! When idle Ms leave short queues alone.
//!
//! An M that takes goroutines from another's queue does half of the work, if they have some of their own to do. If they
//! do little but meet at a lock, its line and all that it guards go from core to core at each turn, some
//! hundred nanoseconds for work that takes ten; and if they run for less than a steal takes, the thief only takes lines from
//! their owner. Then one M is faster alone than two together. So two things are measured:
//! - what an M loses by taking locks over from others ([`Meter`]), in comparison to the time that passes;
//! - how long a thief has work by what it has stolen ([`stolen`]): longer, if it was woken for that.
//!
//! Where either is bad there is a pause: [`paused`] tells idle Ms to leave short queues alone. The goroutines then
//! gather on one P by themselves, as one that is readied goes to the P of whoever readied it.
//!
//! A pause is counted in rounds of sysmon, which ends it at once when a short queue hardly moves: then its goroutines
//! compute, and help is worth its price. Each that is soon followed by another is twice as long as the one before, so that
//! looking whether things have changed costs little.
//!
//! A server's Ps are left alone for another reason as well ([`set_patience`]): no processor is idle.
//!
//! Rejected: never taking from short queues (work of some microseconds apiece would stay on one core for good); stealing
//! only what has been seen to wait (the same); looking at the clock at every turn (it costs as much as the turn).

use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::sys::clock;

/// What it takes, in nanoseconds, to get the lines of a lock and of what it guards from another core.
const TRANSFER: u64 = 100;
/// Nanoseconds lost between two looks at the clock.
const SAMPLE: u64 = 6_400;
/// One nanosecond lost in so many is too much: two Ms together do no more than one alone.
const LOSS: u64 = 2;
/// What a steal costs thief and owner together, in nanoseconds: who is busy for longer with what it took, helps. And for
/// a thief that was woken for it.
const PAYS: u64 = 3_000;
const PAYS_WOKEN: u64 = 20_000;
/// Steals that did not pay, beyond [`PAID`] times those that did, at which a pause begins.
const UNPAID_MAX: u32 = 16;
const PAID: u32 = 4;
/// How many are enough soon after a pause.
const UNPAID_AGAIN: u32 = 4;
/// Rounds of sysmon that a pause lasts.
const PAUSE_MIN: u32 = 8;
const PAUSE_MAX: u32 = 128;

/// Goroutines in a queue up to which it counts as short.
const SHORT_QUEUE: u32 = 16;

/// That of the process.
static PAUSE: Pause = Pause::new();

/// All relaxed, and races lose a step, which does not matter.
#[derive(Debug)]
struct Pause {
    /// Rounds until idle Ms may take from short queues again.
    left: AtomicU32,
    /// How long the next pause will be.
    next: AtomicU32,
    /// How many more steals have not paid than have.
    unpaid: AtomicU32,
    /// Goroutines that a queue is left with in or out of a pause; see [`set_patience`].
    patience: AtomicU32,
}

impl Pause {
    const fn new() -> Self {
        Self {
            left: AtomicU32::new(0),
            next: AtomicU32::new(PAUSE_MIN),
            unpaid: AtomicU32::new(0),
            patience: AtomicU32::new(0),
        }
    }

    #[inline]
    fn is_on(&self) -> bool {
        self.left.load(Ordering::Relaxed) != 0
    }

    #[inline]
    fn left_alone(&self) -> u32 {
        let patience = self.patience.load(Ordering::Relaxed);
        if self.is_on() { patience.max(SHORT_QUEUE) } else { patience }
    }

    #[cold]
    fn begin(&self) {
        if self.is_on() {
            return;
        }
        let rounds = self.next.load(Ordering::Relaxed);
        self.left.store(rounds, Ordering::Relaxed);
        self.next.store((rounds * 2).min(PAUSE_MAX), Ordering::Relaxed);
    }

    fn stolen(&self, busy: u64, woken: bool) {
        let unpaid = self.unpaid.load(Ordering::Relaxed);
        let unpaid = if busy >= if woken { PAYS_WOKEN } else { PAYS } {
            unpaid.saturating_sub(PAID)
        } else if unpaid < UNPAID_MAX {
            unpaid + 1
        } else {
            self.begin();
            UNPAID_MAX - UNPAID_AGAIN
        };
        self.unpaid.store(unpaid, Ordering::Relaxed);
    }

    fn round(&self, stuck: bool) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            let next = self.next.load(Ordering::Relaxed);
            if next > PAUSE_MIN {
                self.next.store(next - 1, Ordering::Relaxed);
            }
            return false;
        }
        let left = if stuck { 0 } else { left - 1 };
        self.left.store(left, Ordering::Relaxed);
        left == 0
    }
}

/// How many goroutines in a P's queue idle Ms are to leave alone.
#[inline]
pub(crate) fn left_alone() -> u32 {
    PAUSE.left_alone()
}

/// Whether they are to leave short queues alone.
#[inline]
pub(crate) fn paused() -> bool {
    left_alone() > 0
}

/// Ps are left so many goroutines for another reason: no processor is idle. By sysmon.
pub(crate) fn set_patience(n: u32) {
    PAUSE.patience.store(n, Ordering::Relaxed);
}

/// Whether they are, so that one P that looks at sockets is enough.
#[inline]
pub(crate) fn is_patient() -> bool {
    PAUSE.patience.load(Ordering::Relaxed) > 0
}

/// An M has run out of work this many nanoseconds after it took some from another. `woken`: it had slept, and was
/// woken to help.
pub(crate) fn stolen(busy: u64, woken: bool) {
    PAUSE.stolen(busy, woken);
}

/// A round of sysmon, which has seen a short queue that hardly moves, or not. True when a pause ends here: an M is to be
/// woken for what was left alone because of it.
pub(crate) fn round(stuck: bool) -> bool {
    PAUSE.round(stuck)
}

/// What an M has lost by taking locks over from others. Written by the M.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Nanoseconds since `mark`.
    lost: AtomicU64,
    /// When the clock was last looked at.
    mark: AtomicU64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { lost: AtomicU64::new(0), mark: AtomicU64::new(0) }
    }

    /// A lock was last held by another M, and this one has waited for it for so many nanoseconds.
    #[inline]
    pub(crate) fn taken_over(&self, waited: u64) {
        let lost = self.lost.load(Ordering::Relaxed) + waited + TRANSFER;
        self.lost.store(lost, Ordering::Relaxed);
        if lost >= SAMPLE && self.is_dear(clock::nanotime()) {
            PAUSE.begin();
        }
    }

    #[cold]
    #[inline(never)]
    fn is_dear(&self, now: u64) -> bool {
        let lost = self.lost.load(Ordering::Relaxed);
        self.lost.store(0, Ordering::Relaxed);
        let took = now - self.mark.load(Ordering::Relaxed);
        self.mark.store(now, Ordering::Relaxed);
        lost * LOSS > took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steals_that_do_not_pay_begin_a_pause() {
        let p = Pause::new();
        (0..UNPAID_MAX).for_each(|_| p.stolen(0, false));
        assert!(!p.is_on());
        p.stolen(PAYS, false);
        (0..PAID).for_each(|_| p.stolen(PAYS - 1, false));
        assert!(!p.is_on());
        p.stolen(PAYS_WOKEN, true);
        (0..PAID).for_each(|_| p.stolen(PAYS_WOKEN - 1, true));
        assert!(!p.is_on());
        p.stolen(0, false);
        assert!(p.is_on());
    }

    #[test]
    fn a_pause_ends_after_its_rounds_and_the_next_is_longer() {
        let p = Pause::new();
        for rounds in [PAUSE_MIN, 2 * PAUSE_MIN, 4 * PAUSE_MIN] {
            p.begin();
            assert!((1..rounds).all(|_| !p.round(false) && p.is_on()));
            assert!(p.round(false) && !p.is_on());
        }
        // Rounds without one make it short again.
        (0..PAUSE_MAX).for_each(|_| assert!(!p.round(false)));
        p.begin();
        assert!((1..PAUSE_MIN).all(|_| !p.round(false)));
        assert!(p.round(false));
    }

    #[test]
    fn how_many_are_left_alone() {
        let p = Pause::new();
        assert_eq!(p.left_alone(), 0);
        p.patience.store(3, Ordering::Relaxed);
        assert_eq!(p.left_alone(), 3);
        p.begin();
        assert_eq!(p.left_alone(), SHORT_QUEUE);
        p.patience.store(100, Ordering::Relaxed);
        assert_eq!(p.left_alone(), 100);
    }

    #[test]
    fn a_pause_ends_at_once_for_goroutines_that_compute() {
        let p = Pause::new();
        p.begin();
        assert!(p.round(true) && !p.is_on());
    }

    #[test]
    fn half_of_the_time_lost_is_too_much() {
        let m = Meter::new();
        m.mark.store(1_000, Ordering::Relaxed);
        m.lost.store(SAMPLE, Ordering::Relaxed);
        assert!(!m.is_dear(1_000 + LOSS * SAMPLE));
        m.lost.store(SAMPLE + 1, Ordering::Relaxed);
        assert!(m.is_dear(1_000 + 2 * LOSS * SAMPLE));
    }
}
