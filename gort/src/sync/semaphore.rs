//! A counting semaphore, first come, first served.
//!
//! Invariants, under the lock
//! - `waiting` is the length of the queue; each waiter there says how many permits it wants.
//! - While somebody waits the permits do not suffice for the first of them; newcomers queue behind, however
//!   little they want. So one that wants many gets them.
//! - A waiter is woken with its permits taken for it.
//! - `takers` counts the [`SemaphorePermit`]s, and `ids` is the sum of the ids of those who have taken them: for dumps.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::g::wait_reason::WaitReason;
use crate::primitive::const_fn;
use crate::sched::{current, park};
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
    takers: usize,
    ids: u32,
}

/// How many permits somebody takes, and who: a goroutine's id, as far as it fits, or 0 for a thread that is none.
#[derive(Clone, Copy)]
struct Share {
    n: usize,
    by: u32,
}

impl State {
    fn take(&mut self, share: Share) -> bool {
        let may = self.waiting == 0 && self.permits >= share.n;
        if may {
            self.give(share);
        }
        may
    }

    fn give(&mut self, share: Share) {
        self.permits -= share.n;
        self.takers += 1;
        self.ids = self.ids.wrapping_add(share.by);
    }

    /// One who has taken some has them no more, whether they are given back or not.
    fn forget(&mut self, by: u32) {
        self.takers -= 1;
        self.ids = self.ids.wrapping_sub(by);
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
    share: Share,
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
            Self { state: Monitor::new(State { permits, waiting: 0, takers: 0, ids: 0 }) }
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
        let mut share = Self::share(n);
        let element = (&raw mut share).cast();
        self.state.wait_for_if(element, WaitReason::Semacquire, |s| {
            let taken = s.take(share);
            if !taken {
                s.waiting += 1;
                self.note(s);
            }
            !taken
        });
        SemaphorePermit { semaphore: self, share }
    }

    fn share(n: usize) -> Share {
        Share { n, by: current::note().max(0) as u32 }
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
        let share = Self::share(n);
        self.state.with(|s| s.take(share)).then(|| SemaphorePermit { semaphore: self, share })
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
        self.add(n, |_| ());
    }

    #[track_caller]
    fn add(&self, n: usize, before: impl FnOnce(&mut State)) {
        let fits = self.state.wake_with(|s, waiters| {
            before(s);
            let Some(permits) = s.permits.checked_add(n) else { return false };
            s.permits = permits;
            while let Some(element) = waiters.first() {
                // SAFETY: who waits has put there what it wants, and sleeps.
                let share = unsafe { *element.cast::<Share>() };
                if share.n > s.permits {
                    break;
                }
                s.give(share);
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
    /// For dumps, while somebody waits: how many permits there are, and above that who alone has taken others. 0 if nobody
    /// knows.
    fn note(&self, s: &State) {
        let only = if s.takers == 1 { i64::from(s.ids) } else { 0 };
        let permits = i64::from(u32::try_from(s.permits).unwrap_or(u32::MAX));
        self.state.note().store(only << 32 | permits, Ordering::Relaxed);
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
        self.share.n
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
        self.share.n = 0;
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.add(self.share.n, |s| s.forget(self.share.by));
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit").field("permits", &self.share.n).finish_non_exhaustive()
    }
}
