//! The scheduler. Its protocols are told in `README.md` beside this file.
//!
//! Go: runtime2.go `schedt`.

mod apart;
pub(crate) mod boundary;
pub(crate) mod claim;
pub(crate) mod cooling;
mod crowd;
pub(crate) mod current;
pub(crate) mod deadlock;
pub(crate) mod debugvars;
pub(crate) mod idle;
pub(crate) mod inline;
pub(crate) mod labels;
pub(crate) mod last_words;
mod linger;
pub(crate) mod m;
pub(crate) mod newm;
pub(crate) mod newproc;
pub(crate) mod overflow;
pub(crate) mod p;
pub(crate) mod panic;
pub(crate) mod park;
mod pick;
pub(crate) mod poller;
mod processors;
pub(crate) mod procresize;
pub(crate) mod quit;
pub(crate) mod quota;
pub(crate) mod retake;
pub(crate) mod rt0;
pub(crate) mod schedinit;
pub(crate) mod schedule;
pub(crate) mod section;
pub(crate) mod sigqueue;
pub(crate) mod slack;
pub(crate) mod stock;
pub(crate) mod switch;
pub(crate) mod syscall;
pub(crate) mod sysmon;
pub(crate) mod template;
pub(crate) mod thread;
pub(crate) mod trace;
pub(crate) mod traceback;
pub(crate) mod verdict;
pub(crate) mod wake;
mod watch;

use std::cell::UnsafeCell;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::global_runq::GlobalRunq;
use crate::lock::Lock;
use crate::sys::clock;
use idle::Idle;
use m::M;
use p::P;

/// The most Ps there can be: GOMAXPROCS is clamped to it.
pub(crate) const MAX_PROCS: usize = 1024;
/// The most Ms there can be unless the program says otherwise. Go: `maxmcount`.
pub(crate) const MAX_MCOUNT: usize = 10_000;

/// What the lock guards.
pub(crate) struct Locked {
    /// Ms that sleep in `stopm`, the latest last.
    pub(crate) idle_ms: Vec<&'static M>,
    /// Ps that nobody owns, the latest last.
    pub(crate) idle_ps: Vec<&'static P>,
    /// Every M ever made.
    pub(crate) all_ms: Vec<&'static M>,
    /// Ms that have no thread, for `newm` to use again.
    pub(crate) free_ms: Vec<&'static M>,
    /// The most Ms that may have a thread at the same time. Go: `maxmcount`.
    pub(crate) max_ms: usize,
    /// Dead descriptors. Go: `sched.gFree`.
    pub(crate) gfree: Vec<&'static crate::g::G>,
    /// Ms that sleep because their locked goroutine does. Go: `nmidlelocked`.
    pub(crate) locked_idle: i32,
    /// Ms that hold no goroutine by design: sysmon, the template thread. Go: `nmsys`.
    pub(crate) system_ms: u32,
    /// Plain threads that wait in gort with no timeout.
    pub(crate) waiting_threads: u32,
    /// How often one of these began to sleep: two looks that find the same number have missed nobody who was awake
    /// between them.
    pub(crate) sleeps: u64,
}

impl Locked {
    /// Puts an M that is about to sleep on the idle list. Go: `mput`.
    pub(crate) fn midleput(&mut self, mp: &'static M) {
        mp.idle_since.store(crate::sys::clock::nanotime(), Ordering::Relaxed);
        self.sleeps += 1;
        self.idle_ms.push(mp);
    }

    /// How many Ms have a thread, or are to get one. Go: `mcount`.
    pub(crate) fn mcount(&self) -> usize {
        self.all_ms.len() - self.free_ms.len()
    }

    /// How many may, if there are more. For [`thread_exhaustion`], without the lock.
    #[must_use]
    pub(crate) fn exceeded(&self) -> Option<usize> {
        (self.mcount() > self.max_ms).then_some(self.max_ms)
    }

    /// An M is about to sleep because its locked goroutine does. Go: `incidlelocked`.
    pub(crate) fn locked_idle_inc(&mut self) {
        self.sleeps += 1;
        self.locked_idle += 1;
    }
}

/// Go: `checkmcount`.
#[cold]
pub(crate) fn thread_exhaustion(limit: usize) -> ! {
    last_words::fail(&format!("runtime: program exceeds {limit}-thread limit\n"), "thread exhaustion")
}

/// A word that many write, on a cache line of its own, or what nobody writes, apart from such.
#[repr(align(64))]
pub(crate) struct Busy<T>(T);

