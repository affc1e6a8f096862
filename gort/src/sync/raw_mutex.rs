//! The lock inside of [`Mutex`](super::Mutex).
//!
//! Two modes. Normally a waiter that is woken competes with whoever comes along, who is running already
//! and mostly wins: one switch for many lockings. A waiter that has lost for more than
//! [`STARVING_AFTER`] makes the mode starving: newcomers queue at once, and each unlock hands the lock
//! over to the longest waiter. The mode ends with a waiter that is the last one or has waited for less.
//!
//! | bit      | meaning | set by | cleared by |
//! | -------- | ------- | ------ | ---------- |
//! | LOCKED   | held, or handed over | taker; unlocker that hands over | unlocker |
//! | WOKEN    | somebody is awake and will look: wake nobody | unlocker that wakes; a taker that spins | that one, when it takes or queues |
//! | STARVING | see above | waiter that queues again, while LOCKED | unlocker whose hand-over empties the queues; who was handed the lock |
//! | WAITERS  | a queue is not empty | waiter that queues, while LOCKED | unlocker that empties them |
//!
//! Invariants
//! - STARVING and WAITERS are set, and waiters taken off, only with `lock` held. A waiter sets WAITERS in
//!   the same exchange in which it sees LOCKED (or STARVING), so the unlock that follows sees it and
//!   comes for it.
//! - While STARVING nobody takes the lock; it is given by an unlocker that holds `lock`.
//! - WOKEN implies that somebody is on its way to take the lock or to queue, and will clear it then. It
//!   may be clear while somebody is: then one more is woken than needed.
//! - Who was woken and lost waits in `again`, which goes before `fresh`: it keeps its turn. As WOKEN
//!   lets about one at a time compete, `again` is about one long.
//!
//! Go: internal/sync/mutex.go.

use std::ptr;

use crate::g::wait_reason::WaitReason;
use crate::lock::Noted;
use crate::primitive::{AtomicU32, Ordering, const_fn, spin_loop};
use crate::sched::current;
use crate::sys::clock::nanotime;
use crate::wait::{WaitQueue, Waiter};

const LOCKED: u32 = 1;
const WOKEN: u32 = 2;
const STARVING: u32 = 4;
const WAITERS: u32 = 8;

/// How often a taker spins before it queues, and how many pauses each time. Go: `active_spin`.
const SPINS: u32 = if cfg!(loom) { 1 } else { 4 };
const PAUSES: u32 = if cfg!(loom) { 1 } else { 30 };
/// Nanoseconds after which a waiter is owed the lock. Go: `starvationThresholdNs`.
const STARVING_AFTER: u64 = 1_000_000;

/// See the module.
pub(super) struct RawMutex {
    state: AtomicU32,
    /// Beside it, who took the mutex last.
    lock: Noted,
    fresh: WaitQueue,
    again: WaitQueue,
}

// SAFETY: the queues are touched only with `lock` held.
unsafe impl Sync for RawMutex {}
// SAFETY: queues that are moved are empty: waiters borrow their mutex.
unsafe impl Send for RawMutex {}

