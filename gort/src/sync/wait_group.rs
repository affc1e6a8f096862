//! Go's `sync.WaitGroup`.

use std::fmt;
#[cfg(gort_runtime)]
use std::panic::Location;

use crate::g::wait_reason::WaitReason;
use crate::primitive::{Arc, AtomicI64, Ordering};
#[cfg(gort_runtime)]
use crate::sched::newproc::{getcallerpc, newproc};
use crate::sched::park;
use crate::wait::Monitor;

/// Counts what is still to be done and lets others wait for it to be nothing. A clone shares the
/// count.
///
/// ```
/// use gort::sync::WaitGroup;
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let wg = WaitGroup::new();
/// for i in 0..3 {
///     wg.go(move || println!("{i}"));
/// }
/// wg.wait();
/// # });
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::WaitGroup;
///
/// let wg = WaitGroup::new();
/// wg.add(2);
/// for _ in 0..2 {
///     let wg = wg.clone();
///     gort::go!(move || wg.done());
/// }
/// wg.wait();
/// # });
/// ```
#[derive(Clone, Default)]
pub struct WaitGroup {
    inner: Arc<Inner>,
}

struct Inner {
    /// First: dumps know it by its address.
    waiters: Monitor<()>,
    /// Otherwise the count is the monitor's note, which dumps show and models do not look at.
    #[cfg(loom)]
    count: AtomicI64,
}

impl Inner {
    fn count(&self) -> &AtomicI64 {
        #[cfg(loom)]
        return &self.count;
        #[cfg(not(loom))]
        self.waiters.note()
    }
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            waiters: Monitor::new(()),
            #[cfg(loom)]
            count: AtomicI64::new(0),
        }
    }
}

impl WaitGroup {
    /// Nothing to be done.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// gort::sync::WaitGroup::new().wait(); // nothing to be done
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `delta`, which may be negative, to the count. At zero all waiters go on.
    ///
    /// # Panics
    /// When the count becomes negative, as in Go.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let wg = gort::sync::WaitGroup::new();
    /// wg.add(2);
    /// let theirs = wg.clone();
    /// gort::go!(move || theirs.add(-2));
    /// wg.wait();
    /// # });
    /// ```
    #[track_caller]
    pub fn add(&self, delta: i64) {
        // AcqRel: what was done before each `done` happens before the wait returns.
        let count = self.inner.count().fetch_add(delta, Ordering::AcqRel) + delta;
        assert!(count >= 0, "sync: negative WaitGroup counter");
        if count == 0 && delta != 0 {
            self.inner.waiters.wake_all_if(|()| true);
        }
    }

    /// One thing less to be done.
    ///
    /// # Panics
    /// When there was none.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let wg = gort::sync::WaitGroup::new();
    /// wg.add(1);
    /// wg.done();
    /// wg.wait();
    /// ```
    #[track_caller]
    pub fn done(&self) {
        self.add(-1);
    }

    /// Blocks until the count is zero. May move the goroutine to another thread.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::sync::WaitGroup;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// static RUNS: AtomicU32 = AtomicU32::new(0);
    /// let wg = WaitGroup::new();
    /// (0..3).for_each(|_| wg.go(|| drop(RUNS.fetch_add(1, Ordering::Relaxed))));
    /// wg.wait();
    /// assert_eq!(RUNS.load(Ordering::Relaxed), 3);
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        park::check_preempt();
        // Acquire: pairs with the Release in `add`. The last `done` takes the lock after its decrement,
        // so it finds us queued or we see zero.
        self.inner
            .waiters
            .wait_if(WaitReason::WaitGroup, |()| self.inner.count().load(Ordering::Acquire) != 0);
    }

    /// Starts `f` as a goroutine that is counted: Go's `WaitGroup.Go`. It is counted out on every path,
    /// also when it panics.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let wg = gort::sync::WaitGroup::new();
    /// wg.go(|| println!("from a goroutine"));
    /// wg.go(|| gort::goexit());
    /// wg.wait();
    /// # });
    /// ```
    #[cfg(gort_runtime)]
    #[inline(always)]
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() + Send + 'static,
    {
        struct Done(WaitGroup);
        impl Drop for Done {
            fn drop(&mut self) {
                self.0.done();
            }
        }
        self.add(1);
        let done = Done(self.clone());
        newproc(getcallerpc(), Location::caller(), None, move || {
            let _done = done;
            f();
        });
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("count", &self.inner.count().load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