impl<T> Deref for Busy<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// The one scheduler of the process. Its fields lie as they stand here: what every start of a goroutine reads, and
/// nobody writes, on a line with its like; then, apart, what is written all the time.
#[repr(C, align(64))]
pub(crate) struct Sched {
    /// Whether the runtime runs. Release at the end of boot, Acquire on plain threads.
    pub(crate) booted: AtomicBool,
    /// Whether the main goroutine has ended by goexit.
    pub(crate) main_exited: AtomicBool,
    /// Whether there has been a second M that runs goroutines.
    pub(crate) helped: AtomicBool,
    /// GOMAXPROCS.
    pub(crate) procs: AtomicU32,
    /// Ps ever made: the ones to look through for work.
    pub(crate) allp_len: AtomicU32,
    /// Order of a default goroutine's stack.
    pub(crate) stack_order: AtomicU32,
    /// `GODEBUG=tracebackancestors`.
    pub(crate) ancestors: AtomicU32,
    /// The coarse time, which sysmon keeps; zero while it sleeps until told.
    coarse: AtomicU32,
    pub(crate) seed: AtomicUsize,
    /// When boot began.
    pub(crate) start_time: AtomicU64,
    pub(crate) idle: Busy<Idle>,
    pub(crate) global: Busy<GlobalRunq>,
    /// Next goroutine id to give to a cache. Go: `goidgen`.
    pub(crate) goidgen: Busy<AtomicU64>,
    lock: Busy<Lock>,
    locked: UnsafeCell<Locked>,
    /// Ms whose P was taken and that have not noticed yet: they run user code, or sit in the kernel.
    pub(crate) without_p: AtomicU32,
    /// Goroutines made and ended by plain threads.
    pub(crate) created: AtomicU64,
    pub(crate) finished: AtomicU64,
    /// When the M that waits for the next timer means to wake up; 0 when there is none.
    pub(crate) poll_until: AtomicU64,
    /// That M.
    pub(crate) poller: AtomicPtr<M>,
    /// The M that waits for sockets. Written under the lock.
    pub(crate) net_poller: AtomicPtr<M>,
    /// Whether that M was given a P, and called, and has not noticed yet.
    pub(crate) net_called: AtomicBool,
    /// The P whose thread was seen to have blocked, as [`watch::suspicion`] says it; 0 for none.
    pub(crate) suspect: AtomicU64,
    /// Whether sysmon sleeps until told.
    pub(crate) sysmon_sleeps: AtomicBool,
    pub(crate) sysmon: crate::note::Note,
    /// Lone wakes that found nothing, lately: a shift. See `wake::lone`.
    pub(crate) lone_shift: AtomicU32,
}

// SAFETY: `locked` is touched only with `lock` held.
unsafe impl Sync for Sched {}

pub(crate) static SCHED: Sched = Sched {
    booted: AtomicBool::new(false),
    lock: Busy(Lock::new()),
    locked: UnsafeCell::new(Locked {
        idle_ms: Vec::new(),
        idle_ps: Vec::new(),
        all_ms: Vec::new(),
        free_ms: Vec::new(),
        max_ms: MAX_MCOUNT,
        gfree: Vec::new(),
        locked_idle: 0,
        system_ms: 0,
        waiting_threads: 0,
        sleeps: 0,
    }),
    idle: Busy(Idle::new()),
    global: Busy(GlobalRunq::new()),
    procs: AtomicU32::new(0),
    without_p: AtomicU32::new(0),
    allp_len: AtomicU32::new(0),
    goidgen: Busy(AtomicU64::new(1)),
    created: AtomicU64::new(0),
    finished: AtomicU64::new(0),
    stack_order: AtomicU32::new(1),
    poll_until: AtomicU64::new(0),
    poller: AtomicPtr::new(ptr::null_mut()),
    net_poller: AtomicPtr::new(ptr::null_mut()),
    net_called: AtomicBool::new(false),
    helped: AtomicBool::new(false),
    suspect: AtomicU64::new(0),
    sysmon_sleeps: AtomicBool::new(false),
    sysmon: crate::note::Note::new(),
    coarse: AtomicU32::new(0),
    main_exited: AtomicBool::new(false),
    lone_shift: AtomicU32::new(0),
    ancestors: AtomicU32::new(0),
    seed: AtomicUsize::new(0),
    start_time: AtomicU64::new(0),
};