impl RawMutex {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { state: AtomicU32::new(0), lock: Noted::new(), fresh: WaitQueue::new(), again: WaitQueue::new() }
        }
    }

    #[inline]
    pub(super) fn lock(&self) {
        // Free, maybe while somebody who was woken is on its way: we are quicker. To look first costs less than an
        // exchange that guesses wrong as long as others wait.
        let state = self.state.load(Ordering::Relaxed);
        if state & (LOCKED | STARVING) != 0 || self.take(state, false).is_err() {
            self.lock_slow();
        }
    }

    /// Says who has it, for dumps: who has just taken it.
    #[inline]
    pub(super) fn note_holder(&self, holder: i64) {
        self.lock.note.store(holder, Ordering::Relaxed);
    }

    pub(super) fn try_lock(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (LOCKED | STARVING) == 0 {
            match self.state.compare_exchange_weak(
                state,
                state | LOCKED,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[cold]
    fn lock_slow(&self) {
        let mut begin = None;
        // Whether WOKEN is ours to clear.
        let mut woken = false;
        let mut starving = false;
        loop {
            // First: on a plain thread without a runtime this panics, and nothing is changed yet.
            let waiter = Waiter::new(ptr::null_mut());
            if self.spin(&mut woken) {
                return;
            }
            let again = begin.is_some();
            let begin = *begin.get_or_insert_with(nanotime);
            self.lock.lock();
            if !self.take_or_announce(woken, starving) {
                let queue = if again { &self.again } else { &self.fresh };
                queue.wait(&self.lock, &waiter, WaitReason::Mutex);
            } else {
                self.lock.unlock();
                return;
            }
            let waited = nanotime().saturating_sub(begin);
            // Written before we were readied.
            if waiter.done.get() {
                if waited < STARVING_AFTER {
                    // Relaxed: it guards nothing. If a waiter that was woken before sets it at the
                    // same time, that is undone; it waits in `again` and sets it when it loses again.
                    self.state.fetch_and(!STARVING, Ordering::Relaxed);
                }
                return;
            }
            woken = true;
            starving = waited > STARVING_AFTER;
        }
    }

    /// Takes the lock if it is or soon gets free; meanwhile the unlocker need not wake anybody.
    fn spin(&self, woken: &mut bool) -> bool {
        let mut spins = 0;
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if state & (LOCKED | STARVING) == 0 {
                if self.take(state, *woken).is_ok() {
                    return true;
                }
                continue;
            }
            if state & STARVING != 0 || spins == SPINS || !current::may_spin() {
                return false;
            }
            if !*woken && state & (WOKEN | WAITERS) == WAITERS {
                let woke =
                    self.state.compare_exchange(state, state | WOKEN, Ordering::Relaxed, Ordering::Relaxed);
                *woken = woke.is_ok();
            }
            spins += 1;
            (0..PAUSES).for_each(|_| spin_loop());
        }
    }

    /// Takes the lock, which `state` says is free.
    #[inline(always)]
    fn take(&self, state: u32, woken: bool) -> Result<u32, u32> {
        let new = (state | LOCKED) & !if woken { WOKEN } else { 0 };
        // Acquire, here and at the other places that take: pairs with the Release in `unlock`.
        self.state.compare_exchange(state, new, Ordering::Acquire, Ordering::Relaxed)
    }

    /// With `lock` held: takes the lock, or says in the state that the caller is about to queue.
    fn take_or_announce(&self, woken: bool, starving: bool) -> bool {
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if state & (LOCKED | STARVING) == 0 {
                if self.take(state, woken).is_ok() {
                    return true;
                }
                continue;
            }
            let mut new = state | WAITERS;
            // Only while it is held: else nobody's unlock would look.
            if starving && state & LOCKED != 0 {
                new |= STARVING;
            }
            if woken {
                new &= !WOKEN;
            }
            // Relaxed: the queue is under `lock`.
            if self.state.compare_exchange(state, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return false;
            }
        }
    }

    /// Releases the lock, which the caller holds. Never parks.
    #[inline]
    pub(super) fn unlock(&self) {
        // Release: what was done under the lock is seen by the next holder. One that is handed the lock
        // sees it by way of `lock`.
        let before = self.state.fetch_sub(LOCKED, Ordering::Release);
        // With WOKEN somebody is awake, and will see in this word that the lock is free: unless it is to be handed over.
        if before & WAITERS != 0 && before & (WOKEN | STARVING) != WOKEN {
            self.unlock_slow();
        }
    }

    #[cold]
    fn unlock_slow(&self) {
        let popped = self.lock.with(|| {
            let state = self.state.load(Ordering::Relaxed);
            // Somebody holds it again and will unlock, or is awake and will look.
            if state & WAITERS == 0 || state & LOCKED != 0 || state & (WOKEN | STARVING) == WOKEN {
                return None;
            }
            let popped = self.again.pop().or_else(|| self.fresh.pop())?;
            let empty = self.again.is_empty() && self.fresh.is_empty();
            if state & STARVING != 0 {
                popped.set_done();
            }
            self.change(|state| {
                let set = if state & STARVING != 0 { LOCKED } else { WOKEN };
                (state | set) & !if empty { WAITERS | STARVING } else { 0 }
            });
            Some(popped)
        });
        if let Some(waiter) = popped {
            waiter.ready();
        }
    }

    fn change(&self, f: impl Fn(u32) -> u32) {
        let mut state = self.state.load(Ordering::Relaxed);
        // Acquire: the one that is handed the lock sees what earlier holders did. Relaxed store: what
        // the state says of the queues is read under `lock`.
        while let Err(now) =
            self.state.compare_exchange_weak(state, f(state), Ordering::Acquire, Ordering::Relaxed)
        {
            state = now;
        }
    }
}
