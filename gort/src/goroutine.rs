//! Handles of goroutines, and what a goroutine does to itself: park, sleep, yield, exit.
//!
//! The park token has three states: EMPTY, NOTIFIED (the next park returns at once) and WAITING. An
//! unpark that finds WAITING wakes the wait whose number stands beside the token; a number that is
//! over wakes nobody.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::g::commit::Seq;
use crate::g::wait_reason::WaitReason;
use crate::g::{G, extras};
use crate::sched::{current, panic, park as sched_park};
use crate::sys::clock::{self, NEVER};

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const WAITING: u32 = 2;

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
        // Release: what was done before is seen after the park. Acquire: the number of the wait.
        if gp.token.swap(NOTIFIED, Ordering::AcqRel) == WAITING {
            sched_park::notify(gp, Seq(gp.token_seq.load(Ordering::Relaxed)));
        }
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
pub fn current() -> Goroutine {
    let gp = current::g();
    // SAFETY: this is that goroutine, and the reference ends here.
    let name = unsafe { extras::get(gp) }.and_then(|e| e.name.clone());
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
pub fn park() {
    park_deadline(NEVER);
}

/// [`park`] for at most `timeout`.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// gort::park_timeout(std::time::Duration::from_millis(1));
/// # });
/// ```
pub fn park_timeout(timeout: Duration) {
    park_deadline(clock::after(timeout));
}

fn park_deadline(deadline: u64) {
    sched_park::check_preempt();
    let gp = current::g();
    // Acquire here and below: pairs with the Release in `unpark`.
    if gp.token.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok() {
        return;
    }
    sched_park::park_commit(deadline, WaitReason::Park, |gp, seq| {
        gp.token_seq.store(seq.0, Ordering::Relaxed);
        // Release: pairs with the Acquire in `unpark`.
        gp.token.compare_exchange(EMPTY, WAITING, Ordering::Release, Ordering::Relaxed).is_ok()
    });
    gp.token.swap(EMPTY, Ordering::Acquire);
}

/// Blocks for at least `duration`. Other goroutines run meanwhile; the lateness is tens of microseconds.
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
        Some(_) => sched_park::sleep_until(clock::after(duration)),
        None => std::thread::sleep(duration),
    }
}

/// Sleeps until the time `deadline` of the runtime's clock.
pub(crate) fn sleep_until_ns(deadline: u64) {
    sched_park::sleep_until(deadline);
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
pub fn goexit() -> ! {
    panic::goexit()
}

/// Whether the running goroutine is unwinding because of a panic. Not so during [`goexit`].
///
/// ```
/// assert!(!gort::panicking());
/// ```
pub fn panicking() -> bool {
    std::thread::panicking() && !current::goroutine().is_some_and(|gp| gp.goexiting.get())
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
