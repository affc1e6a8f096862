//! SIGQUIT: what every goroutine does, and status 2. And how a report ends the process.
//!
//! The handler says only that it was called and by whom, and wakes sysmon, which makes the dump: whatever the
//! interrupted thread holds it goes on and gives back. A second SIGQUIT ends the process at once, for the case that
//! sysmon is stuck in something of the user's (an allocator).
//!
//! The signal is the runtime's from boot on unless somebody has a handler for it by then. Who installs one later has
//! it. While `signal::notify` has asked for it, it is the program's.
//!
//! Go: signal_unix.go `sighandler`, `fatalsignal`; sigtab_linux_generic.go.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};

use super::debugvars::{self, TracebackLevel, traceback_level};
use super::m::M;
use super::{SCHED, sigqueue, traceback};
use crate::sys::signal::{self, Action};
use crate::sys::write_stderr;
use crate::tls;

/// Whether the signal has come. Release: what is said beside it; pairs with sysmon's Acquire.
static ASKED: AtomicBool = AtomicBool::new(false);
/// What was interrupted: the program counter, the number of the M or -1, and why the signal was sent.
static PC: AtomicUsize = AtomicUsize::new(0);
static BY: AtomicI32 = AtomicI32::new(0);
static CODE: AtomicU32 = AtomicU32::new(0);

/// Installs the handler, unless there is one. An inherited "ignore" is no handler, as in Go.
pub(crate) fn install() {
    // Read now: the handler asks.
    debugvars::crash();
    if Action::current(libc::SIGQUIT).is_some_and(|now| !now.is_handler()) {
        signal::install(libc::SIGQUIT, on_quit);
    }
}

extern "C" fn on_quit(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if sigqueue::is_wanted(libc::SIGQUIT) {
        // Called by the handler of `signal::notify`.
        return;
    }
    let errno = signal::Errno::save();
    if ASKED.load(Ordering::Relaxed) {
        exit();
    }
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    let mp = unsafe { (tls::get::<{ tls::THREAD_OF }>() as *const M).as_ref() };
    PC.store(signal::interrupted(context).0, Ordering::Relaxed);
    BY.store(mp.map_or(-1, |mp| mp.id as i32), Ordering::Relaxed);
    CODE.store(signal::code(info) as u32, Ordering::Relaxed);
    ASKED.store(true, Ordering::Release);
    SCHED.sysmon.wakeup();
    drop(errno);
}

/// For sysmon: if the signal has come, the dump.
pub(crate) fn check() {
    if ASKED.load(Ordering::Acquire) {
        dump();
    }
}

#[cold]
fn dump() -> ! {
    let (pc, by, code) =
        (PC.load(Ordering::Relaxed), BY.load(Ordering::Relaxed), CODE.load(Ordering::Relaxed) as i32);
    write_stderr(format!("SIGQUIT: quit\nPC={pc:#x} m={by} sigcode={code}\n").as_bytes());
    if traceback_level() > TracebackLevel::None {
        for goroutine in traceback::last_words(None) {
            write_stderr(format!("\n{goroutine}").as_bytes());
        }
    }
    exit()
}

/// Ends the process after a report, with Go's status. Usable in a handler.
pub(crate) fn exit() -> ! {
    abort_if_asked();
    // SAFETY: ends the process at once; nothing of it can go on anyway.
    unsafe { libc::_exit(2) }
}

/// `GOTRACEBACK=crash`: the process ends by SIGABRT, for a core dump.
pub(crate) fn abort_if_asked() {
    if debugvars::crash() {
        signal::default(libc::SIGABRT);
        std::process::abort();
    }
}
