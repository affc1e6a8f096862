//! `std::sync::Once` for goroutines.
//!
//! Invariants
//! - Who moves the state to RUNNING runs its function, alone, and moves it on, on every path.
//! - The state leaves RUNNING before the waiters are woken under their lock, and who is about to wait
//!   looks under the same lock: nobody is left behind.
//! - COMPLETE is for ever.

use std::fmt;

use crate::g::wait_reason::WaitReason;
use crate::primitive::{AtomicU32, Ordering, const_fn};
use crate::sched::current;
use crate::wait::Monitor;

const INCOMPLETE: u32 = 0;
const POISONED: u32 = 1;
const RUNNING: u32 = 2;
const COMPLETE: u32 = 3;

/// Runs something once: `std::sync::Once`. The function may block its goroutine. If it panics the
/// `Once` is poisoned; if it is ended by [`goexit`](crate::goexit) it is as if it had not begun.
///
/// ```
/// use gort::sync::Once;
///
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// static START: Once = Once::new();
/// START.call_once(|| gort::yield_now());
/// START.call_once(|| unreachable!());
/// assert!(START.is_completed());
/// # });
/// ```
pub struct Once {
    state: AtomicU32,
    waiters: Monitor<()>,
}

/// What [`Once::call_once_force`] tells its function.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// use gort::sync::Once;
///
/// let once = Once::new();
/// assert!(gort::catch_unwind(|| once.call_once(|| panic!("boom"))).is_err());
/// once.call_once_force(|state| assert!(state.is_poisoned()));
/// once.wait();
/// once.wait_force();
/// # });
/// ```
pub struct OnceState {
    poisoned: bool,
}

/// Moves the state on from RUNNING.
struct Running<'a> {
    once: &'a Once,
    complete: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let state = if self.complete {
            COMPLETE
        } else if crate::panicking() {
            POISONED
        } else {
            INCOMPLETE
        };
        // Release: what the function did is seen by all who see COMPLETE.
        self.once.waiters.note().store(0, Ordering::Relaxed);
        self.once.state.store(state, Ordering::Release);
        self.once.waiters.wake_all_if(|()| true);
    }
}

impl Once {
    const_fn! {
        /// Nothing has run.
        ///
        /// ```
        /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
        /// use gort::sync::Once;
        ///
        /// static START: Once = Once::new();
        /// START.call_once(|| println!("once"));
        /// ```
        pub const fn new() -> Self {
            Self { state: AtomicU32::new(INCOMPLETE), waiters: Monitor::new(()) }
        }
    }

    /// Runs `f` if nothing has run yet; blocks while another's runs. Afterwards one has. May move the
    /// goroutine to another thread. Calling it inside of `f` deadlocks.
    ///
    /// # Panics
    /// With `f`'s panic, and when an earlier one has panicked.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let once = gort::sync::Once::new();
    /// let mut runs = 0;
    /// (0..3).for_each(|_| once.call_once(|| runs += 1));
    /// assert_eq!(runs, 1);
    /// ```
    #[track_caller]
    pub fn call_once<F: FnOnce()>(&self, f: F) {
        if !self.is_completed() {
            self.call(false, |_| f());
        }
    }

    /// [`call_once`](Self::call_once) also when an earlier function has panicked, which `f` is told.
    ///
    /// # Panics
    /// With `f`'s panic.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let once = gort::sync::Once::new();
    /// assert!(gort::catch_unwind(|| once.call_once(|| panic!("boom"))).is_err());
    /// assert!(gort::catch_unwind(|| once.call_once(|| ())).is_err(), "poisoned");
    /// once.call_once_force(|state| assert!(state.is_poisoned()));
    /// assert!(once.is_completed());
    /// ```
    #[track_caller]
    pub fn call_once_force<F: FnOnce(&OnceState)>(&self, f: F) {
        if !self.is_completed() {
            self.call(true, f);
        }
    }

    /// Whether a function has run to its end.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let once = gort::sync::Once::new();
    /// assert!(!once.is_completed());
    /// once.call_once(|| ());
    /// assert!(once.is_completed());
    /// ```
    #[inline]
    pub fn is_completed(&self) -> bool {
        // Acquire: pairs with the Release in `Running`.
        self.state.load(Ordering::Acquire) == COMPLETE
    }

    /// Blocks until a function has run to its end. May move the goroutine to another thread.
    ///
    /// # Panics
    /// When one has panicked.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// use gort::sync::Once;
    ///
    /// static START: Once = Once::new();
    /// gort::go!(|| START.call_once(|| println!("once")));
    /// START.wait();
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        self.wait_for(|state| matches!(state, COMPLETE | POISONED));
        if !self.is_completed() {
            poisoned();
        }
    }

    /// [`wait`](Self::wait), also past functions that panic.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let once = gort::sync::Once::new();
    /// assert!(gort::catch_unwind(|| once.call_once(|| panic!("boom"))).is_err());
    /// once.call_once_force(|_| ());
    /// once.wait_force();
    /// ```
    #[track_caller]
    pub fn wait_force(&self) {
        self.wait_for(|state| state == COMPLETE);
    }

    /// Waits until the state is as `wanted`, or was.
    #[track_caller]
    fn wait_for(&self, wanted: impl Fn(u32) -> bool) {
        let mut now = wanted(self.state.load(Ordering::Acquire));
        if !now {
            current::require_runtime();
        }
        while !now {
            self.waiters.wait_if(WaitReason::Once, |()| {
                now = wanted(self.state.load(Ordering::Acquire));
                !now
            });
        }
    }

    #[cold]
    #[track_caller]
    fn call(&self, force: bool, f: impl FnOnce(&OnceState)) {
        loop {
            let state = self.state.load(Ordering::Acquire);
            match state {
                COMPLETE => return,
                RUNNING => {
                    current::require_runtime();
                    self.waiters.wait_if(WaitReason::Once, |()| self.state.load(Ordering::Relaxed) == RUNNING)
                }
                POISONED if !force => poisoned(),
                _ => {
                    // Acquire: what one that panicked has done before.
                    let begun =
                        self.state.compare_exchange(state, RUNNING, Ordering::Acquire, Ordering::Relaxed);
                    if begun.is_err() {
                        continue;
                    }
                    self.waiters.note().store(current::note(), Ordering::Relaxed);
                    let mut running = Running { once: self, complete: false };
                    f(&OnceState { poisoned: state == POISONED });
                    running.complete = true;
                    return;
                }
            }
        }
    }
}

#[cold]
#[track_caller]
fn poisoned() -> ! {
    panic!("Once instance has previously been poisoned")
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl std::panic::RefUnwindSafe for Once {}
impl std::panic::UnwindSafe for Once {}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl OnceState {
    /// Whether an earlier function has panicked.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// gort::sync::Once::new().call_once_force(|state| assert!(!state.is_poisoned()));
    /// ```
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.is_poisoned()).finish()
    }
}
