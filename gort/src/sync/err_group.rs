//! Goroutines that work on one task and may fail: Go's `golang.org/x/sync/errgroup`.
//!
//! Invariants
//! - A member is counted in before it exists and counted out on every path, after its outcome is written
//!   and its place is given on: who waits sees the outcomes of all.
//! - `Places::taken` counts members that have a place; one that leaves while somebody waits for a place
//!   leaves it taken, for that one.
//! - `Outcome::failed` is set from the first error until somebody has taken it; errors meanwhile are dropped.
//! - Errors and payloads are dropped outside of the locks. Clones of errors run under the mutex of the outcome.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{Mutex, MutexGuard, WaitGroup};
use crate::g::wait_reason::WaitReason;
use crate::goroutine::catch_unwind;
use crate::sched::newproc::{getcallerpc, newproc};
use crate::sched::park;
use crate::wait::Monitor;

type Payload = Box<dyn Any + Send>;

/// Starts goroutines that return a `Result`, waits for all of them, and gives the first error. A clone
/// shares the group.
///
/// Different from Go: [`wait`](Self::wait) moves the error out, as it need not be `Clone`, and the group can be
/// used again; [`wait_cloned`](Self::wait_cloned) is Go's `Wait`, which gives it each time. A member that panics
/// does not end the process: who waits panics, and a [context](Self::with_context) is cancelled.
///
/// ```
/// use gort::sync::ErrGroup;
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let group = ErrGroup::new();
/// for text in ["1", "2", "x"] {
///     group.go(move || text.parse::<i32>().map(drop));
/// }
/// assert_eq!(group.wait().unwrap_err().to_string(), "invalid digit found in string");
/// # });
/// ```
#[doc(alias = "errgroup")]
pub struct ErrGroup<E> {
    inner: Arc<Inner<E>>,
}

#[repr(C)]
struct Inner<E> {
    /// First: dumps know a group by it.
    places: Monitor<Places>,
    running: WaitGroup,
    outcome: Mutex<Outcome<E>>,
    /// See [`ErrGroup::with_end`].
    end: Option<End<E>>,
}

type End<E> = Box<dyn Fn(Ending<'_, E>) + Send + Sync>;

/// Why a group's task is over.
pub(crate) enum Ending<'a, E> {
    /// The first error of a member.
    Failed(&'a E),
    /// A member has panicked.
    Panicked,
    /// Somebody has waited for all.
    Waited,
}

struct Places {
    limit: usize,
    taken: usize,
    waiting: usize,
}

struct Outcome<E> {
    /// There is an error, or will be before its member is counted out.
    failed: bool,
    error: Option<E>,
    /// A member has panicked; its payload until somebody waits.
    panicked: bool,
    payload: Option<Payload>,
}

/// Counts a member out.
struct Member<E>(Arc<Inner<E>>);

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        self.0.places.wake_one_if(|p| {
            let wanted = p.waiting > 0 && p.taken <= p.limit;
            if wanted {
                p.waiting -= 1;
            } else {
                p.taken -= 1;
            }
            wanted
        });
        self.0.running.done();
    }
}

