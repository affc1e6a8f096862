//! A lock that costs an M which has it for itself no read-modify-write: the lock of a channel.
//!
//! Goroutines that meet at a channel run mostly on one M, where they take turns anyway. So a lock that the same M
//! has taken many times in a row is *biased* to it. From then on that M takes it by a store to its own [`Slot`], and
//! whoever else comes takes the bias away first:
//!
//! ```text
//!   the M that has the bias                      another
//!   lock:   slot = this lock                     1. take the inner lock
//!           light fence                          2. bias = none
//!           bias is mine: it is locked              heavy fence
//!           else slot = 0, as another            3. wait while that M's slot names this lock
//!   unlock: slot = 0              (Release)         (Acquire on the slot)
//! ```
//!
//! Of the two fences the later one is run after the other side's store (Dekker): the M sees that it has lost the
//! bias, or the other sees its slot. The mark lies in the M and not in the lock, because an M that has lost the bias
//! long ago may be about to set and reset its mark: in its own slot that harms nobody. An M is inside one such lock
//! at a time.
//!
//! Taking a bias away costs a membarrier, as much as some thousand uncontended acquisitions save. So the bias is given
//! after [`STREAK`] acquisitions in a row, and each time that it is taken away the next one takes twice as many, up to
//! a number that makes the price not worth mentioning.
//!
//! `plain` says how the holder has it. Only the holder looks at it or writes it.
//!
//! Rejected: an owner's mark in the lock (above); biasing for good (a pair of goroutines that moves to another M would
//! pay for ever).

use std::ptr;

#[cfg(not(loom))]
use crate::contention::Meter;
use crate::lock::Lock;
#[cfg(loom)]
use crate::primitive::fence;
use crate::primitive::{AtomicPtr, AtomicU32, Cell, Ordering, spin_loop};
#[cfg(not(loom))]
use crate::sys::{barrier, futex};

/// Acquisitions in a row by one M before the lock is biased to it.
const STREAK: u32 = if cfg!(loom) { 1 } else { 512 };
const STREAK_MAX: u32 = 1 << 15;
/// How often a taker looks at the slot of the M that it has taken the bias from before it sleeps.
#[cfg(not(loom))]
const SPIN: u32 = 100;

