//! Goroutines that work on one task and may fail: Go's `golang.org/x/sync/errgroup`.
//!
//! Invariants
//! - A member is counted in before it exists and counted out on every path, after its outcome is written
//!   and its place is given on: who waits sees the outcomes of all.
//! - `Places::taken` counts members that have a place; one that leaves while somebody waits for a place
//!   leaves it taken, for that one.
//! - Errors and payloads are dropped outside of the locks.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::Arc;

use super::WaitGroup;
use crate::g::wait_reason::WaitReason;
use crate::goroutine::catch_unwind;
use crate::sched::newproc::{getcallerpc, newproc};
use crate::sched::park;
use crate::wait::Monitor;

type Payload = Box<dyn Any + Send>;

/// Starts goroutines that return a `Result`, waits for all of them, and gives the first error. A clone
/// shares the group.
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

struct Inner<E> {
    running: WaitGroup,
    places: Monitor<Places>,
    outcome: Monitor<Outcome<E>>,
    /// See [`ErrGroup::with_end`].
    end: Option<End<E>>,
}

type End<E> = Box<dyn Fn(Option<&E>) + Send + Sync>;

struct Places {
    limit: usize,
    taken: usize,
    waiting: usize,
}

struct Outcome<E> {
    /// An error has been kept, perhaps also given out.
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
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty group that calls `end` with the first error, and without one when somebody has waited.
    pub(crate) fn with_end(end: impl Fn(Option<&E>) + Send + Sync + 'static) -> Self {
        Self { inner: Arc::new(Inner::new(Some(Box::new(end)))) }
    }

    /// At most `n` members run at the same time from now on; [`go`](Self::go) waits for a place. With 0
    /// none can be started.
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
    /// # Panics
    /// When no runtime runs.
    #[inline(always)]
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        self.enter();
        self.start(getcallerpc(), Location::caller(), f);
    }

    /// [`go`](Self::go) if it needs no waiting; says whether it was started.
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
    fn enter(&self) {
        park::check_preempt();
        self.inner.places.wait_if(WaitReason::Semacquire, |p| {
            let taken = p.take();
            if !taken {
                p.waiting += 1;
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
    /// The first error of a member since the group was made. It is given once: to the first to ask.
    ///
    /// # Panics
    /// When a member has panicked, errors or not: with its payload in the first to wait, with words
    /// that say so in others.
    pub fn wait(&self) -> Result<(), E> {
        self.inner.running.wait();
        if let Some(end) = &self.inner.end {
            end(None);
        }
        let (panicked, payload) = self.inner.outcome.with(|o| (o.panicked, o.payload.take()));
        if let Some(payload) = payload {
            std::panic::resume_unwind(payload);
        }
        assert!(!panicked, "gort: a goroutine of the ErrGroup has panicked");
        self.inner.outcome.with(|o| o.error.take()).map_or(Ok(()), Err)
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
            running: WaitGroup::new(),
            places: Monitor::new(Places { limit: usize::MAX, taken: 0, waiting: 0 }),
            outcome: Monitor::new(Outcome { failed: false, error: None, panicked: false, payload: None }),
            end,
        }
    }

    fn fail(&self, error: E) {
        let first = self.outcome.with(|o| !std::mem::replace(&mut o.failed, true));
        if !first {
            return;
        }
        if let Some(end) = &self.end {
            end(Some(&error));
        }
        // Nobody asks before this member is counted out.
        self.outcome.with(|o| o.error = Some(error));
    }

    fn panicked(&self, payload: Payload) {
        let mut payload = Some(payload);
        self.outcome.with(|o| {
            if !o.panicked {
                o.panicked = true;
                o.payload = payload.take();
            }
        });
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