impl<E: Send + 'static> ErrGroup<E> {
    /// An empty group, with no limit.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let group = gort::sync::ErrGroup::<String>::new();
    /// assert_eq!(group.wait(), Ok(()));
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty group that calls `end` each time its task is over.
    pub(crate) fn with_end(end: impl Fn(Ending<'_, E>) + Send + Sync + 'static) -> Self {
        Self { inner: Arc::new(Inner::new(Some(Box::new(end)))) }
    }

    /// At most `n` members run at the same time from now on; [`go`](Self::go) waits for a place. With 0
    /// none can be started; `usize::MAX` is no limit.
    ///
    /// # Panics
    /// When members are running, as in Go.
    ///
    /// ```
    /// use gort::sync::{ErrGroup, Mutex};
    ///
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let group = ErrGroup::<()>::new();
    /// group.set_limit(1);
    /// let (tx, rx) = gort::channel::bounded::<()>(0);
    /// group.go(move || rx.recv().map_err(drop));
    /// assert!(!group.try_go(|| Ok(())), "the place is taken");
    /// tx.send(()).unwrap();
    /// group.go(|| Ok(()));
    /// assert_eq!(group.wait(), Ok(()));
    /// # });
    /// ```
    #[track_caller]
    pub fn set_limit(&self, n: usize) {
        let taken = self.inner.places.with(|p| {
            if p.taken == 0 {
                p.limit = n;
            }
            p.taken
        });
        assert!(taken == 0, "errgroup: modify limit while {taken} goroutines in the group are still active");
        // Those who wait because the limit was 0.
        let mut more = true;
        while more {
            self.inner.places.wake_one_if(|p| {
                more = p.waiting > 0 && p.taken < p.limit;
                if more {
                    p.waiting -= 1;
                    p.taken += 1;
                }
                more
            });
        }
    }

    /// Starts `f` as a member; blocks while as many as the limit are running. The first error is kept
    /// for [`wait`](Self::wait), others are dropped.
    ///
    /// A panic in it does not end the process: it is raised again in [`wait`](Self::wait). Ended by
    /// [`goexit`](crate::goexit), it has not failed.
    ///
    /// May move the goroutine to another thread.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let group = gort::sync::ErrGroup::new();
    /// group.go(|| "5".parse::<i32>().map(|n| assert_eq!(n, 5)));
    /// group.wait().unwrap();
    /// # });
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        self.enter();
        self.start(getcallerpc(), Location::caller(), f);
    }

    /// [`go`](Self::go) if it needs no waiting; says whether it was started. Who waits in `go` comes first.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let group = gort::sync::ErrGroup::<String>::new();
    /// group.set_limit(0);
    /// assert!(!group.try_go(|| Ok(())));
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn try_go<F>(&self, f: F) -> bool
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let entered = self.inner.places.with(Places::take);
        if entered {
            self.start(getcallerpc(), Location::caller(), f);
        }
        entered
    }

    /// Waits for a place and takes it.
    #[track_caller]
    fn enter(&self) {
        park::check_preempt();
        self.inner.places.wait_if(WaitReason::Group, |p| {
            let taken = p.take();
            if !taken {
                p.waiting += 1;
                // For dumps.
                self.inner.places.note().store(p.limit as i64, Ordering::Relaxed);
            }
            !taken
        });
    }

    fn start<F>(&self, pc: usize, location: &'static Location<'static>, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        self.inner.running.add(1);
        let member = Member(self.inner.clone());
        newproc(pc, location, None, move || match catch_unwind(AssertUnwindSafe(f)) {
            Ok(Ok(())) => (),
            Ok(Err(error)) => member.0.fail(error),
            Err(payload) => member.0.panicked(payload),
        });
    }

    /// Blocks until no member is running. May move the goroutine to another thread. More members may
    /// be started afterwards.
    ///
    /// # Errors
    /// The first error of a member. It is moved out, and the group is then as one that has not failed: the
    /// next wait gives the first error that comes after that. Where several wait, one gets it; see
    /// [`wait_cloned`](Self::wait_cloned).
    ///
    /// # Panics
    /// When a member has panicked, errors or not: with its payload in the first to wait, with words
    /// that say so in others.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let group = gort::sync::ErrGroup::new();
    /// group.go(|| Err("failed"));
    /// assert_eq!(group.wait(), Err("failed"));
    /// group.go(|| Ok(()));
    /// assert_eq!(group.wait(), Ok(()), "the members since then");
    /// # });
    /// ```
    #[doc(alias = "Wait")]
    #[track_caller]
    pub fn wait(&self) -> Result<(), E> {
        self.wait_for_members();
        let mut outcome = self.inner.outcome();
        let Some(error) = outcome.error.take() else { return Ok(()) };
        outcome.failed = false;
        Err(error)
    }

    /// Go's `Wait`: [`wait`](Self::wait) that leaves the error where it is, so that each call gives the same.
    ///
    /// # Errors
    /// The first error of a member.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let group = gort::sync::ErrGroup::new();
    /// group.go(|| Err("first"));
    /// assert_eq!(group.wait_cloned(), Err("first"));
    /// group.go(|| Err("second"));
    /// assert_eq!(group.wait_cloned(), Err("first"));
    /// # });
    /// ```
    #[doc(alias = "Wait")]
    #[track_caller]
    pub fn wait_cloned(&self) -> Result<(), E>
    where
        E: Clone,
    {
        self.wait_for_members();
        self.inner.outcome().error.clone().map_or(Ok(()), Err)
    }

    #[track_caller]
    fn wait_for_members(&self) {
        self.inner.running.wait();
        if let Some(end) = &self.inner.end {
            end(Ending::Waited);
        }
        let (panicked, payload) = {
            let mut outcome = self.inner.outcome();
            (outcome.panicked, outcome.payload.take())
        };
        if let Some(payload) = payload {
            std::panic::resume_unwind(payload);
        }
        assert!(!panicked, "gort: a goroutine of the ErrGroup has panicked");
    }
}

impl Places {
    fn take(&mut self) -> bool {
        let may = self.taken < self.limit && self.waiting == 0;
        if may {
            self.taken += 1;
        }
        may
    }
}

impl<E> Inner<E> {
    fn new(end: Option<End<E>>) -> Self {
        Self {
            places: Monitor::new(Places { limit: usize::MAX, taken: 0, waiting: 0 }),
            running: WaitGroup::new(),
            outcome: Mutex::new(Outcome { failed: false, error: None, panicked: false, payload: None }),
            end,
        }
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome<E>> {
        // What is in there is whole also when the clone of an error has panicked.
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: E) {
        if std::mem::replace(&mut self.outcome().failed, true) {
            return;
        }
        if let Some(end) = &self.end {
            end(Ending::Failed(&error));
        }
        // Nobody takes it before: there was none.
        self.outcome().error = Some(error);
    }

    fn panicked(&self, payload: Payload) {
        if let Some(end) = &self.end {
            end(Ending::Panicked);
        }
        let mut outcome = self.outcome();
        if !outcome.panicked {
            outcome.panicked = true;
            outcome.payload = Some(payload);
            return;
        }
        drop(outcome);
        drop(payload);
    }
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<E> Default for ErrGroup<E> {
    fn default() -> Self {
        Self { inner: Arc::new(Inner::new(None)) }
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrGroup").field("running", &self.inner.running).finish_non_exhaustive()
    }
}
