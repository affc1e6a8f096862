//! Go's package runtime.

pub use crate::goroutine::{goexit, yield_now as gosched};
pub use crate::sched::rt0::InitStep;
use crate::sched::{self, SCHED, labels, park, procresize, rt0, traceback};
pub use crate::spawn::num_goroutine;

/// Sets how many goroutines may run at the same time and gives the former setting; 0 only asks. At most
/// 1024. A goroutine that computes goes on, without a place among them, when its own is
/// gone.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let before = gort::gomaxprocs(3);
/// assert_eq!(gort::gomaxprocs(0), 3);
/// gort::gomaxprocs(before);
/// # });
/// ```
#[doc(alias = "GOMAXPROCS")]
#[track_caller]
pub fn gomaxprocs(n: usize) -> usize {
    sched::current::require_runtime();
    sched::quota::settle();
    if n == 0 {
        return SCHED.procs() as usize;
    }
    procresize::procresize(u32::try_from(n).unwrap_or(u32::MAX)) as usize
}

/// Sets how many threads of its own the runtime may have and gives the former limit; at first it is 10,000.
///
/// The runtime makes a thread when a goroutine is ready to run and all the threads that there are block, in system
/// calls or in libraries, compute without a place among [`gomaxprocs`], or belong to goroutines that are locked to them.
/// It is meant to take the program down before the program takes the system down: by an unlimited number of
/// goroutines that all sit in a blocking call, for example. Threads that the program itself has started do not count.
///
/// A program that needs one more ends with status 2, as one does that sets fewer than there are, and tells what its
/// goroutines do:
///
/// ```text
/// runtime: program exceeds 10000-thread limit
/// fatal error: thread exhaustion
///
/// goroutine 1 [chan receive]:
/// …
/// ```
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let before = gort::runtime::set_max_threads(500);
/// assert_eq!(before, 10_000);
/// gort::runtime::set_max_threads(before);
/// ```
#[doc(alias = "SetMaxThreads")]
pub fn set_max_threads(n: usize) -> usize {
    SCHED.set_max_ms(n)
}

/// Processors that this process may use: affinity and cgroup quota count.
///
/// ```
/// assert!(gort::num_cpu() >= 1);
/// ```
#[doc(alias = "NumCPU")]
pub fn num_cpu() -> usize {
    num_cpus::get()
}

/// Gives the running goroutine its thread for itself: nobody else runs there, and it runs nowhere else,
/// until as many [`unlock_os_thread`] have undone it. On a plain thread nothing needs doing.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// gort::lock_os_thread();
/// let thread = std::thread::current().id();
/// gort::yield_now();
/// assert_eq!(std::thread::current().id(), thread);
/// gort::unlock_os_thread();
/// # });
/// ```
#[doc(alias = "LockOSThread")]
pub fn lock_os_thread() {
    park::lock_os_thread();
}

/// Undoes one [`lock_os_thread`]. Without one it does nothing.
#[doc(alias = "UnlockOSThread")]
pub fn unlock_os_thread() {
    park::unlock_os_thread();
}

/// [`lock_os_thread`] as a guard, which may be nested.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let pin = gort::pin();
/// // … code that keeps something of its thread across blocking calls …
/// drop(pin);
/// # });
/// ```
pub fn pin() -> PinGuard {
    park::lock_os_thread();
    PinGuard(std::marker::PhantomData)
}

/// The goroutine stays on its thread while this lives; see [`pin`].
#[derive(Debug)]
#[must_use = "the goroutine is pinned only while the guard lives"]
pub struct PinGuard(std::marker::PhantomData<*mut ()>);

impl Drop for PinGuard {
    fn drop(&mut self) {
        park::unlock_os_thread();
    }
}