/// What loom puts in place of the kernel: full fences on both sides.
#[cfg(loom)]
mod barrier {
    pub(super) fn light() {
        super::fence(super::Ordering::SeqCst);
    }
    pub(super) fn heavy() {
        super::fence(super::Ordering::SeqCst);
    }
    pub(super) fn asymmetric() -> bool {
        true
    }
}
/// What an M is inside of. In the M, never freed.
#[derive(Debug)]
pub(crate) struct Slot {
    /// [`mark`] of the lock that the M is inside of, or about to find out that it is not; 0 for none. Written by
    /// the M.
    inside: AtomicU32,
    /// How many sleep until the M has left. As in [`crate::lock`], but not in its table, as a slot never goes; and the
    /// light fence is enough, as nothing is biased where it is not.
    #[cfg(not(loom))]
    sleepers: AtomicU32,
    #[cfg(not(loom))]
    meter: Meter,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            inside: AtomicU32::new(0),
            #[cfg(not(loom))]
            sleepers: AtomicU32::new(0),
            #[cfg(not(loom))]
            meter: Meter::new(),
        }
    }

    /// Release: pairs with the Acquire of whoever has taken the bias away and waits. The lock's memory may be gone
    /// from here on: the wake-up uses the slot's address.
    #[inline(always)]
    fn leave(&self) {
        self.inside.store(0, Ordering::Release);
        #[cfg(not(loom))]
        {
            barrier::light();
            if self.sleepers.load(Ordering::Relaxed) != 0 {
                self.wake();
            }
        }
    }

    #[cfg(not(loom))]
    #[cold]
    #[inline(never)]
    fn wake(&self) {
        futex::wake(&self.inside, i32::MAX);
    }

    /// Waits until the M is not inside the lock of this mark.
    #[cfg(not(loom))]
    fn wait_until_left(&self, mark: u32) {
        // Acquire: pairs with the Release in `leave`: what was done inside is ours to see.
        let inside = || self.inside.load(Ordering::Acquire) == mark;
        for _ in 0..SPIN {
            if !inside() {
                return;
            }
            spin_loop();
        }
        // As in `lock`: the M sees that somebody sleeps, or the kernel sees that it has left.
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        barrier::heavy();
        while inside() {
            futex::wait(&self.inside, mark, crate::sys::clock::NEVER);
        }
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    #[cfg(loom)]
    fn wait_until_left(&self, mark: u32) {
        while self.inside.load(Ordering::Acquire) == mark {
            spin_loop();
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct BiasedLock {
    /// The slot of the M that it is biased to. Written by who has the inner lock.
    bias: AtomicPtr<Slot>,
    inner: Lock,
    /// Whether the holder has it by the inner lock.
    plain: Cell<bool>,
    /// Who took the inner lock last, how often in a row, and how many make a bias. Under the inner lock.
    last: Cell<*const Slot>,
    streak: Cell<u32>,
    wanted: Cell<u32>,
}

// SAFETY: the cells are touched by the holder alone.
unsafe impl Sync for BiasedLock {}
// SAFETY: as above; `last` is only compared.
unsafe impl Send for BiasedLock {}

impl BiasedLock {
    pub(crate) fn new() -> Self {
        Self {
            bias: AtomicPtr::new(ptr::null_mut()),
            inner: Lock::new(),
            plain: Cell::new(false),
            last: Cell::new(ptr::null()),
            streak: Cell::new(0),
            wanted: Cell::new(STREAK),
        }
    }

    /// What a slot says of an M that is inside. Two locks that fall on the same number cost a moment's wait.
    #[inline(always)]
    fn mark(&self) -> u32 {
        (ptr::from_ref(self) as usize >> 2) as u32 | 1
    }

    /// Takes the lock. `slot` is that of the calling thread's M, if it has one.
    #[inline(always)]
    pub(crate) fn lock(&self, slot: Option<&'static Slot>) {
        if let Some(slot) = slot
            && ptr::eq(self.bias.load(Ordering::Relaxed), slot)
        {
            slot.inside.store(self.mark(), Ordering::Relaxed);
            barrier::light();
            // Relaxed: who held it before is this thread, or gave the bias to it under the inner lock.
            if ptr::eq(self.bias.load(Ordering::Relaxed), slot) {
                return;
            }
            slot.leave();
        }
        self.lock_plain(slot);
    }

    #[inline]
    fn lock_plain(&self, slot: Option<&'static Slot>) {
        #[cfg(not(loom))]
        let waited = self.inner.lock_timed();
        #[cfg(loom)]
        self.inner.lock();
        let bias = self.bias.load(Ordering::Relaxed);
        if !bias.is_null() {
            self.take_bias(bias);
        }
        if let Some(slot) = slot
            && ptr::eq(self.last.get(), slot)
        {
            let streak = self.streak.get() + 1;
            self.streak.set(streak);
            if streak >= self.wanted.get() && barrier::asymmetric() {
                return self.give_bias(slot);
            }
        } else {
            #[cfg(not(loom))]
            if let Some(slot) = slot
                && !self.last.get().is_null()
            {
                slot.meter.taken_over(waited);
            }
            self.last.set(slot.map_or(ptr::null(), ptr::from_ref));
            self.streak.set(0);
        }
        self.plain.set(true);
    }

    /// The caller, who has the inner lock, has the lock by bias from now on.
    #[cold]
    fn give_bias(&self, slot: &'static Slot) {
        self.streak.set(0);
        slot.inside.store(self.mark(), Ordering::Relaxed);
        // Who takes it away takes the inner lock first: pairs with the Release of its `unlock`, which also has the
        // mark of the slot in place.
        self.bias.store(ptr::from_ref(slot).cast_mut(), Ordering::Relaxed);
        self.inner.unlock();
    }

    /// The caller has the inner lock; the M that it was biased to may be inside.
    #[cold]
    #[inline(never)]
    fn take_bias(&self, bias: *const Slot) {
        // SAFETY: only slots of Ms are stored, and Ms are never freed.
        let slot = unsafe { &*bias };
        self.bias.store(ptr::null_mut(), Ordering::Relaxed);
        self.last.set(ptr::null());
        self.streak.set(0);
        self.wanted.set((self.wanted.get() * 2).min(STREAK_MAX));
        barrier::heavy();
        slot.wait_until_left(self.mark());
    }

    /// Releases the lock. Its memory may be gone as soon as it is free. On the thread that took it, whose slot is given.
    #[inline(always)]
    pub(crate) fn unlock(&self, slot: Option<&'static Slot>) {
        if self.plain.get() {
            self.plain.set(false);
            self.inner.unlock();
        } else if let Some(slot) = slot {
            slot.leave();
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitive::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    struct Model {
        lock: BiasedLock,
        guarded: UnsafeCell<u32>,
    }

    // SAFETY: that accesses of `guarded` exclude each other is what the models check.
    unsafe impl Sync for Model {}
    // SAFETY: as above.
    unsafe impl Send for Model {}

    fn slot() -> &'static Slot {
        Box::leak(Box::new(Slot::new()))
    }

    fn turn(m: &Model, slot: &'static Slot) {
        m.lock.lock(Some(slot));
        // SAFETY: checked by loom.
        m.guarded.with_mut(|n| unsafe { *n += 1 });
        m.lock.unlock(Some(slot));
    }

    fn model(mine: u32, theirs: u32) {
        loom::model(move || {
            let m = Arc::new(Model { lock: BiasedLock::new(), guarded: UnsafeCell::new(0) });
            let (a, b) = (slot(), slot());
            // Twice in a row, and it is biased to `a`.
            turn(&m, a);
            turn(&m, a);
            assert!(ptr::eq(m.lock.bias.load(Ordering::Relaxed), a));
            let other = thread::spawn({
                let m = m.clone();
                move || (0..theirs).for_each(|_| turn(&m, b))
            });
            (0..mine).for_each(|_| turn(&m, a));
            other.join().unwrap();
            // SAFETY: the other thread has ended.
            m.guarded.with_mut(|n| assert_eq!(unsafe { *n }, 2 + mine + theirs));
        });
    }

    /// One who has the bias is inside, or about to go, when another takes it away.
    #[test]
    fn bias_against_its_taker() {
        model(1, 1);
    }

    /// The taker earns the bias in turn while the first may still be on its way in.
    #[test]
    fn bias_that_changes_hands() {
        model(1, 3);
    }
}
