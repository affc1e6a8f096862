//! The guards of [`RwLock`]: who may reach its data, and how. A guard is made only by one who has taken
//! the lock in its mode, and releases it when dropped.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use super::RwLock;
use super::raw_rwlock::RawRwLock;
use crate::lock::Reader;

/// The right to read the data of an [`RwLock`]; dropping it gives it up. It may move between threads
/// with its goroutine but is not `Send`, as std's.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let lock = gort::sync::RwLock::new(5);
/// let guard = lock.read().unwrap();
/// assert_eq!(*guard, 5);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// Not the lock itself: who may only read may take the data for something that lives shorter, as with `&T`.
    data: NonNull<T>,
    raw: &'a RawRwLock,
    /// As whom the lock counts it.
    reader: Reader,
}

/// The right to the data of an [`RwLock`]; dropping it gives it up. Not `Send`, as std's.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let lock = gort::sync::RwLock::new(5);
/// let mut guard = lock.write().unwrap();
/// *guard += 1;
/// drop(guard);
/// assert_eq!(*lock.read().unwrap(), 6);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    panicking: bool,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared access to the data only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

/// The guard of one who has taken `lock` to read.
pub(super) fn reader<T: ?Sized>(lock: &RwLock<T>, reader: Reader) -> RwLockReadGuard<'_, T> {
    // SAFETY: the address of a part of what `lock` refers to.
    let data = unsafe { NonNull::new_unchecked(lock.data.get()) };
    RwLockReadGuard { data, raw: &lock.raw, reader }
}

/// The guard of one who has taken `lock` to write.
pub(super) fn writer<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    RwLockWriteGuard { lock, panicking: crate::panicking(), not_send: PhantomData }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    fn poison(&self) {
        if !self.panicking && crate::panicking() {
            self.lock.poisoned.store(true, Ordering::Relaxed);
        }
    }

    /// From writing to reading, with no writer in between. Readers who wait come in as well.
    ///
    /// ```
    /// use gort::sync::{RwLock, RwLockWriteGuard};
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let lock = RwLock::new(1);
    /// let mut guard = lock.write().unwrap();
    /// *guard = 2;
    /// let guard = RwLockWriteGuard::downgrade(guard);
    /// assert_eq!(*lock.read().unwrap(), *guard);
    /// # });
    /// ```
    pub fn downgrade(s: Self) -> RwLockReadGuard<'a, T> {
        let guard = ManuallyDrop::new(s);
        guard.poison();
        reader(guard.lock, guard.lock.raw.downgrade())
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.raw.unlock_read(self.reader);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.poison();
        self.lock.raw.unlock_write();
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while the guard lives nobody writes, and the lock that it borrows from does.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while the guard lives the data is reached through it alone.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
