//! The report of one that cannot go on, and status 2: a goroutine has used up its stack ([`super::overflow`]), or the
//! runtime cannot do what it has promised ([`throw`](crate::sys::throw)).
//!
//! Who dies may hold any lock (the allocator's, the loader's, the scheduler's) and may be in a handler, so it only uses
//! `write`, futexes and the raw unwinder; names come from sysmon, which does not share its fate. Each of the two ends
//! the process if the other makes no progress for two seconds ([`Patience`]).
//!
//! ```text
//!   who dies                                 sysmon
//!   1. header                                on its next round, or woken by 2:
//!   2. ASKED, wakes sysmon                   waits for WALKED, as long as there are ever more frames
//!   3. raw return addresses, WALKED          names, and where the goroutine was made; status 2
//!   4. as long as sysmon's clock moves: sleeps
//!   5. status 2
//! ```
//!
//! Sysmon's progress is its CPU clock: to read the debug information, which comes with the first name, takes a while, and
//! seconds on a busy machine; while it waits for a lock that is held, its clock stands still. One that spins is told by
//! having found no further name for half a minute. Looks are counted and not time, because a process may be stopped for a
//! while.
//!
//! Sysmon itself, and who throws before there is one, makes the report alone.
//!
//! There may be no memory left for names. The soft limit of address space is lifted; and an allocation that fails ends
//! the process as the report does, with what was written until then.
//!
//! Go: panic.go `fatalthrow`, `dopanic_m`; it shows goroutines even if `GOTRACEBACK` says `none`, which its manual denies.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

use super::debugvars::{TracebackLevel, traceback_level};
use super::m::M;
use super::traceback::{self, Frames};
use super::{SCHED, quit};
use crate::g::G;
use crate::sys::{self, mem, signal, thread, write_stderr};
use crate::tls;

/// Nanoseconds between two looks of who dies at sysmon, and of sysmon at who dies.
const LOOK: u64 = 100_000_000;
const LOOK_AT_WALK: u64 = 1_000_000;
/// For how many nanoseconds either may not move, and how long sysmon may move and find no name.
const STILL: u64 = 2_000_000_000;
const IN_VAIN: u64 = 30_000_000_000;

/// Whether somebody dies: the first makes the report.
static BEGUN: AtomicBool = AtomicBool::new(false);
/// Sysmon's thread; 0 before it runs.
static SYSMON: AtomicI32 = AtomicI32::new(0);
/// The thread that looks names up; 0 before it does.
static NAMES_BY: AtomicI32 = AtomicI32::new(0);
/// Whose report it is; null for the runtime's own. Written before ASKED.
static GOROUTINE: AtomicPtr<G> = AtomicPtr::new(ptr::null_mut());
/// Whether the failure is the runtime's, so that all goroutines are shown. Written before ASKED.
static ALL: AtomicBool = AtomicBool::new(false);
/// Whether sysmon is to finish the report. Release: pairs with its Acquire.
static ASKED: AtomicBool = AtomicBool::new(false);
/// Whether all frames are there. Release: pairs with the Acquire of who looks names up.
static WALKED: AtomicBool = AtomicBool::new(false);
pub(super) static FRAMES: Frames = Frames::new();

/// Has `throw` end in a report.
pub(crate) fn install() {
    sys::on_throw(|why| fail("", why));
}

/// Sysmon is there, and is the calling thread.
pub(crate) fn sysmon_looks() {
    SYSMON.store(thread::gettid(), Ordering::Relaxed);
}

/// Whether the caller is the first to die. Usable in a handler.
pub(super) fn is_first() -> bool {
    !BEGUN.swap(true, Ordering::Relaxed)
}

fn is_about(gp: Option<&'static G>, all: bool) {
    GOROUTINE.store(gp.map_or(ptr::null_mut(), |gp| ptr::from_ref(gp).cast_mut()), Ordering::Relaxed);
    ALL.store(all, Ordering::Relaxed);
    signal::install(libc::SIGABRT, on_abort);
}

/// Has sysmon tell of `gp`, whose frames `walk` leaves in [`FRAMES`]. Usable in a handler.
pub(super) fn ask_sysmon(gp: Option<&'static G>, all: bool, walk: impl FnOnce()) -> ! {
    is_about(gp, all);
    ASKED.store(true, Ordering::Release);
    SCHED.sysmon.wakeup();
    walk();
    WALKED.store(true, Ordering::Release);
    wait()
}

