//! `std::sync::Mutex` for goroutines: data and poison.
//!
//! The lock itself is in [`raw_mutex`](super::raw_mutex). Invariant: a guard exists exactly while the
//! lock is held for it, and only through a guard is the data reached.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use super::raw_mutex::RawMutex;
use crate::primitive::const_fn;
use crate::sched::{current, park};

/// Mutual exclusion: `std::sync::Mutex`, except that [`lock`](Mutex::lock) blocks a goroutine and not
/// its thread. Who waits gets it after about a millisecond of bad luck against others. Poisoned when a holder panics, not when it is ended by [`goexit`](crate::goexit).
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
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::Mutex;
///
/// let mut mutex = Mutex::new(1);
/// *mutex.get_mut().unwrap() += 1;
/// let guard = mutex.lock().unwrap();
/// assert!(mutex.try_lock().is_err());
/// drop(guard);
/// assert!(!mutex.is_poisoned());
/// mutex.clear_poison();
/// assert_eq!(mutex.into_inner().unwrap(), 2);
/// # });
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    /// Written and read by holders, and asked for by anybody.
    poisoned: AtomicBool,
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
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let mutex = gort::sync::Mutex::new(1);
/// let mut guard = mutex.lock().unwrap();
/// *guard += 1;
/// drop(guard);
/// assert_eq!(*mutex.lock().unwrap(), 2);
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    panicking: bool,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared access to the data only.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// An unlocked mutex.
        ///
        /// ```
        /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
        /// use gort::sync::Mutex;
        ///
        /// static COUNT: Mutex<u32> = Mutex::new(0);
        /// *COUNT.lock().unwrap() += 1;
        /// ```
        pub const fn new(value: T) -> Self {
            Self { raw: RawMutex::new(), poisoned: AtomicBool::new(false), data: UnsafeCell::new(value) }
        }
    }

    /// The data.
    ///
    /// # Errors
    /// When poisoned; the data is inside.
    ///
    /// ```
    /// let mutex = gort::sync::Mutex::new(5);
    /// assert_eq!(mutex.into_inner().unwrap(), 5);
    /// ```
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
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let mutex = gort::sync::Mutex::new(0);
    /// gort::scope(|s| {
    ///     for _ in 0..4 {
    ///         s.spawn(|| *mutex.lock().unwrap() += 1);
    ///     }
    /// });
    /// assert_eq!(*mutex.lock().unwrap(), 4);
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        // Asked before the exchange that takes the lock: what comes after it waits for it.
        let holder = current::note();
        park::check_preempt();
        self.raw.lock();
        self.raw.note_holder(holder);
        self.guard(crate::panicking())
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// `WouldBlock` when it is held, `Poisoned` when poisoned.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::{Mutex, TryLockError};
    ///
    /// let mutex = Mutex::new(5);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    /// drop(guard);
    /// assert_eq!(*mutex.try_lock().unwrap(), 5);
    /// ```
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if !self.raw.try_lock() {
            return Err(TryLockError::WouldBlock);
        }
        self.raw.note_holder(current::note());
        self.guard(crate::panicking()).map_err(TryLockError::Poisoned)
    }

    /// The guard of one who has the lock, and whether it panicked already when it locked.
    #[inline]
    fn guard(&self, panicking: bool) -> LockResult<MutexGuard<'_, T>> {
        let guard = MutexGuard { mutex: self, panicking, not_send: PhantomData };
        if self.is_poisoned() { Err(PoisonError::new(guard)) } else { Ok(guard) }
    }

    /// Whether a holder has panicked.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::Mutex;
    ///
    /// let mutex = Mutex::new(5);
    /// let panics = || {
    ///     let _guard = mutex.lock().unwrap();
    ///     panic!("with the lock");
    /// };
    /// assert!(gort::catch_unwind(panics).is_err());
    /// assert!(mutex.is_poisoned());
    /// let data = mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    /// assert_eq!(*data, 5);
    /// ```
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Forgets that.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::Mutex;
    ///
    /// let mutex = Mutex::new(5);
    /// let panics = || {
    ///     let _guard = mutex.lock().unwrap();
    ///     panic!("with the lock");
    /// };
    /// assert!(gort::catch_unwind(panics).is_err());
    /// *mutex.lock().unwrap_err().into_inner() = 0;
    /// mutex.clear_poison();
    /// assert_eq!(*mutex.lock().unwrap(), 0);
    /// ```
    pub fn clear_poison(&self) {
        self.poisoned.store(false, Ordering::Relaxed);
    }

    /// The data, without locking: the borrow is exclusive.
    ///
    /// # Errors
    /// When poisoned; the borrow is inside.
    ///
    /// ```
    /// let mut mutex = gort::sync::Mutex::new(5);
    /// *mutex.get_mut().unwrap() = 6;
    /// assert_eq!(mutex.into_inner().unwrap(), 6);
    /// ```
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.is_poisoned();
        let data = self.data.get_mut();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }
}

/// A mutex that a [`Condvar`](super::Condvar) has unlocked and must lock again.
pub(super) struct Unlocked<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    panicking: bool,
}

/// Unlocks for the time of a wait, which poisons nothing. Never parks.
pub(super) fn unlock_for_wait<T: ?Sized>(guard: MutexGuard<'_, T>) -> Unlocked<'_, T> {
    let unlocked = Unlocked { mutex: guard.mutex, panicking: guard.panicking };
    std::mem::forget(guard);
    unlocked.mutex.raw.unlock();
    unlocked
}

/// Locks again: the same guard as before, in std's eyes.
pub(super) fn relock<'a, T: ?Sized>(unlocked: Unlocked<'a, T>) -> LockResult<MutexGuard<'a, T>> {
    unlocked.mutex.raw.lock();
    unlocked.mutex.raw.note_holder(current::note());
    unlocked.mutex.guard(unlocked.panicking)
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard is the right to the data.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, exclusively.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.panicking && crate::panicking() {
            self.mutex.poisoned.store(true, Ordering::Relaxed);
        }
        self.mutex.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut d = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => d.field("data", &&*guard),
            Err(TryLockError::Poisoned(err)) => d.field("data", &&**err.get_ref()),
            Err(TryLockError::WouldBlock) => d.field("data", &"<locked>"),
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
