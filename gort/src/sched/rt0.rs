//! The walk of the seed: from a process (or a plain thread) without a runtime to one with, step by
//! step, each timed and told by `GODEBUG=inittrace=1`.
//!
//! Go: asm_amd64.s `rt0_go`, proc.go `schedinit`, `main`.

use std::fmt;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::m::{M, StartFn};
use super::newproc::{Spec, newproc};
use super::schedinit::{self, check};
use super::{SCHED, debugvars, newm, schedule, wake};
use crate::stack::MAIN_STACK_SIZE;
use crate::sys::{barrier, clock, thread, throw};
use crate::tls;

/// How the runtime is to be started. The default is what the environment says.
///
/// ```
/// let options = gort::Options::default().gomaxprocs(2).stack_size(1 << 20);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Options {
    pub(crate) gomaxprocs: Option<usize>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) lock_os_thread: bool,
}

impl Options {
    /// As [`Options::default`].
    pub const fn new() -> Self {
        Self { gomaxprocs: None, stack_size: None, lock_os_thread: false }
    }

    /// How many goroutines may run at the same time, whatever `GOMAXPROCS` says; at least 1, at most
    /// 1024.
    pub const fn gomaxprocs(mut self, n: usize) -> Self {
        self.gomaxprocs = Some(n);
        self
    }

    /// Usable bytes of a goroutine's stack, unless it asks for another; rounded up to an order of sizes
    /// (64 KiB, 192 KiB, 448 KiB, …, 1 GiB less 64 KiB: a power of two less the guard), more than the largest
    /// counting as that. Without it `GORT_STACK` is asked, else it is 192 KiB. It is address space: memory is
    /// used as it is touched.
    pub const fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// The main goroutine stays on the process's first thread.
    #[doc(hidden)]
    pub const fn lock_os_thread(mut self) -> Self {
        self.lock_os_thread = true;
        self
    }
}

/// Why the runtime was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootError {
    /// A runtime runs already; there is one for a process.
    AlreadyRunning,
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootError::AlreadyRunning => {
                f.write_str("gort: the runtime runs already; boot is called once in a process")
            }
        }
    }
}

impl std::error::Error for BootError {}

/// One step of boot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InitStep {
    /// Go's name of the step.
    pub name: &'static str,
    /// Nanoseconds from the start of boot to its beginning.
    pub at: u64,
    /// Nanoseconds that it took.
    pub took: u64,
    /// What it set.
    pub set: String,
}

impl fmt::Display for InitStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "init {:<14} @{:>8} ns {:>8} ns  {}", self.name, self.at, self.took, self.set)
    }
}

static STEPS: Mutex<Vec<InitStep>> = Mutex::new(Vec::new());

