//! One direction of a socket as the netpoller sees it: one word in which an event and the one who waits for
//! it find each other, whoever comes first.
//!
//! ```text
//!   63         48 47                  7   6  ..   1      0
//!  ┌─────────────┬─────────────────────┬───────────┬───────┐
//!  │ generation  │ G, or nothing       │ HUP (bit1)│ READY │
//!  └─────────────┴─────────────────────┴───────────┴───────┘
//!
//!   nil   ── publish ──▶ G        the waiter, on its way to park
//!   nil   ── event ────▶ READY    nobody waits: kept for the next one who would
//!   G     ── event ────▶ READY    whoever did this readies G
//!   G     ── take ─────▶ nil      a time that has come, a deadline that was moved, a close: the same
//!   G     ── withdraw ─▶ nil      the waiter itself, before it parks
//!   READY ── reset ────▶ nil      the holder of the seat, before it tries
//! ```
//!
//! - The generation is part of the word: an event of an earlier socket that used this slot cannot touch it,
//!   not even between a check and the change, because there is no between.
//! - HUP stays until the socket is gone: its peer has hung up, or something came that is not plain data. An
//!   operation then tries before it waits, because no further event may come.
//! - Whoever takes G off the word is the only one who may wake it. So it needs no number of a wait, and
//!   nothing stale can wake anybody.
//! - Go's fourth state, pdWait (announced, registers not saved yet), is PARKING of the goroutine's commit
//!   word: that settles who readies it.
//! - At most one waits here: the holder of the seat (`net::seat`, Go's fdMutex). Others wait for the seat.
//!
//! A deadline, or a close, is seen by the waiter or takes it off: the mover stores `deadline` and then
//! changes the word, the waiter changes the word and then loads `deadline`. Both changes are
//! read-modify-writes of one word, so one comes first, and the other side sees what was stored before it.
//!
//! Go: netpoll.go `pollDesc.rg`, `netpollblock`, `netpollunblock`, `netpollcheckerr`.

use crate::primitive::{AtomicU32, AtomicU64, Ordering};

const READY: u64 = 1;
const HUP: u64 = 2;
const G: u64 = ((1 << 48) - 1) & !((1 << 7) - 1);
const GENERATION: u64 = !((1 << 48) - 1);

/// [`Side::deadline`]: there is none.
pub(crate) const NO_DEADLINE: u64 = u64::MAX;
/// [`Side::deadline`]: the socket was closed by [`Side::close`], for good.
pub(crate) const CLOSED: u64 = 0;

/// What [`Side::publish`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Publish {
    /// Whoever wakes finds the waiter now: it parks.
    Parks,
    /// An event is there already: try again.
    Ready,
}

/// See the module. A goroutine is its address, a multiple of 128.
#[derive(Debug)]
pub(crate) struct Side {
    word: AtomicU64,
    /// Nanoseconds after which every operation fails, [`NO_DEADLINE`], or [`CLOSED`].
    deadline: AtomicU64,
    /// Number of the present or latest wait, for timers that may come too late. Written by the waiter; never
    /// goes back, also when the slot is reused.
    waits: AtomicU32,
}

