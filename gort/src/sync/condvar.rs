//! `std::sync::Condvar` for goroutines.
//!
//! A waiter releases the mutex under the queue's lock, in front of queueing itself: a notifier that saw
//! the mutex free, or took it, comes after that lock and so finds the waiter. Each notification takes one
//! waiter off, the longest first, or none; nobody wakes without one.
//!
//! Rejected: Go's tickets (`notifyList`), which release the mutex outside of the lock but must then
//! search the queue for the ticket whose turn it is.

use std::fmt;
use std::time::{Duration, Instant};

use super::mutex::{MutexGuard, relock, unlock_for_wait};
use super::{LockResult, PoisonError};
use crate::g::wait_reason::WaitReason;
use crate::primitive::const_fn;
use crate::sched::park;
use crate::sys::clock::{self, NEVER};
use crate::wait::Monitor;

/// Waiting for something that a [`Mutex`](super::Mutex) guards to change. There are no spurious
/// wake-ups, but check your condition: somebody else may have been quicker to lock.
///
/// ```
/// use gort::sync::{Arc, Condvar, Mutex};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let pair = Arc::new((Mutex::new(false), Condvar::new()));
/// let theirs = pair.clone();
/// gort::go! {
///     *theirs.0.lock().unwrap() = true;
///     theirs.1.notify_one();
/// }
/// let ready = pair.1.wait_while(pair.0.lock().unwrap(), |ready| !*ready).unwrap();
/// assert!(*ready);
/// # });
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::{Condvar, Mutex};
/// use std::time::Duration;
///
/// let (mutex, condvar) = (Mutex::new(0), Condvar::new());
/// gort::scope(|s| {
///     s.spawn(|| {
///         let mut n = mutex.lock().unwrap();
///         while *n == 0 {
///             n = condvar.wait(n).unwrap();
///         }
///     });
///     *mutex.lock().unwrap() = 1;
///     condvar.notify_all();
/// });
/// let guard = mutex.lock().unwrap();
/// let (_, result) = condvar.wait_timeout_while(guard, Duration::from_millis(1), |n| *n == 1).unwrap();
/// assert!(result.timed_out());
/// # #[allow(deprecated)]
/// let (_, notified) = condvar.wait_timeout_ms(mutex.lock().unwrap(), 1).unwrap();
/// assert!(!notified);
/// # });
/// ```
#[doc(alias = "Cond")]
pub struct Condvar {
    waiters: Monitor<()>,
}