/// The steps so far.
pub(crate) fn steps() -> Vec<InitStep> {
    STEPS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn step(name: &'static str, f: impl FnOnce() -> String) {
    let begin = clock::nanotime();
    let set = f();
    stepped(name, begin, set);
}

/// A step that began then is done.
#[inline(never)]
fn stepped(name: &'static str, begin: u64, set: String) {
    let step = InitStep {
        name,
        at: begin - SCHED.start_time.load(Ordering::Relaxed),
        took: clock::nanotime() - begin,
        set,
    };
    if debugvars::get().inittrace {
        eprintln!("{step}");
    }
    STEPS.lock().unwrap_or_else(PoisonError::into_inner).push(step);
}

/// Steps of Go's that Rust has no need of, told by inittrace.
const NO_COUNTERPART: &str = "cpuinit: std detects; modulesinit, typelinksinit, itabsinit: the linker did; \
                              gcinit: ownership; raceinit: Send and Sync; asminit: empty in Go too";

/// Everything up to the first goroutine. On return the calling thread has P 0 if `m0` is its M.
fn init(mp: &'static M, options: &Options, own_thread: bool) {
    step("rt0", || {
        if !own_thread {
            return "started by boot: the first M has a thread of its own".into();
        }
        let (lo, hi) = thread::stack_bounds();
        format!("g0 stack [{lo:#x}, {hi:#x}), {} KiB", (hi - lo) >> 10)
    });
    step("settls", || {
        if own_thread {
            tls::set::<{ tls::M }>(ptr::from_ref(mp) as usize);
        }
        if !tls::self_test() {
            throw("the thread-local accessor does not work");
        }
        "m0 in thread-local storage, 0x123 self-test passed".into()
    });
    step("check", check);
    step("args", || format!("argc={}", std::env::args_os().len()));
    step("osinit", schedinit::osinit);
    step("schedinit", || format!("maxmcount={}", super::MAX_MCOUNT));
    step("tracebackinit", schedinit::tracebackinit);
    step("stackinit", || schedinit::stackinit(options));
    step("mallocinit", schedinit::mallocinit);
    step("mcommoninit", || schedinit::mcommoninit(mp));
    step("initSigmask", schedinit::init_sigmask);
    step("goenvs", || "std has the variables".into());
    step("parsedebugvars", || {
        SCHED.ancestors.store(debugvars::get().tracebackancestors, Ordering::Relaxed);
        debugvars::get().to_string()
    });
    step("procresize", || schedinit::procs(options));
    step("nocounterpart", || NO_COUNTERPART.into());
}

/// Takes the right to boot, which there is once in a process. Whoever comes while another boots waits
/// until that is done: the guard is held so long.
fn begin() -> Result<(&'static M, MutexGuard<'static, bool>), BootError> {
    let mut begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::replace(&mut *begun, true) {
        return Err(BootError::AlreadyRunning);
    }
    super::last_words::install();
    SCHED.start_time.store(clock::nanotime(), Ordering::Relaxed);
    // Before any M: each is made for the kind of fence that there is.
    barrier::init(debugvars::get().nomembarrier);
    if barrier::asymmetric() {
        crate::lock::use_light_fences();
    }
    let mp: &'static M = Box::leak(Box::new(M::new(0, StartFn::Schedule)));
    SCHED.locked(|s| s.all_ms.push(mp));
    Ok((mp, begun))
}

static BEGUN: Mutex<bool> = Mutex::new(false);

fn start_sysmon() {
    SCHED.locked(|s| s.system_ms += 1);
    newm::newm(StartFn::Sysmon, None, false);
}

/// Boots on the process's first thread, which becomes m0, and runs `main` as goroutine 1. Never
/// returns: the end of `main` ends the process.
pub(crate) fn rt0(options: Options, main: Box<dyn FnOnce() + Send>) -> ! {
    let (mp, begun) = match begin() {
        Ok(right) => right,
        Err(e) => panic!("{e}"),
    };
    mp.started.set(true);
    init(mp, &options, true);
    let pp = SCHED.pidleget().expect("procresize made one");
    wake::acquirep(mp, pp);
    // The main goroutine is this thread's to run: no other M is woken for it.
    pp.lone_skip.set(1);
    SCHED.booted.store(true, Ordering::Release);
    drop(begun);
    let lock = options.lock_os_thread;
    step("newproc", || {
        let spec = Spec { stack_size: Some(MAIN_STACK_SIZE), ..Spec::default() };
        newproc(super::newproc::getcallerpc(), std::panic::Location::caller(), Some(&spec), move || {
            if lock {
                super::park::lock_os_thread();
            }
            runtime_main(main);
        });
        format!("goroutine 1: runtime.main, stack {} MiB", MAIN_STACK_SIZE >> 20)
    });
    step("mstart", || "m0 schedules on its own stack, g0".into());
    let wake::Dismissed = schedule::mstart(mp);
    throw("m0 was dismissed")
}

/// The main goroutine. Go: proc.go `main`.
fn runtime_main(main: Box<dyn FnOnce() + Send>) {
    step("sysmon", || {
        start_sysmon();
        "on an M of its own, without a P".into()
    });
    step("main", || "runtime.main calls main.main".into());
    main();
}

/// Boots beside a plain thread, which stays one.
pub(crate) fn boot(options: Options) -> Result<(), BootError> {
    let (mp, _begun) = begin()?;
    // 1 is the main goroutine's, which there is none of.
    SCHED.goidgen.store(2, Ordering::Relaxed);
    init(mp, &options, false);
    let pp = SCHED.pidleget().expect("procresize made one");
    mp.set_nextp(Some(pp));
    step("mstart", || {
        newm::start_first(mp);
        "m0 schedules on a thread of its own".into()
    });
    step("sysmon", || {
        start_sysmon();
        "on an M of its own, without a P".into()
    });
    SCHED.booted.store(true, Ordering::Release);
    Ok(())
}

/// Boots unless a runtime runs; waits for one that is being booted.
pub(crate) fn boot_once(options: Options) {
    // That it runs already is as well.
    let _ = boot(options);
}
