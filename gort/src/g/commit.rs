//! The word by which lock-free wakers (timers, `unpark`) and a goroutine that is about to park agree on
//! who wakes whom.
//!
//! ```text
//!            begin            commit (after the switch)
//!   IDLE ───────────▶ PARKING ────────▶ PARKED
//!    ▲                   │ notify         │ notify: the waker must ready it
//!    │ end               ▼                ▼
//!    └──────────────── NOTIFIED ◀─────────┘
//!                      (commit finds it: the switching side must ready it)
//! ```
//!
//! Each wait has a sequence number, so that a waker that comes too late, for a wait that is over,
//! changes nothing. Exactly one [`Commit::notify`] of a wait wins. The goroutine is readied exactly
//! once, and only after its registers are saved: by the waker if it was PARKED, else by the side
//! that runs the after-switch action.
//!
//! Who touches it: `begin` and `end` the goroutine itself; `commit` the side that it switched to, or
//! itself when it is a plain thread; `notify` anybody, at any time, also long after the wait.

use crate::primitive::{AtomicU64, Ordering};

const IDLE: u64 = 0;
const PARKING: u64 = 1;
const PARKED: u64 = 2;
const NOTIFIED: u64 = 3;
const STATE: u64 = 3;

/// The number of one wait of one goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seq(pub(crate) u64);

/// What a waker has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Notify {
    /// Nothing: the wait is over or another waker won.
    Stale,
    /// Nothing more: the goroutine is still on its way to sleep and will see it.
    WillSee,
    /// Ready the goroutine: it sleeps.
    Ready,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Commit(AtomicU64);

impl Commit {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A new wait begins; the number is what its wakers need.
    pub(crate) fn begin(&self) -> Seq {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & STATE, IDLE);
        let seq = (word >> 2) + 1;
        // Release: pairs with the Acquire in `notify`, should a waker learn `seq` in a way that does
        // not synchronise by itself.
        self.0.store(seq << 2 | PARKING, Ordering::Release);
        Seq(seq)
    }

    /// The goroutine's registers are saved. False when it was notified before: ready it now.
    #[must_use]
    pub(crate) fn commit(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        // Release: publishes the saved context to the waker. Acquire on failure: what the waker did
        // happens before the goroutine goes on.
        word & STATE == PARKING
            && self
                .0
                .compare_exchange(word, (word & !STATE) | PARKED, Ordering::Release, Ordering::Acquire)
                .is_ok()
    }

    /// Wakes the wait `seq`.
    pub(crate) fn notify(&self, seq: Seq) -> Notify {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let answer = match word & STATE {
                _ if word >> 2 != seq.0 => return Notify::Stale,
                PARKING => Notify::WillSee,
                PARKED => Notify::Ready,
                _ => return Notify::Stale,
            };
            // Acquire: the context saved before `commit`. Release: what the waker did before.
            match self.0.compare_exchange_weak(
                word,
                (word & !STATE) | NOTIFIED,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return answer,
                Err(now) => word = now,
            }
        }
    }

    /// Wakes the present wait, for a waker that nobody else can forestall: it has taken the goroutine off the
    /// one place where its wakers find it. True when the goroutine sleeps and must be readied.
    pub(crate) fn notify_taken(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(matches!(word & STATE, PARKING | PARKED));
            // As in `notify`.
            match self.0.compare_exchange_weak(
                word,
                (word & !STATE) | NOTIFIED,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return word & STATE == PARKED,
                Err(now) => word = now,
            }
        }
    }

    /// The wait is over: later wakers are stale. Owner only, when it was notified or has decided not to
    /// park; true when a waker has notified it.
    pub(crate) fn end(&self) -> bool {
        // Acquire: what the waker did.
        let word = self.0.load(Ordering::Acquire);
        if word & STATE == NOTIFIED {
            // Nobody else writes the word any more: later wakers find it stale.
            self.0.store(word & !STATE, Ordering::Relaxed);
            return true;
        }
        // Acquire: as above. A swap, as a waker may come at this very moment when the owner decided by itself.
        self.0.swap(word & !STATE, Ordering::Acquire) & STATE == NOTIFIED
    }

    /// The owner's own time-out while it is PARKED: true when it won against every waker. When false, a
    /// waker has notified it and is about to wake it.
    pub(crate) fn abandon(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        // Acquire on failure: as in `commit`.
        word & STATE == PARKED
            && self
                .0
                .compare_exchange(word, (word & !STATE) | NOTIFIED, Ordering::Acquire, Ordering::Acquire)
                .is_ok()
    }

    /// Whether the wait `seq` may still be notified: for a timer heap that sweeps what is stale.
    pub(crate) fn is_waiting(&self, seq: Seq) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        word >> 2 == seq.0 && matches!(word & STATE, PARKING | PARKED)
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::g::status::{Status, StatusWord};
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32;
    use loom::thread;

    /// Park against two wakers (a timer and an unpark): one wins, the goroutine is readied exactly
    /// once, after its context was saved, and what the winner wrote is seen.
    #[test]
    fn park_and_two_wakers() {
        loom::model(|| {
            struct Goroutine {
                commit: Commit,
                status: StatusWord,
                saved: loom::cell::UnsafeCell<bool>,
                readied: AtomicU32,
            }
            let g = Arc::new(Goroutine {
                commit: Commit::new(),
                status: StatusWord::new(),
                saved: loom::cell::UnsafeCell::new(false),
                readied: AtomicU32::new(0),
            });
            g.status.set(Status::Idle, Status::Dead);
            g.status.revive();
            assert!(g.status.claim(g.status.tag()));

            fn ready(g: &Goroutine) {
                g.status.ready();
                g.readied.fetch_add(1, Ordering::Relaxed);
            }
            let seq = g.commit.begin();
            let waker = |g: Arc<Goroutine>| {
                thread::spawn(move || {
                    let answer = g.commit.notify(seq);
                    if answer == Notify::Ready {
                        ready(&g);
                    }
                    answer != Notify::Stale
                })
            };
            let (a, b) = (waker(g.clone()), waker(g.clone()));
            // The switch: status, registers, then the action on the other side.
            g.status.set(Status::Running, Status::Waiting);
            // SAFETY: the goroutine is not runnable yet; loom checks that nobody else is at it.
            g.saved.with_mut(|s| unsafe { *s = true });
            if !g.commit.commit() {
                ready(&g);
            }
            // Another M claims it.
            while !g.status.claim(g.status.tag()) {
                loom::thread::yield_now();
            }
            // SAFETY: claimed, hence ours.
            g.saved.with(|s| assert!(unsafe { *s }));
            assert!(g.commit.end());
            assert!(a.join().unwrap() ^ b.join().unwrap(), "exactly one waker wins");
            assert_eq!(g.readied.load(Ordering::Relaxed), 1);
        });
    }
}
