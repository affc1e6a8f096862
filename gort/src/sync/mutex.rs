//! `std::sync::Mutex` for goroutines.
//!
//! State: 0 free, 1 held, 2 held and somebody may wait. A waiter sets 2 and queues itself under the
//! queue's lock; an unlocker that finds 2 takes one off under the same lock, so it comes either before
//! the waiter's exchange, which then finds 0, or after the waiter has queued itself. Who was woken
//! tries again: whoever is quicker gets the lock.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use crate::g::wait_reason::WaitReason;
use crate::sched::park;
use crate::wait::Monitor;

/// How often a taker looks before it queues itself.
const SPIN: u32 = 30;

/// Mutual exclusion: `std::sync::Mutex`, except that [`lock`](Mutex::lock) blocks a goroutine and not
/// its thread. Poisoned when a holder panics, not when it is ended by [`goexit`](crate::goexit).
///
/// ```
/// use std::sync::Arc;
/// use gort::sync::Mutex;
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let counter = Arc::new(Mutex::new(0));
/// let handles: Vec<_> = (0..8)
///     .map(|_| {
///         let counter = counter.clone();
///         gort::spawn(move || *counter.lock().unwrap() += 1)
///     })
///     .collect();
/// for h in handles {
///     h.join().unwrap();
/// }
/// assert_eq!(*counter.lock().unwrap(), 8);
/// # });
/// ```
pub struct Mutex<T: ?Sized> {
    state: AtomicU32,
    poisoned: AtomicBool,
    waiters: Monitor<()>,
    data: UnsafeCell<T>,
}

// SAFETY: the data is reached by the holder alone, on whatever thread.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> std::panic::RefUnwindSafe for Mutex<T> {}
impl<T: ?Sized> std::panic::UnwindSafe for Mutex<T> {}

/// The right to the data of a [`Mutex`]; dropping it unlocks. It may move between threads with its
/// goroutine but is not `Send`, as std's.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    panicking: bool,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared access to the data only.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(value: T) -> Self {
        Self {
            state: AtomicU32::new(0),
            poisoned: AtomicBool::new(false),
            waiters: Monitor::new(()),
            data: UnsafeCell::new(value),
        }
    }

    /// The data.
    ///
    /// # Errors
    /// When poisoned; the data is inside.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.is_poisoned();
        let data = self.data.into_inner();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Blocks until the lock is free and takes it. May move the goroutine to another thread. Not
    /// re-entrant: locking twice in one goroutine deadlocks.
    ///
    /// # Errors
    /// When poisoned; the guard is inside.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        park::check_preempt();
        // Acquire: pairs with the Release in `unlock`.
        if self.state.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_slow();
        }
        self.guard()
    }

    #[cold]
    fn lock_slow(&self) {
        for _ in 0..SPIN {
            if self.state.load(Ordering::Relaxed) == 0
                && self.state.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            std::hint::spin_loop();
        }
        loop {
            let mut taken = false;
            self.waiters.wait_if(WaitReason::Mutex, |()| {
                taken = self.state.swap(2, Ordering::Acquire) == 0;
                !taken
            });
            // If we have it, it says 2 although perhaps nobody waits: the unlock looks once too often.
            if taken {
                return;
            }
        }
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// `WouldBlock` when it is held, `Poisoned` when poisoned.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if self.state.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(TryLockError::WouldBlock);
        }
        self.guard().map_err(TryLockError::Poisoned)
    }

    fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        let guard = MutexGuard { mutex: self, panicking: crate::panicking(), not_send: PhantomData };
        if self.is_poisoned() { Err(PoisonError::new(guard)) } else { Ok(guard) }
    }

    fn unlock(&self) {
        // Release: what was done under the lock is seen by the next holder.
        if self.state.swap(0, Ordering::Release) == 2 {
            self.waiters.wake_one_if(|()| true);
        }
    }

    /// Whether a holder has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Forgets that.
    pub fn clear_poison(&self) {
        self.poisoned.store(false, Ordering::Relaxed);
    }

    /// The data, without locking: the borrow is exclusive.
    ///
    /// # Errors
    /// When poisoned; the borrow is inside.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.is_poisoned();
        let data = self.data.get_mut();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the right to the data.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, exclusively.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if !self.panicking && crate::panicking() {
            self.mutex.poisoned.store(true, Ordering::Relaxed);
        }
        self.mutex.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut d = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => d.field("data", &&*guard),
            Err(TryLockError::Poisoned(err)) => d.field("data", &&**err.get_ref()),
            Err(TryLockError::WouldBlock) => d.field("data", &format_args!("<locked>")),
        };
        d.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
