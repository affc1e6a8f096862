//! A lock that blocks an M (a thread), for the runtime's own short critical sections.
//!
//! Nothing parks a goroutine, runs user code or waits for a goroutine while it holds one. A lock may
//! be held across a context switch: the side that is resumed unlocks it (`AfterSwitch::Unlock`), so
//! the guard-less pair of calls is the primitive and [`Lock::with`] the usual form.
//!
//! State: 0 free, 1 held. Who finds it held looks again a while and then sleeps. A sleeper is counted in a table
//! beside the locks, by the lock's address, so that releasing is a plain store and a look at a word that hardly
//! ever changes, and not a read-modify-write:
//!
//! ```text
//!   unlock: word = 0               (Release)       sleeper: count += 1
//!           light fence                                     heavy fence
//!           count is 0: nobody sleeps                       sleep while word is 1 (the kernel looks)
//! ```
//!
//! Of the two fences the later one is run after the other side's store (Dekker): the unlocker sees the sleeper, or
//! the kernel sees the 0. The count does not lie in the lock because a lock's memory may be gone as soon as it is
//! free. Where membarrier is missing each count has a bit that makes unlockers run a full fence.
//!
//! Rejected: a third state, held and somebody sleeps, which makes `unlock` an exchange: a ping-pong round trip has
//! four.
//!
//! Go: lock_futex.go.

use std::sync::atomic::AtomicI64;

#[cfg(not(loom))]
use crate::primitive::spin_loop;
use crate::primitive::{AtomicU32, AtomicU64, Ordering, const_fn, fence};
#[cfg(not(loom))]
use crate::sys::{barrier, clock, futex};

/// How long a taker rests before it looks again, in turns of [`spin_loop`]: twice as long each time, until it gives way;
/// and how often it gives way before it sleeps. Sections are tens of nanoseconds long, and each look takes the line from
/// an M that may take the lock many times in a row.
#[cfg(not(loom))]
const REST: u32 = 2;
#[cfg(not(loom))]
const REST_MAX: u32 = 64;
#[cfg(not(loom))]
const YIELDS: u32 = 2;

/// Counts of sleepers, each for all locks whose address falls on it: a count that is too high costs a wake-up of
/// nobody.
const COUNTS: usize = if cfg!(loom) { 1 } else { 64 };
/// In each count: `unlock` must run a full fence. Stands there until the runtime knows better.
const FENCED: u32 = 1 << 31;

#[cfg(not(loom))]
static SLEEPERS: [AtomicU32; COUNTS] = [const { AtomicU32::new(FENCED) }; COUNTS];

#[cfg(not(loom))]
#[inline(always)]
fn sleepers(lock: *const AtomicU32) -> &'static AtomicU32 {
    &SLEEPERS[(lock as usize >> 6) % COUNTS]
}

/// Says that [`barrier::light`] is enough in `unlock`. Called by the booting thread, once.
#[cfg(not(loom))]
pub(crate) fn use_light_fences() {
    for count in &SLEEPERS {
        count.fetch_and(!FENCED, Ordering::Relaxed);
    }
    // A sleeper that ran `heavy` before it had a meaning is passed a fence by this one.
    barrier::heavy();
}

/// What releasing has to do beyond the store of 0: whether somebody may sleep.
#[cold]
#[inline(never)]
fn may_sleep(count: &AtomicU32) -> bool {
    let mut n = count.load(Ordering::Relaxed);
    if n & FENCED != 0 {
        fence(Ordering::SeqCst);
        n = count.load(Ordering::Relaxed);
    }
    n & !FENCED != 0
}

/// A futex lock without a guard.
#[cfg(not(loom))]
#[derive(Debug, Default)]
pub(crate) struct Lock(AtomicU32);

#[cfg(not(loom))]
impl Lock {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    fn try_lock(&self) -> bool {
        // Acquire: pairs with the Release in `unlock`.
        self.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock.
    #[inline]
    pub(crate) fn lock(&self) {
        if !self.try_lock() {
            self.lock_slow();
        }
    }

    /// [`lock`](Self::lock); gives how many nanoseconds it took, if it was held.
    #[inline(always)]
    pub(crate) fn lock_timed(&self) -> u64 {
        if self.try_lock() { 0 } else { self.lock_slow_timed() }
    }