/// Sleeps until another has made the report. Usable in a handler.
pub(super) fn wait() -> ! {
    let (mut moves, mut names) = (Patience::new(STILL / LOOK), Patience::new(IN_VAIN / LOOK));
    loop {
        let by = NAMES_BY.load(Ordering::Relaxed);
        if by == thread::gettid() {
            // It has failed in its own report.
            quit::exit()
        }
        // The kernel takes 0 for the calling thread.
        let ran = if by == 0 { 0 } else { thread::cpu_time(by).unwrap_or(0) };
        if moves.is_over(ran) || names.is_over(traceback::looked_up().into()) {
            quit::exit()
        }
        signal::sleep(LOOK);
    }
}

/// Ends the process because of `why`, in which the caller has run; `details` are lines that come before.
#[cold]
pub(crate) fn fail(details: &str, why: &str) -> ! {
    say(details, why);
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    let mp = unsafe { (tls::get::<{ tls::THREAD_OF }>() as *const M).as_ref() };
    let gp = mp.and_then(traceback::whose_frames);
    tell(gp, || traceback::collect(&FRAMES, mp, gp))
}

/// [`fail`] because of a goroutine that has no frames yet.
#[cold]
pub(crate) fn fail_about(gp: &'static G, details: &str, why: &str) -> ! {
    say(details, why);
    tell(Some(gp), || ())
}

/// Returns if the caller is the first to die.
fn say(details: &str, why: &str) {
    let first = is_first();
    if first || NAMES_BY.load(Ordering::Relaxed) == thread::gettid() {
        write_stderr(details.as_bytes());
        sys::fatal(why);
    }
    if !first {
        wait()
    }
}

fn tell(gp: Option<&'static G>, walk: impl FnOnce()) -> ! {
    let by = SYSMON.load(Ordering::Relaxed);
    if by != 0 && by != thread::gettid() {
        ask_sysmon(gp, true, walk)
    }
    is_about(gp, true);
    walk();
    WALKED.store(true, Ordering::Release);
    finish()
}

/// For sysmon: if somebody dies, the rest of the report.
pub(crate) fn check() {
    if ASKED.load(Ordering::Acquire) {
        finish();
    }
}

#[cold]
fn finish() -> ! {
    NAMES_BY.store(thread::gettid(), Ordering::Relaxed);
    let mut frames = Patience::new(STILL / LOOK_AT_WALK);
    while !WALKED.load(Ordering::Acquire) && !frames.is_over(FRAMES.seen()) {
        signal::sleep(LOOK_AT_WALK);
    }
    let level = traceback_level();
    // Without its word who dies may be writing still: then its own lines have to do.
    if WALKED.load(Ordering::Acquire) && level > TracebackLevel::None {
        // Names have the processors to themselves, and memory.
        thread::others_give_way();
        mem::lift_limit();
        // SAFETY: null or a descriptor, which is never freed.
        let gp = unsafe { GOROUTINE.load(Ordering::Relaxed).as_ref() };
        match gp {
            Some(gp) => {
                // SAFETY: it is not coming back, and has left the frames.
                let text = unsafe { traceback::running(gp, FRAMES.take()) };
                write_stderr(format!("\n{text}").as_bytes());
            }
            // All of them are the runtime's.
            None if level == TracebackLevel::System => {
                write_stderr(format!("\n{}", traceback::runtime_stack(&FRAMES.take())).as_bytes());
            }
            None => {}
        }
        if level >= TracebackLevel::All || ALL.load(Ordering::Relaxed) {
            for other in traceback::last_words(gp) {
                write_stderr(format!("\n{other}").as_bytes());
            }
        }
    }
    quit::exit()
}

/// An allocation has failed, here or elsewhere. The report goes on unless it was the one that needed it.
extern "C" fn on_abort(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    wait()
}

/// How often one looks at another that makes no progress.
struct Patience {
    looks: u64,
    left: u64,
    seen: Option<u64>,
}

impl Patience {
    fn new(looks: u64) -> Self {
        Self { looks, left: looks, seen: None }
    }

    /// One more look: the other has come so far.
    fn is_over(&mut self, progress: u64) -> bool {
        if self.seen.replace(progress) == Some(progress) {
            self.left -= 1;
        } else {
            self.left = self.looks;
        }
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience() {
        let check = |progress: &[u64], over_at: Option<usize>| {
            let mut patience = Patience::new(3);
            assert_eq!(progress.iter().position(|&p| patience.is_over(p)), over_at, "{progress:?}");
        };
        check(&[0, 0, 0], None);
        check(&[0, 0, 0, 0], Some(3));
        check(&[0, 0, 0, 1, 1, 1, 2], None);
        check(&[0, 1, 1, 1, 1], Some(4));
        check(&[1, 2, 3, 4, 5, 6, 7], None);
    }
}