/// The Ps. Apart from [`SCHED`], not all of which begins as zeros: so these take no room in the program's file.
static ALLP: Busy<[AtomicPtr<P>; MAX_PROCS]> = Busy([const { AtomicPtr::new(ptr::null_mut()) }; MAX_PROCS]);

impl Sched {
    /// Runs `f` under the scheduler's lock. Nothing in `f` parks, switches, wakes a thread or runs user
    /// code.
    pub(crate) fn locked<R>(&self, f: impl FnOnce(&mut Locked) -> R) -> R {
        // SAFETY: the lock is held.
        self.lock.with(|| f(unsafe { &mut *self.locked.get() }))
    }

    /// The time in units of 4.3 s, for the minutes that a goroutine has waited: a load, not a look at the clock.
    #[inline(always)]
    pub(crate) fn coarse(&self) -> u32 {
        match self.coarse.load(Ordering::Relaxed) {
            0 => self.coarse_by_clock(),
            coarse => coarse,
        }
    }

    #[cold]
    fn coarse_by_clock(&self) -> u32 {
        clock::coarse(clock::nanotime())
    }

    /// For sysmon: it is `now`. None: sysmon is about to sleep and does not know how long.
    pub(crate) fn set_coarse(&self, now: Option<u64>) {
        let coarse = now.map_or(0, clock::coarse);
        // Most rounds change nothing: the line stays in everybody's cache.
        if self.coarse.load(Ordering::Relaxed) != coarse {
            self.coarse.store(coarse, Ordering::Relaxed);
        }
    }

    /// Sets how many Ms may have a thread at the same time, and gives the former limit. Go: `setMaxThreads`.
    pub(crate) fn set_max_ms(&self, n: usize) -> usize {
        let (before, exceeded) = self.locked(|s| (std::mem::replace(&mut s.max_ms, n), s.exceeded()));
        if let Some(limit) = exceeded {
            thread_exhaustion(limit);
        }
        before
    }

    /// GOMAXPROCS.
    #[inline]
    pub(crate) fn procs(&self) -> u32 {
        self.procs.load(Ordering::Relaxed)
    }

    /// The `i`th P, if it was ever made.
    #[inline]
    pub(crate) fn p(&self, i: u32) -> Option<&'static P> {
        // SAFETY: null or a P, and Ps are never freed. Acquire: pairs with the Release in `set_p`.
        unsafe { ALLP[i as usize].load(Ordering::Acquire).as_ref() }
    }

    pub(crate) fn set_p(&self, i: u32, pp: &'static P) {
        ALLP[i as usize].store(ptr::from_ref(pp).cast_mut(), Ordering::Release);
    }

    /// Every P ever made.
    pub(crate) fn all_ps(&self) -> impl Iterator<Item = &'static P> + '_ {
        (0..self.allp_len.load(Ordering::Acquire)).filter_map(|i| self.p(i))
    }

    /// An idle P, if there is one. Go: `pidleget`.
    pub(crate) fn pidleget(&self) -> Option<&'static P> {
        if self.idle.idle_ps() == 0 {
            return None;
        }
        let pp = self.locked(|s| {
            let pp = s.idle_ps.pop()?;
            self.idle.p_busy();
            Some(pp)
        })?;
        self.wake_sysmon();
        Some(pp)
    }

    /// Somebody is busy: sysmon has something to watch.
    #[inline]
    pub(crate) fn wake_sysmon(&self) {
        // Pairs with the fence in `sysmon::sleep`: either it sees the busy P or we see it asleep.
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.sysmon_sleeps.load(Ordering::Relaxed) && self.sysmon_sleeps.swap(false, Ordering::Relaxed) {
            self.sysmon.wakeup();
        }
    }

    /// The earliest timer of all Ps.
    pub(crate) fn next_timer(&self) -> u64 {
        self.all_ps().map(|pp| pp.timers.next()).min().unwrap_or(clock::NEVER)
    }

    /// Goroutines of the user's that have begun and not ended. Ends are summed first: a goroutine that
    /// ends meanwhile is then counted, never one that has not begun.
    pub(crate) fn num_goroutine(&self) -> u64 {
        let finished: u64 =
            self.all_ps().map(P::finished).sum::<u64>() + self.finished.load(Ordering::Acquire);
        let created: u64 = self.all_ps().map(P::created).sum::<u64>() + self.created.load(Ordering::Relaxed);
        created.saturating_sub(finished)
    }
}
