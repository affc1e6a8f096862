//! `std::sync::Barrier` for goroutines.
//!
//! Invariant, under the lock: everybody who is queued has come in the present generation. So the leader
//! wakes exactly its own, and nobody has to look again.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::g::wait_reason::WaitReason;
use crate::primitive::const_fn;
use crate::sched::park;
use crate::wait::Monitor;

/// Lets several goroutines or threads go on together.
///
/// ```
/// use gort::sync::{Arc, Barrier};
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let barrier = Arc::new(Barrier::new(3));
/// let handles: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = barrier.clone();
///         gort::spawn(move || barrier.wait().is_leader())
///     })
///     .collect();
/// let leaders = handles.into_iter().map(|h| h.join().unwrap()).filter(|&l| l).count();
/// assert_eq!(leaders, 1);
/// # });
/// ```
#[repr(C)]
pub struct Barrier {
    /// First: dumps know a barrier by its lock.
    state: Monitor<State>,
    n: usize,
}

struct State {
    arrived: usize,
    generation: u64,
}

/// What [`Barrier::wait`] gives: one of those who have met is the leader.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let result = gort::sync::Barrier::new(1).wait();
/// assert!(result.is_leader());
/// ```
pub struct BarrierWaitResult(bool);

impl Barrier {
    const_fn! {
        /// A barrier at which `n` meet. With 0 or 1 nobody waits.
        ///
        /// ```
        /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
        /// let barrier = gort::sync::Barrier::new(0);
        /// barrier.wait();
        /// ```
        pub const fn new(n: usize) -> Self {
            Self { n, state: Monitor::new(State { arrived: 0, generation: 0 }) }
        }
    }

    /// Blocks until `n` have called this, the last of whom is the leader. Then the barrier is as new.
    /// May move the goroutine to another thread.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::sync::Barrier;
    ///
    /// static BARRIER: Barrier = Barrier::new(2);
    /// let other = gort::spawn(|| BARRIER.wait().is_leader());
    /// let leads = BARRIER.wait().is_leader();
    /// assert!(leads != other.join().unwrap());
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        park::check_preempt();
        let mut mine = None;
        self.state.wake_all_if(|s| {
            s.arrived += 1;
            // For dumps: how many have yet to come.
            self.state.note().store(self.n.saturating_sub(s.arrived) as i64, Ordering::Relaxed);
            if s.arrived < self.n {
                mine = Some(s.generation);
                return false;
            }
            s.arrived = 0;
            s.generation += 1;
            true
        });
        if let Some(mine) = mine {
            self.state.wait_if(WaitReason::Barrier, |s| s.generation == mine);
        }
        BarrierWaitResult(mine.is_none())
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

impl std::panic::RefUnwindSafe for Barrier {}
impl std::panic::UnwindSafe for Barrier {}

impl BarrierWaitResult {
    /// Whether this was the last to come.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// assert!(gort::sync::Barrier::new(1).wait().is_leader());
    /// ```
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.is_leader()).finish()
    }
}