    #[cold]
    #[inline(never)]
    fn lock_slow_timed(&self) -> u64 {
        let start = clock::nanotime();
        self.lock_slow();
        clock::nanotime() - start
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self) {
        for _ in 0..=YIELDS {
            let mut rest = REST;
            while rest <= REST_MAX {
                (0..rest).for_each(|_| spin_loop());
                rest *= 2;
                if self.0.load(Ordering::Relaxed) == 0 && self.try_lock() {
                    return;
                }
            }
            std::thread::yield_now();
        }
        let count = sleepers(&self.0);
        count.fetch_add(1, Ordering::Relaxed);
        barrier::heavy();
        while !self.try_lock() {
            futex::wait(&self.0, 1, crate::sys::clock::NEVER);
        }
        count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Releases the lock. The memory of the lock may be gone as soon as the word says 0; the wake
    /// that follows uses the address alone.
    #[inline]
    pub(crate) fn unlock(&self) {
        let word = &raw const self.0;
        // Release: what was done inside is seen by the next to take it.
        self.0.store(0, Ordering::Release);
        barrier::light();
        let count = sleepers(word);
        if count.load(Ordering::Relaxed) != 0 && may_sleep(count) {
            futex::wake(word, 1);
        }
    }

    /// Runs `f` with the lock held.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Unlock<'a>(&'a Lock);
        impl Drop for Unlock<'_> {
            fn drop(&mut self) {
                self.0.unlock();
            }
        }
        self.lock();
        let _unlock = Unlock(self);
        f()
    }
}

/// A lock with a word beside it that tells dumps something of what it guards: who holds it (an id, 0 if nobody
/// knows, or [`NO_GOROUTINE`]), or a count. Who waits under a lock for a reason whose note a dump reads
/// (`traceback/blame.rs`) does so under one of these.
#[repr(C)]
pub(crate) struct Noted {
    lock: Lock,
    /// std's in models too: nothing depends on it.
    pub(crate) note: AtomicI64,
}

/// The note of something held by a thread that is no goroutine.
pub(crate) const NO_GOROUTINE: i64 = -1;

/// The same for a lock of many readers or one writer, whose state tells dumps who reads. The note is who writes, or
/// while others read the first of those who wait to write, 0 if nobody does.
#[repr(C)]
pub(crate) struct NotedReaders {
    noted: Noted,
    pub(crate) state: AtomicU64,
}

/// Bits of [`NotedReaders::state`]: below the number of readers, and above it, modulo 2^32, the sum of their ids. A single
/// one's is the sum. They are added and taken away by the operations that count, so they cost nothing.
pub(crate) const WRITER: u64 = 1;
pub(crate) const QUEUED: u64 = 2;
const READER: u64 = 4;
const IDS: u32 = 32;

/// One reader: a goroutine's id, of which the lower half is enough to tell those apart that live at the same time, or 0
/// for a thread that is none. What it adds to the state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader(u64);

impl Reader {
    /// `note`: who it is, as a note has it.
    #[inline(always)]
    pub(crate) fn new(note: i64) -> Self {
        Self(READER | (note.max(0) as u64) << IDS)
    }

    /// The state with one reader more.
    #[inline(always)]
    pub(crate) fn added_to(self, state: u64) -> u64 {
        // The sum wraps.
        state.wrapping_add(self.0)
    }

    /// What its leaving takes away from the state.
    #[inline(always)]
    pub(crate) fn share(self) -> u64 {
        self.0
    }
}

/// How many readers a state counts.
#[inline(always)]
pub(crate) fn readers(state: u64) -> u32 {
    state as u32 / READER as u32
}

/// The sum of their ids.
pub(crate) fn ids_of_readers(state: u64) -> u32 {
    (state >> IDS) as u32
}

impl NotedReaders {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { noted: Noted::new(), state: AtomicU64::new(0) }
        }
    }
}

impl std::ops::Deref for NotedReaders {
    type Target = Noted;

    #[inline(always)]
    fn deref(&self) -> &Noted {
        &self.noted
    }
}

impl Noted {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { lock: Lock::new(), note: AtomicI64::new(0) }
        }
    }
}

impl std::ops::Deref for Noted {
    type Target = Lock;

    #[inline(always)]
    fn deref(&self) -> &Lock {
        &self.lock
    }
}

/// Under loom the lock is loom's mutex: models check what is built on it, not futexes.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct Lock {
    mutex: loom::sync::Mutex<()>,
    /// Of the one who holds it: whoever that is unlocks, perhaps on behalf of another.
    guard: std::cell::UnsafeCell<Option<loom::sync::MutexGuard<'static, ()>>>,
}