/// Whether a wait ended because its time had come. Not std's own, which nobody else can make.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// use gort::sync::{Condvar, Mutex};
///
/// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
/// let (_guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), std::time::Duration::ZERO).unwrap();
/// assert!(result.timed_out());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time came before a notification.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(5), Condvar::new());
    /// let guard = mutex.lock().unwrap();
    /// let (_guard, result) = condvar.wait_timeout_while(guard, std::time::Duration::ZERO, |n| *n == 0).unwrap();
    /// assert!(!result.timed_out());
    /// ```
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    const_fn! {
        /// Nobody waits.
        ///
        /// ```
        /// static CHANGED: gort::sync::Condvar = gort::sync::Condvar::new();
        /// CHANGED.notify_all();
        /// ```
        pub const fn new() -> Self {
            Self { waiters: Monitor::new(()) }
        }
    }

    /// Unlocks, blocks until it is notified, and locks again. May move the goroutine to another thread.
    ///
    /// # Errors
    /// When the mutex is poisoned after that; the guard is inside.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// let (full, changed) = (Mutex::new(false), Condvar::new());
    /// gort::scope(|s| {
    ///     s.spawn(|| {
    ///         *full.lock().unwrap() = true;
    ///         changed.notify_one();
    ///     });
    ///     let mut guard = full.lock().unwrap();
    ///     while !*guard {
    ///         guard = changed.wait(guard).unwrap();
    ///     }
    /// });
    /// ```
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard, NEVER).map(|(guard, _)| guard).map_err(|e| PoisonError::new(e.into_inner().0))
    }

    /// [`wait`](Self::wait) while `condition` holds.
    ///
    /// # Errors
    /// When the mutex is poisoned after a wait; the guard is inside.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// let (queue, changed) = (Mutex::new(Vec::new()), Condvar::new());
    /// gort::scope(|s| {
    ///     s.spawn(|| {
    ///         queue.lock().unwrap().push(1);
    ///         changed.notify_one();
    ///     });
    ///     let mut queue = changed.wait_while(queue.lock().unwrap(), |queue| queue.is_empty()).unwrap();
    ///     assert_eq!(queue.pop(), Some(1));
    /// });
    /// ```
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// [`wait`](Self::wait) for at most `timeout`, not counting the time to lock again.
    ///
    /// # Errors
    /// When the mutex is poisoned after that; the guard is inside.
    ///
    /// ```
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    /// let timeout = std::time::Duration::from_millis(1);
    /// let (_guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), timeout).unwrap();
    /// assert!(result.timed_out());
    /// # });
    /// ```
    #[track_caller]
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        self.wait_until(guard, clock::after(timeout))
    }

    /// [`wait_timeout`](Self::wait_timeout) in milliseconds; false when the time came.
    ///
    /// # Errors
    /// When the mutex is poisoned after that; the guard is inside.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    /// #[allow(deprecated)]
    /// let (_guard, notified) = condvar.wait_timeout_ms(mutex.lock().unwrap(), 1).unwrap();
    /// assert!(!notified);
    /// ```
    #[deprecated(note = "std deprecates it: use wait_timeout")]
    #[track_caller]
    pub fn wait_timeout_ms<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        match self.wait_timeout(guard, Duration::from_millis(ms.into())) {
            Ok((guard, result)) => Ok((guard, !result.timed_out())),
            Err(e) => {
                let (guard, result) = e.into_inner();
                Err(PoisonError::new((guard, !result.timed_out())))
            }
        }
    }

    /// [`wait_while`](Self::wait_while) for at most `timeout` in all. It has timed out only if the
    /// condition still holds at the end.
    ///
    /// # Errors
    /// When the mutex is poisoned after a wait; the guard is inside.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (ready, changed) = (Mutex::new(false), Condvar::new());
    /// let guard = ready.lock().unwrap();
    /// let (guard, result) = changed.wait_timeout_while(guard, Duration::from_millis(1), |ready| !*ready).unwrap();
    /// assert!(result.timed_out() && !*guard);
    /// ```
    #[track_caller]
    pub fn wait_timeout_while<'a, T: ?Sized, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let begin = Instant::now();
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let Some(left) = timeout.checked_sub(begin.elapsed()) else {
                return Ok((guard, WaitTimeoutResult(true)));
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    #[track_caller]
    fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: u64,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        park::check_preempt();
        let mut guard = Some(guard);
        let mut unlocked = None;
        // To unlock readies at most one goroutine; it neither parks nor runs user code.
        let notified = self.waiters.wait_if_until(deadline, WaitReason::Cond, |()| {
            unlocked = guard.take().map(unlock_for_wait);
            true
        });
        let result = WaitTimeoutResult(!notified);
        match relock(unlocked.expect("unlocked to wait")) {
            Ok(guard) => Ok((guard, result)),
            Err(e) => Err(PoisonError::new((e.into_inner(), result))),
        }
    }

    /// Wakes the one that has waited longest, if anybody waits.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let condvar = gort::sync::Condvar::new();
    /// condvar.notify_one(); // nobody waits: it is not kept for later
    /// ```
    #[doc(alias = "Signal")]
    pub fn notify_one(&self) {
        self.waiters.wake_one_if(|()| true);
    }

    /// Wakes all who wait.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// let (open, changed) = (Mutex::new(false), Condvar::new());
    /// gort::scope(|s| {
    ///     for _ in 0..3 {
    ///         s.spawn(|| drop(changed.wait_while(open.lock().unwrap(), |open| !*open)));
    ///     }
    ///     *open.lock().unwrap() = true;
    ///     changed.notify_all();
    /// });
    /// ```
    #[doc(alias = "Broadcast")]
    pub fn notify_all(&self) {
        self.waiters.wake_all_if(|()| true);
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl std::panic::RefUnwindSafe for Condvar {}
impl std::panic::UnwindSafe for Condvar {}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