/// Runs `f` on the system stack of the thread, for code that checks the bounds of its stack (`stacker`,
/// V8, Python) or needs more of it. No goroutine waits for it meanwhile: `f` counts as a blocking call.
/// Inside, gort's own operations block the thread as on any plain thread.
///
/// The system stack has 8 MiB; on the process's first thread it has what `ulimit -s` says, which is as much unless
/// somebody has changed it. One that is used up ends the process as a goroutine's does, with the goroutine that has called:
///
/// ```text
/// runtime: system stack exceeds 8388608-byte limit
/// fatal error: stack overflow
/// ```
///
/// # Panics
/// With `f`'s panic.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// assert_eq!(gort::blocking_on_system_stack(|| 6 * 7), 42);
/// # });
/// ```
#[doc(alias = "systemstack")]
#[track_caller]
pub fn blocking_on_system_stack<F, T>(f: F) -> T
where
    F: FnOnce() -> T,
{
    park::check_preempt();
    sched::syscall::blocking_on_g0(f)
}

/// Runs `f`, which may block its thread for long: other goroutines get the thread's place meanwhile.
/// Inside, gort's own operations block the thread as on any plain thread.
///
/// Not needed for correctness: a blocking call that does not say so is found out within some 200 µs. It costs a few
/// stores, half of a `yield_now` with nobody to give way to (3.6 ns where that takes 7.1), and hands nothing over by
/// itself: the runtime looks about every 100 µs while work waits.
///
/// # Panics
/// With `f`'s panic.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let text = gort::blocking(|| std::fs::read_to_string("/proc/self/comm")).unwrap();
/// assert!(!text.is_empty());
/// # });
/// ```
#[doc(alias = "entersyscall")]
#[track_caller]
pub fn blocking<F, T>(f: F) -> T
where
    F: FnOnce() -> T,
{
    park::check_preempt();
    sched::syscall::blocking(f)
}

/// The traceback of the running goroutine, of all goroutines with `all`, in Go's layout: what each does
/// or waits for and since how many minutes, its frames, and where it was made. More than a thousand others are shown
/// in groups that do the same. For diagnostics: it runs the unwinder and reads debug information.
///
/// Goroutines that run are interrupted by SIGURG for it, and with them the system calls that they may be in; it
/// waits for their answers for at most 100 ms. Never moves the goroutine to another thread.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// let text = gort::spawn(|| gort::runtime::stack(false)).join().unwrap();
/// assert!(text.contains("[running]:") && text.contains("created by"));
/// # });
/// ```
#[doc(alias = "Stack")]
pub fn stack(all: bool) -> String {
    traceback::stack(all)
}

/// Return addresses of the caller, innermost first.
///
/// ```
/// assert!(!gort::runtime::callers().is_empty());
/// ```
#[doc(alias = "Callers")]
pub fn callers() -> Vec<usize> {
    traceback::here().pcs.into_vec()
}

/// Runs `f` with labels, which tracebacks show and which goroutines made meanwhile inherit: Go's
/// `pprof.Do`. A label that is set already is replaced for that time.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| {
/// gort::runtime::with_labels(&[("request", "42")], || {
///     let text = gort::spawn(|| gort::runtime::stack(false)).join().unwrap();
///     assert!(text.contains("{request: 42}"), "{text}");
/// });
/// # });
/// ```
#[doc(alias = "Do")]
#[doc(alias = "SetGoroutineLabels")]
pub fn with_labels<R>(labels: &[(&str, &str)], f: impl FnOnce() -> R) -> R {
    struct Restore(labels::Before);
    impl Drop for Restore {
        fn drop(&mut self) {
            labels::restore(std::mem::take(&mut self.0));
        }
    }
    let _restore = Restore(labels::set(labels));
    f()
}

/// gort's version.
///
/// ```
/// assert!(gort::runtime::version().starts_with("gort "));
/// ```
#[doc(alias = "Version")]
pub fn version() -> &'static str {
    concat!("gort ", env!("CARGO_PKG_VERSION"))
}

/// The steps of boot, as `GODEBUG=inittrace=1` prints them.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// let steps = gort::runtime::init_trace();
/// assert_eq!(steps[0].name, "rt0");
/// ```
#[doc(alias = "inittrace")]
pub fn init_trace() -> Vec<InitStep> {
    rt0::steps()
}