#[cfg(loom)]
// SAFETY: `guard` is touched by the holder alone.
unsafe impl Sync for Lock {}
#[cfg(loom)]
// SAFETY: as above.
unsafe impl Send for Lock {}

#[cfg(loom)]
impl Lock {
    pub(crate) fn new() -> Self {
        Self { mutex: loom::sync::Mutex::new(()), guard: std::cell::UnsafeCell::new(None) }
    }

    pub(crate) fn lock(&self) {
        let guard = self.mutex.lock().unwrap();
        // SAFETY: we hold it; it is put back to the lifetime that it has by the `unlock` that must follow.
        let guard = unsafe {
            std::mem::transmute::<loom::sync::MutexGuard<'_, ()>, loom::sync::MutexGuard<'static, ()>>(guard)
        };
        // SAFETY: who holds the mutex has the guard's place.
        unsafe { *self.guard.get() = Some(guard) };
    }

    pub(crate) fn unlock(&self) {
        // SAFETY: the caller holds it.
        let guard = unsafe { (*self.guard.get()).take() };
        drop(guard.expect("locked"));
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Unlock<'a>(&'a Lock);
        impl Drop for Unlock<'_> {
            fn drop(&mut self) {
                self.0.unlock();
            }
        }
        self.lock();
        let _unlock = Unlock(self);
        f()
    }
}

/// The protocol of the module's head, with a futex made of loom's own parts.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitive::UnsafeCell;
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    struct Model {
        word: AtomicU32,
        count: AtomicU32,
        /// The kernel's queue: how many sleep, under its lock.
        queue: Mutex<u32>,
        woken: Condvar,
        guarded: UnsafeCell<u32>,
    }

    // SAFETY: that accesses of `guarded` exclude each other is what the model checks.
    unsafe impl Sync for Model {}

    impl Model {
        fn try_lock(&self) -> bool {
            self.word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
        }

        /// `Lock::lock_slow` without its spinning.
        fn lock(&self) {
            if self.try_lock() {
                return;
            }
            self.count.fetch_add(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            while !self.try_lock() {
                let mut queue = self.queue.lock().unwrap();
                // The kernel looks under the lock of its queue, after a full fence.
                fence(Ordering::SeqCst);
                if self.word.load(Ordering::Relaxed) == 1 {
                    *queue += 1;
                    drop(self.woken.wait(queue).unwrap());
                }
            }
            self.count.fetch_sub(1, Ordering::Relaxed);
        }

        fn unlock(&self) {
            self.word.store(0, Ordering::Release);
            if self.count.load(Ordering::Relaxed) != 0 && may_sleep(&self.count) {
                let mut queue = self.queue.lock().unwrap();
                if *queue > 0 {
                    *queue -= 1;
                    self.woken.notify_one();
                }
            }
        }
    }

    /// Two threads take the lock: nobody sleeps for good (loom reports a deadlock), and they exclude each other.
    #[test]
    fn nobody_sleeps_for_good() {
        loom::model(|| {
            let m = Arc::new(Model {
                word: AtomicU32::new(0),
                count: AtomicU32::new(FENCED),
                queue: Mutex::new(0),
                woken: Condvar::new(),
                guarded: UnsafeCell::new(0),
            });
            let turn = |m: &Model| {
                m.lock();
                // SAFETY: checked by loom.
                m.guarded.with_mut(|n| unsafe { *n += 1 });
                m.unlock();
            };
            let other = thread::spawn({
                let m = m.clone();
                move || turn(&m)
            });
            turn(&m);
            other.join().unwrap();
            // SAFETY: the other thread has ended.
            m.guarded.with_mut(|n| assert_eq!(unsafe { *n }, 2));
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn readers_come_and_go() {
        let check = |notes: &[i64], sum: u32| {
            let others = Reader::new(7).added_to(QUEUED);
            let all = notes.iter().fold(others, |state, &note| Reader::new(note).added_to(state));
            assert_eq!((readers(all), ids_of_readers(all)), (notes.len() as u32 + 1, sum.wrapping_add(7)));
            let left = notes.iter().fold(all, |state, &note| state.wrapping_sub(Reader::new(note).share()));
            assert_eq!(left, others, "{notes:?}");
        };
        check(&[], 0);
        check(&[1, 2, 3], 6);
        check(&[NO_GOROUTINE, NO_GOROUTINE], 0);
        check(&[i64::from(u32::MAX), i64::from(u32::MAX), 5], 3);
        check(&[(9 << 32) + 4, i64::MAX], 3);
    }
}
