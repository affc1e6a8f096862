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
//! - WOKEN and STARVING exclude each other: who sets STARVING was woken, and clears WOKEN with the same exchange; while
//!   STARVING is set nobody sets WOKEN.
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
        // exchange that guesses wrong as long as others wait. Where nobody does, the exchange does not wait for the look.
        let state = self.state.load(Ordering::Relaxed);
        let taken = match state {
            0 => self.take(0, false).is_ok(),
            _ => state & (LOCKED | STARVING) == 0 && self.take(state, false).is_ok(),
        };
        if !taken {
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
            match self.take(state, false) {
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
        debug_assert!(state & (LOCKED | STARVING) == 0);
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
        // With WOKEN somebody is awake, and will see in this word that the lock is free.
        if before & (WAITERS | WOKEN) == WAITERS {
            self.unlock_slow();
        }
    }

    #[cold]
    fn unlock_slow(&self) {
        let popped = self.lock.with(|| {
            let state = self.state.load(Ordering::Relaxed);
            // Somebody holds it again and will unlock, or is awake and will look.
            if state & (WAITERS | WOKEN | LOCKED) != WAITERS {
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

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitive::Arc;
    use crate::sched::{Guarded, check, mutexes_spin, time_comes};
    use loom::thread;

    struct Model {
        mutex: RawMutex,
        data: Guarded,
        /// Who has had the mutex, in order: a digit each. Changed by holders.
        turns: AtomicU32,
    }

    impl Model {
        fn new() -> Arc<Self> {
            Arc::new(Self { mutex: RawMutex::new(), data: Guarded::new(), turns: AtomicU32::new(0) })
        }

        fn lock(&self, who: u32) {
            self.mutex.lock();
            self.note(who);
        }

        fn note(&self, who: u32) {
            self.data.add();
            self.turns.store(self.turns.load(Ordering::Relaxed) * 10 + who, Ordering::Relaxed);
        }

        fn turn(&self, who: u32) {
            self.lock(who);
            self.unlock();
        }

        fn unlock(&self) {
            let state = self.mutex.state.load(Ordering::Relaxed);
            assert!(state & LOCKED != 0);
            assert!(state & (WOKEN | STARVING) != WOKEN | STARVING, "who sets STARVING has cleared WOKEN");
            self.mutex.unlock();
        }

        fn is(&self, bit: u32) -> bool {
            self.mutex.state.load(Ordering::Relaxed) & bit != 0
        }

        fn had(&self, who: u32) -> bool {
            self.turns.load(Ordering::Relaxed).to_string().contains(&who.to_string())
        }

        fn wait_until(&self, f: impl Fn() -> bool) {
            while !f() {
                thread::yield_now();
            }
        }

        /// Nobody is at it any more.
        fn is_free(&self, turns: u32) {
            assert_eq!(self.data.get(), turns);
            assert_eq!(self.mutex.state.load(Ordering::Relaxed), 0, "no waiter was left behind");
        }
    }

    fn starts(m: &Arc<Model>, f: impl FnOnce(&Model) + Send + 'static) -> thread::JoinHandle<()> {
        let m = m.clone();
        thread::spawn(move || f(&m))
    }

    /// An unlocker is late: before it comes to wake somebody the mutex was taken, and a waiter has begun to starve.
    #[test]
    fn late_unlocker() {
        check(3, || {
            let m = Model::new();
            m.lock(1);
            let waiter = starts(&m, |m| m.turn(2));
            let barger = starts(&m, |m| {
                m.turn(3);
                time_comes();
                m.turn(3);
            });
            m.unlock();
            waiter.join().unwrap();
            barger.join().unwrap();
            m.is_free(4);
        });
    }

    /// The same, and what the holder between has written is seen by the one that the late unlocker hands the mutex to.
    #[test]
    fn late_unlocker_hands_over() {
        check(2, || {
            let m = Model::new();
            let release = |m: &Model| m.mutex.state.fetch_sub(LOCKED, Ordering::Release);
            m.lock(1);
            let waiter = starts(&m, |m| m.turn(2));
            m.wait_until(|| m.is(WAITERS));
            time_comes();
            release(&m);
            let late = starts(&m, |m| m.mutex.unlock_slow());
            m.turn(3);
            m.lock(3);
            m.wait_until(|| m.had(2) || m.is(STARVING));
            release(&m);
            m.mutex.unlock_slow();
            waiter.join().unwrap();
            late.join().unwrap();
            m.is_free(4);
        });
    }

    /// While somebody starves nobody takes the mutex, however it tries: it is handed over.
    fn nobody_overtakes_one_who_starves(preemptions: usize, newcomer: fn(&Model)) {
        check(preemptions, move || {
            mutexes_spin();
            let m = Model::new();
            m.lock(1);
            let waiter = starts(&m, |m| m.turn(2));
            m.wait_until(|| m.is(WAITERS));
            time_comes();
            m.unlock();
            m.lock(1);
            // The waiter was quicker, or finds that it starves.
            let served = m.turns.load(Ordering::Relaxed) != 11;
            m.wait_until(|| served || m.is(STARVING));
            let newcomer = starts(&m, newcomer);
            m.unlock();
            waiter.join().unwrap();
            newcomer.join().unwrap();
            let turns = m.turns.load(Ordering::Relaxed);
            assert!(served || [112, 1123].contains(&turns), "{turns}: the next is the one who starves");
            m.is_free(turns.to_string().len() as u32);
        });
    }

    #[test]
    fn no_newcomer_overtakes_one_who_starves() {
        nobody_overtakes_one_who_starves(2, |m| m.turn(3));
    }

    #[test]
    fn no_try_lock_overtakes_one_who_starves() {
        nobody_overtakes_one_who_starves(2, |m| {
            if m.mutex.try_lock() {
                m.note(3);
                m.unlock();
            }
        });
    }

    /// `try_lock` among those who wait: it takes what is free, sees what holders did, and wakes whom it must.
    #[test]
    fn try_lock_among_waiters() {
        check(2, || {
            let m = Model::new();
            let others = [2, 3].map(|who| {
                let m = m.clone();
                thread::spawn(move || m.turn(who))
            });
            let mut turns = 2;
            for _ in 0..2 {
                if m.mutex.try_lock() {
                    m.note(1);
                    turns += 1;
                    m.unlock();
                }
            }
            others.into_iter().for_each(|t| t.join().unwrap());
            m.is_free(turns);
        });
    }
}
