//! `std::sync::RwLock` for goroutines: data and poison. The lock itself is in
//! [`raw_rwlock`](super::raw_rwlock), the guards in [`rwlock_guard`](super::rwlock_guard).
//!
//! Invariant: a guard exists exactly while the lock is held for it, and only through guards is the data
//! reached.

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::raw_rwlock::RawRwLock;
use super::{
    LockResult, PoisonError, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult, rwlock_guard,
};
use crate::sched::park;

/// Many readers or one writer: `std::sync::RwLock`, except that it blocks goroutines and not their
/// threads. Poisoned when a writer panics, not when it is ended by [`goexit`](crate::goexit).
///
/// Neither side starves: a writer that waits keeps new readers out, and after a writer the readers who
/// wait go first. So who reads must not read again while it does: a writer may wait in between.
///
/// ```
/// use gort::sync::RwLock;
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let lock = RwLock::new(5);
/// {
///     let (a, b) = (lock.read().unwrap(), lock.read().unwrap());
///     assert_eq!(*a + *b, 10);
///     assert!(lock.try_write().is_err());
/// }
/// *lock.write().unwrap() += 1;
/// assert_eq!(lock.into_inner().unwrap(), 6);
/// # });
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::RwLock;
///
/// let mut lock = RwLock::new(1);
/// *lock.get_mut().unwrap() += 1;
/// let reader = lock.read().unwrap();
/// assert_eq!(*lock.try_read().unwrap(), 2);
/// assert!(lock.try_write().is_err());
/// drop(reader);
/// assert!(!lock.is_poisoned());
/// lock.clear_poison();
/// # });
/// ```
#[doc(alias = "RWMutex")]
#[repr(C)]
pub struct RwLock<T: ?Sized> {
    /// First: dumps know a lock by it.
    pub(super) raw: RawRwLock,
    /// Written by writers, and asked for by anybody.
    pub(super) poisoned: AtomicBool,
    pub(super) data: UnsafeCell<T>,
}

// SAFETY: the data moves with the lock.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers on several threads share the data, a writer on any has it for itself.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> std::panic::RefUnwindSafe for RwLock<T> {}
impl<T: ?Sized> std::panic::UnwindSafe for RwLock<T> {}

impl<T> RwLock<T> {
    /// An unlocked lock.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::RwLock;
    ///
    /// static SETTINGS: RwLock<Vec<u8>> = RwLock::new(Vec::new());
    /// SETTINGS.write().unwrap().push(1);
    /// assert_eq!(SETTINGS.read().unwrap().len(), 1);
    /// ```
    pub const fn new(value: T) -> Self {
        Self { raw: RawRwLock::new(), poisoned: AtomicBool::new(false), data: UnsafeCell::new(value) }
    }

    /// The data.
    ///
    /// # Errors
    /// When poisoned; the data is inside.
    ///
    /// ```
    /// let lock = gort::sync::RwLock::new(5);
    /// assert_eq!(lock.into_inner().unwrap(), 5);
    /// ```
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.is_poisoned();
        let data = self.data.into_inner();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Blocks until nobody writes, and no writer waits that came before, and reads. May move the
    /// goroutine to another thread.
    ///
    /// # Errors
    /// When poisoned; the guard is inside.
    ///
    /// # Panics
    /// When there are 2^30 readers.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let lock = gort::sync::RwLock::new(5);
    /// let (one, other) = (lock.read().unwrap(), lock.read().unwrap());
    /// assert_eq!(*one, *other);
    /// ```
    #[doc(alias = "RLock")]
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        park::check_preempt();
        let reader = self.raw.read();
        self.poison(rwlock_guard::reader(self, reader))
    }

    /// Blocks until nobody else reads or writes, and writes. May move the goroutine to another thread.
    ///
    /// # Errors
    /// When poisoned; the guard is inside.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let lock = gort::sync::RwLock::new(5);
    /// *lock.write().unwrap() += 1;
    /// assert_eq!(*lock.read().unwrap(), 6);
    /// ```
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        park::check_preempt();
        self.raw.write();
        self.raw.note_writer();
        self.poison(rwlock_guard::writer(self))
    }

    /// Reads if that needs no waiting.
    ///
    /// # Errors
    /// `WouldBlock` when somebody writes or waits to, `Poisoned` when poisoned.
    ///
    /// # Panics
    /// When there are 2^30 readers.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let lock = gort::sync::RwLock::new(5);
    /// let writer = lock.write().unwrap();
    /// assert!(lock.try_read().is_err());
    /// drop(writer);
    /// assert_eq!(*lock.try_read().unwrap(), 5);
    /// ```
    #[doc(alias = "TryRLock")]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let Some(reader) = self.raw.try_read() else { return Err(TryLockError::WouldBlock) };
        self.poison(rwlock_guard::reader(self, reader)).map_err(TryLockError::Poisoned)
    }

    /// Writes if that needs no waiting.
    ///
    /// # Errors
    /// `WouldBlock` when somebody reads or writes, `Poisoned` when poisoned.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let lock = gort::sync::RwLock::new(5);
    /// let reader = lock.read().unwrap();
    /// assert!(lock.try_write().is_err());
    /// drop(reader);
    /// *lock.try_write().unwrap() += 1;
    /// ```
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        if !self.raw.try_write() {
            return Err(TryLockError::WouldBlock);
        }
        self.raw.note_writer();
        self.poison(rwlock_guard::writer(self)).map_err(TryLockError::Poisoned)
    }

    fn poison<R>(&self, value: R) -> LockResult<R> {
        if self.is_poisoned() { Err(PoisonError::new(value)) } else { Ok(value) }
    }

    /// Whether a writer has panicked.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::RwLock;
    ///
    /// let lock = RwLock::new(5);
    /// let panics = || {
    ///     let _guard = lock.write().unwrap();
    ///     panic!("with the lock");
    /// };
    /// assert!(gort::catch_unwind(panics).is_err());
    /// assert!(lock.is_poisoned());
    /// ```
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Forgets that.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::RwLock;
    ///
    /// let lock = RwLock::new(5);
    /// let panics = || {
    ///     let _guard = lock.write().unwrap();
    ///     panic!("with the lock");
    /// };
    /// assert!(gort::catch_unwind(panics).is_err());
    /// lock.clear_poison();
    /// assert_eq!(*lock.read().unwrap(), 5);
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
    /// let mut lock = gort::sync::RwLock::new(5);
    /// *lock.get_mut().unwrap() = 6;
    /// assert_eq!(lock.into_inner().unwrap(), 6);
    /// ```
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.is_poisoned();
        let data = self.data.get_mut();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut d = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => d.field("data", &&*guard),
            Err(TryLockError::Poisoned(err)) => d.field("data", &&**err.get_ref()),
            Err(TryLockError::WouldBlock) => d.field("data", &format_args!("<locked>")),
        };
        d.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