impl Side {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(0), deadline: AtomicU64::new(NO_DEADLINE), waits: AtomicU32::new(0) }
    }

    /// The socket is gone: events that are still on their way are of an old generation. Gives the new one.
    pub(crate) fn renew(&self) -> u16 {
        let generation = self.generation().wrapping_add(1);
        // Nobody waits: waiters borrow the socket. A swap: an event of the old generation that comes at this very
        // moment is before it, and loses its effect, or sees the new one.
        self.word.swap(u64::from(generation) << 48, Ordering::Relaxed);
        self.deadline.store(NO_DEADLINE, Ordering::Relaxed);
        generation
    }

    pub(crate) fn generation(&self) -> u16 {
        (self.word.load(Ordering::Relaxed) >> 48) as u16
    }

    /// Whether nothing has been heard since the last [`reset`](Self::reset), nor a hang-up ever. Holder of the
    /// seat only.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.word.load(Ordering::Relaxed) & (READY | HUP) == 0
    }

    /// Forgets an event, before a try. Holder of the seat only.
    #[inline]
    pub(crate) fn reset(&self) {
        if self.word.load(Ordering::Relaxed) & READY != 0 {
            // Acquire: the try comes after the event.
            self.word.fetch_and(!READY, Ordering::Acquire);
        }
    }

    /// The waiter says that it waits. Holder of the seat only.
    pub(crate) fn publish(&self, g: usize) -> Publish {
        debug_assert!(g != 0 && g as u64 & !G == 0);
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            debug_assert_eq!(word & G, 0, "one waiter at a time");
            if word & READY != 0 {
                return Publish::Ready;
            }
            // Release: the commit word was begun. Acquire: a deadline that was stored before the last change.
            match self.word.compare_exchange_weak(word, word | g as u64, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Publish::Parks,
                Err(now) => word = now,
            }
        }
    }

    /// The waiter does not wait after all. False when somebody has taken it off and is about to wake it: then
    /// it must park, and will be woken at once.
    #[must_use]
    pub(crate) fn withdraw(&self) -> bool {
        // Relaxed: nothing is handed over. Who has taken it off has acquired what `publish` has released.
        self.word.fetch_and(!G, Ordering::Relaxed) & G != 0
    }

    /// The kernel says that something has happened to the socket of this generation. Gives who waits, for the
    /// caller to wake.
    #[must_use]
    pub(crate) fn event(&self, generation: u16, hup: bool) -> Option<usize> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & GENERATION != u64::from(generation) << 48 {
                return None;
            }
            let now = (word & !G) | READY | if hup { HUP } else { 0 };
            if now == word {
                // A try is to come, after this by the kernel's lock.
                return None;
            }
            // Acquire: pairs with `publish`. Release: with `reset`.
            match self.word.compare_exchange_weak(word, now, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return goroutine(word),
                Err(new) => word = new,
            }
        }
    }

    /// Takes off who waits, if anybody does, for the caller to wake: it will look at the deadline again.
    #[must_use]
    pub(crate) fn take(&self) -> Option<usize> {
        // A change also when there is nothing to take: see the module. Acquire: pairs with `publish`.
        // Release: publishes what the caller has stored.
        goroutine(self.word.fetch_and(!G, Ordering::AcqRel))
    }

    /// Sets the deadline, unless the socket was closed, and takes off who waits.
    #[must_use]
    pub(crate) fn set_deadline(&self, when: u64) -> Option<usize> {
        let mut old = self.deadline.load(Ordering::Relaxed);
        while old != CLOSED {
            match self.deadline.compare_exchange_weak(old, when, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return self.take(),
                Err(now) => old = now,
            }
        }
        None
    }

    /// Every operation fails from now on. Takes off who waits.
    #[must_use]
    pub(crate) fn close(&self) -> Option<usize> {
        // A swap: what is set at this very moment comes before it, or not at all.
        self.deadline.swap(CLOSED, Ordering::Relaxed);
        self.take()
    }

    #[inline]
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.load(Ordering::Relaxed)
    }

    /// A new wait is about to be published. Gives its number.
    pub(crate) fn begin_wait(&self) -> u32 {
        let n = self.waits.load(Ordering::Relaxed).wrapping_add(1);
        self.waits.store(n, Ordering::Relaxed);
        n
    }

    /// The wait is over: a timer of its is stale.
    pub(crate) fn end_wait(&self) {
        self.begin_wait();
    }

    /// Whether the wait `n` is the present one.
    pub(crate) fn is_wait(&self, n: u32) -> bool {
        self.waits.load(Ordering::Relaxed) == n
    }

    /// The time that was set for the wait `n` has come. That another wait begins at this very moment does no
    /// harm: who is woken for nothing waits again.
    #[must_use]
    pub(crate) fn expire(&self, n: u32) -> Option<usize> {
        if self.is_wait(n) { self.take() } else { None }
    }

    /// Whether somebody waits here. Acquire: pairs with who takes it off; that it does is seen then.
    pub(crate) fn has_waiter(&self) -> bool {
        self.word.load(Ordering::Acquire) & G != 0
    }
}

fn goroutine(word: u64) -> Option<usize> {
    let g = word & G;
    (g != 0).then_some(g as usize)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SOMEBODY: usize = 0x7f00_0000_0080;

    #[test]
    fn an_event_is_kept_or_wakes_once() {
        let side = Side::new();
        assert_eq!(side.event(0, false), None);
        assert_eq!(side.publish(SOMEBODY), Publish::Ready);
        side.reset();
        assert_eq!(side.publish(SOMEBODY), Publish::Parks);
        assert!(side.has_waiter());
        assert_eq!(side.event(0, false), Some(SOMEBODY));
        assert_eq!(side.event(0, false), None);
        assert!(!side.is_quiet());
    }

    #[test]
    fn an_event_of_an_earlier_socket_changes_nothing() {
        let side = Side::new();
        let old = side.generation();
        assert_eq!(side.event(old, true), None);
        let new = side.renew();
        assert_ne!(old, new);
        assert!(side.is_quiet());
        assert_eq!(side.publish(SOMEBODY), Publish::Parks);
        assert_eq!(side.event(old, true), None);
        assert!(side.is_quiet() && side.has_waiter());
        assert_eq!(side.event(new, false), Some(SOMEBODY));
    }

    #[test]
    fn a_hang_up_stays() {
        let side = Side::new();
        assert_eq!(side.event(0, true), None);
        side.reset();
        assert!(!side.is_quiet());
        assert_eq!(side.publish(SOMEBODY), Publish::Parks);
    }

    #[test]
    fn a_closed_side_stays_closed() {
        let side = Side::new();
        assert_eq!(side.publish(SOMEBODY), Publish::Parks);
        assert_eq!(side.close(), Some(SOMEBODY));
        assert_eq!(side.set_deadline(NO_DEADLINE), None);
        assert_eq!(side.deadline(), CLOSED);
        side.renew();
        assert_eq!(side.deadline(), NO_DEADLINE);
    }

    #[test]
    fn a_late_timer_is_stale() {
        let side = Side::new();
        let first = side.begin_wait();
        side.end_wait();
        let second = side.begin_wait();
        assert_eq!(side.publish(SOMEBODY), Publish::Parks);
        assert_eq!(side.expire(first), None);
        assert_eq!(side.expire(second), Some(SOMEBODY));
        assert!(side.is_quiet());
    }
}
