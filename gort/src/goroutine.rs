//! Handles of goroutines, and what a goroutine does to itself: park, sleep, yield, exit.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::g::{G, extras};
use crate::parker;
use crate::sched::{current, panic, park as sched_park};
use crate::sys::clock::{self, NEVER};

/// The number of a goroutine: 1 is the main goroutine, and no two goroutines of a process share one.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let id = gort::current().id();
/// assert_eq!(id.to_string().parse::<u64>().is_ok(), true);
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GoroutineId(u64);

impl fmt::Debug for GoroutineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GoroutineId({})", self.0)
    }
}

impl fmt::Display for GoroutineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A handle of a goroutine, as `std::thread::Thread` is one of a thread. On a plain thread it stands for
/// that thread. It keeps nothing alive.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let me = gort::current();
/// gort::go!(move || me.unpark());
/// gort::park();
/// # });
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let handle = gort::Builder::new().name("worker".into()).spawn(|| gort::current()).unwrap();
/// assert_eq!(handle.join().unwrap().name(), Some("worker"));
/// # });
/// ```
#[derive(Clone)]
pub struct Goroutine {
    gp: &'static G,
    generation: u32,
    id: GoroutineId,
    name: Option<Arc<str>>,
}

impl Goroutine {
    pub(crate) fn of(gp: &'static G, name: Option<Arc<str>>) -> Self {
        Self { gp, generation: gp.status.generation(), id: GoroutineId(gp.id()), name }
    }

    /// Its number.
    pub fn id(&self) -> GoroutineId {
        self.id
    }

    /// The name it was given, if any.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Makes the goroutine's current or next [`park`] return. Tokens do not add up. Nothing happens
    /// when it is over.
    #[doc(alias = "goready")]
    pub fn unpark(&self) {
        let gp = self.gp;
        if gp.status.generation() != self.generation || gp.id() != self.id.0 {
            return;
        }
        parker::unpark(gp);
    }
}

impl fmt::Debug for Goroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Goroutine").field("id", &self.id).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The running goroutine; on a plain thread, a handle that stands for the thread.
///
/// # Panics
/// On a plain thread when no runtime runs.
#[track_caller]
pub fn current() -> Goroutine {
    let gp = current::g();
    // SAFETY: this is that goroutine, and the reference ends here.
    let name = unsafe { extras::get(gp) }.and_then(|e| e.shown.name.clone());
    Goroutine::of(gp, name)
}

/// Blocks until this goroutine's token is set by [`Goroutine::unpark`], and takes it. As with
/// `std::thread::park`, it may return without: check your condition.
///
/// May move the goroutine to another thread.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// gort::current().unpark();
/// gort::park(); // returns at once
/// # });
/// ```
#[doc(alias = "gopark")]
#[track_caller]
pub fn park() {
    parker::park_until(NEVER);
}

/// [`park`] for at most `timeout`.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// gort::park_timeout(std::time::Duration::from_millis(1));
/// # });
/// ```
#[track_caller]
pub fn park_timeout(timeout: Duration) {
    parker::park_until(clock::after(timeout));
}

/// Blocks for at least `duration`. Other goroutines run meanwhile; the lateness is tens of microseconds. When timers
/// come due by the thousand in a tenth of a second they do so in batches, and the lateness is up to a millisecond.
///
/// May move the goroutine to another thread.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let begin = std::time::Instant::now();
/// gort::sleep(std::time::Duration::from_millis(2));
/// assert!(begin.elapsed().as_millis() >= 2);
/// # });
/// ```
#[doc(alias = "Sleep")]
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        return yield_now();
    }
    match current::m() {
        Some(_) => sched_park::sleep(duration),
        None => std::thread::sleep(duration),
    }
}

/// Blocks until `deadline`; only gives way if that is past.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let deadline = std::time::Instant::now() + std::time::Duration::from_millis(1);
/// gort::sleep_until(deadline);
/// assert!(std::time::Instant::now() >= deadline);
/// # });
/// ```
pub fn sleep_until(deadline: Instant) {
    sleep(deadline.saturating_duration_since(Instant::now()));
}

/// Lets others run first: the goroutine goes to the tail of its P's queue. On a plain thread it is
/// `std::thread::yield_now`.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// gort::yield_now();
/// # });
/// ```
#[doc(alias = "Gosched")]
pub fn yield_now() {
    sched_park::gosched();
}

/// Ends the running goroutine, after its destructors have run; others go on. A joiner gets an error
/// that says so. When the main goroutine ends this way, the program goes on until nothing is left to
/// run, which is then fatal, as in Go.
///
/// It unwinds: `catch_unwind` sees a payload; dropping that raises it again, until the goroutine is
/// over. `std::thread::panicking()` is true meanwhile, [`panicking`] is not.
///
/// # Panics
/// On a plain thread, and in programs built with `panic = "abort"`.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let ended = gort::spawn(|| -> () { gort::goexit() }).join();
/// assert!(ended.is_err());
/// # });
/// ```
#[doc(alias = "Goexit")]
#[track_caller]
pub fn goexit() -> ! {
    panic::goexit()
}

/// Whether the running goroutine is unwinding because of a panic. Not so during [`goexit`].
///
/// ```
/// assert!(!gort::panicking());
/// ```
#[inline]
pub fn panicking() -> bool {
    std::thread::panicking() && !goexiting()
}

#[cold]
fn goexiting() -> bool {
    current::goroutine().is_some_and(|gp| gp.goexiting.get())
}

/// `std::panic::catch_unwind` which lets [`goexit`] through.
///
/// # Errors
/// The payload of the panic.
///
/// ```
/// let caught = gort::catch_unwind(|| panic!("boom"));
/// assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "boom");
/// ```
pub fn catch_unwind<F, R>(f: F) -> std::thread::Result<R>
where
    F: FnOnce() -> R + std::panic::UnwindSafe,
{
    match std::panic::catch_unwind(f) {
        Err(payload) if payload.is::<panic::GoexitPayload>() => std::panic::resume_unwind(payload),
        result => result,
    }
}
