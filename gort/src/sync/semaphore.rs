//! A counting semaphore, first come, first served.
//!
//! Invariants, under the lock
//! - `waiting` is the length of the queue; each waiter there says how many permits it wants.
//! - While somebody waits the permits do not suffice for the first of them; newcomers queue behind, however
//!   little they want. So one that wants many gets them.
//! - A waiter is woken with its permits taken for it.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::g::wait_reason::WaitReason;
use crate::primitive::const_fn;
use crate::sched::park;
use crate::wait::Monitor;

/// A number of permits, which are taken and given back: Go's `semaphore.Weighted`. Fair: who comes
/// first is served first.
///
/// ```
/// use gort::sync::Semaphore;
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let semaphore = Semaphore::new(2);
/// let permit = semaphore.acquire();
/// let other = semaphore.try_acquire().expect("one is left");
/// assert!(semaphore.try_acquire().is_none());
/// drop((permit, other));
/// assert_eq!(semaphore.available_permits(), 2);
/// # });
/// ```
#[doc(alias = "Weighted")]
pub struct Semaphore {
    state: Monitor<State>,
}

struct State {
    permits: usize,
    waiting: usize,
}

impl State {
    fn take(&mut self, n: usize) -> bool {
        let may = self.waiting == 0 && self.permits >= n;
        if may {
            self.permits -= n;
        }
        may
    }
}

/// Permits of a [`Semaphore`]; dropping it gives them back.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::Semaphore;
///
/// let semaphore = Semaphore::new(1);
/// semaphore.add_permits(1);
/// let permits = semaphore.try_acquire_many(2).expect("two are there");
/// assert!(semaphore.try_acquire().is_none());
/// permits.forget();
/// assert_eq!(semaphore.available_permits(), 0);
/// # });
/// ```
#[must_use = "if unused the permits are given back at once"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    n: usize,
}

impl Semaphore {
    const_fn! {
        /// With `permits` permits.
        ///
        /// ```
        /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
        /// static CONNECTIONS: gort::sync::Semaphore = gort::sync::Semaphore::new(10);
        /// assert_eq!(CONNECTIONS.available_permits(), 10);
        /// ```
        pub const fn new(permits: usize) -> Self {
            Self { state: Monitor::new(State { permits, waiting: 0 }) }
        }
    }

    /// Blocks until there is a permit and takes it. May move the goroutine to another thread.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let semaphore = gort::sync::Semaphore::new(2);
    /// gort::scope(|s| {
    ///     for _ in 0..10 {
    ///         s.spawn(|| {
    ///             let _permit = semaphore.acquire();
    ///             // … at most two at a time …
    ///         });
    ///     }
    /// });
    /// ```
    #[doc(alias = "Acquire")]
    #[track_caller]
    pub fn acquire(&self) -> SemaphorePermit<'_> {
        self.acquire_many(1)
    }

    /// Blocks until there are `n` permits at the same time and takes them. Who comes later waits behind,
    /// also for fewer. May move the goroutine to another thread.
    ///
    /// ```
    /// use gort::sync::Semaphore;
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let semaphore = Semaphore::new(3);
    /// let permits = semaphore.acquire_many(2);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// assert_eq!(permits.permits(), 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire_many(&self, n: usize) -> SemaphorePermit<'_> {
        park::check_preempt();
        self.state.wait_for_if(n, WaitReason::Semacquire, |s| {
            let taken = s.take(n);
            if !taken {
                s.waiting += 1;
                self.note(s);
            }
            !taken
        });
        SemaphorePermit { semaphore: self, n }
    }

    /// Takes a permit if there is one and nobody waits for it.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let semaphore = gort::sync::Semaphore::new(1);
    /// let permit = semaphore.try_acquire();
    /// assert!(permit.is_some() && semaphore.try_acquire().is_none());
    /// ```
    #[doc(alias = "TryAcquire")]
    pub fn try_acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if there are as many and nobody waits for them.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let semaphore = gort::sync::Semaphore::new(3);
    /// assert!(semaphore.try_acquire_many(4).is_none());
    /// assert_eq!(semaphore.try_acquire_many(3).unwrap().permits(), 3);
    /// ```
    pub fn try_acquire_many(&self, n: usize) -> Option<SemaphorePermit<'_>> {
        self.state.with(|s| s.take(n)).then(|| SemaphorePermit { semaphore: self, n })
    }

    /// How many permits nobody has.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let semaphore = gort::sync::Semaphore::new(3);
    /// let _permit = semaphore.acquire();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.state.with(|s| s.permits)
    }

    /// Adds `n` permits. Never blocks.
    ///
    /// # Panics
    /// When there would be more than `usize::MAX`.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::sync::{Arc, Semaphore};
    ///
    /// let semaphore = Arc::new(Semaphore::new(0));
    /// let theirs = semaphore.clone();
    /// gort::go!(move || theirs.add_permits(2));
    /// semaphore.acquire_many(2).forget();
    /// # });
    /// ```
    #[doc(alias = "Release")]
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        let fits = self.state.wake_with(|s, waiters| {
            let Some(permits) = s.permits.checked_add(n) else { return false };
            s.permits = permits;
            while let Some(want) = waiters.first().filter(|&want| want <= s.permits) {
                s.permits -= want;
                s.waiting -= 1;
                waiters.wake_first();
            }
            self.note(s);
            true
        });
        assert!(fits, "gort: more permits than a semaphore can count");
    }
}

impl Semaphore {
    /// For dumps: how many permits there are while somebody waits.
    fn note(&self, s: &State) {
        self.state.note().store(s.permits as i64, Ordering::Relaxed);
    }
}

impl std::panic::RefUnwindSafe for Semaphore {}
impl std::panic::UnwindSafe for Semaphore {}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("permits", &self.available_permits()).finish_non_exhaustive()
    }
}

impl SemaphorePermit<'_> {
    /// How many it stands for.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let semaphore = gort::sync::Semaphore::new(3);
    /// assert_eq!(semaphore.acquire_many(2).permits(), 2);
    /// ```
    pub fn permits(&self) -> usize {
        self.n
    }

    /// The permits are not given back: the semaphore has fewer from now on.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let semaphore = gort::sync::Semaphore::new(3);
    /// semaphore.acquire().forget();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn forget(mut self) {
        self.n = 0;
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        if self.n > 0 {
            self.semaphore.add_permits(self.n);
        }
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit").field("permits", &self.n).finish_non_exhaustive()
    }
}
