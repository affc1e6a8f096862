//! Threads for Ms: making them, ending them, and what is said where there can be none.
//!
//! Go: proc.go `newm`, `mcommoninit`, `checkmcount`; os_linux.go `newosproc`.

use std::io;
use std::ptr;
use std::sync::atomic::Ordering;

use super::m::{M, StartFn};
use super::p::P;
use super::wake::{Dismissed, pidleput};
use super::{SCHED, deadlock, last_words, poller, template, thread_exhaustion};
use crate::sys::thread;

/// Bytes of a g0's stack where it serves goroutines (`blocking_on_system_stack`), except m0's: what threads of C programs
/// have. Address space, and a page for tables: memory is used as it is touched.
const G0_STACK: usize = 8 << 20;
/// Bytes of the stack of a thread that runs the runtime alone.
pub(crate) const OWN_STACK: usize = 256 << 10;
/// How long an M that is not needed keeps its thread, in nanoseconds.
pub(crate) const IDLE_LIFE: u64 = 5_000_000_000;
/// Makes an M and its thread, or gives one that has no thread a new one.
pub(crate) fn newm(start: StartFn, pp: Option<&'static P>, spinning: bool) {
    let (mp, exceeded) = SCHED.locked(|s| {
        let free = if start == StartFn::Schedule { s.free_ms.pop() } else { None };
        let mp = free.unwrap_or_else(|| {
            let mp: &'static M = Box::leak(Box::new(M::new(s.all_ms.len() as u32, start)));
            s.all_ms.push(mp);
            mp
        });
        (mp, s.exceeded())
    });
    if let Some(limit) = exceeded {
        thread_exhaustion(limit);
    }
    if start == StartFn::Schedule {
        SCHED.helped.store(true, Ordering::Relaxed);
    }
    mp.spinning.set(spinning);
    mp.set_nextp(pp);
    // Not so for a goroutine that is only kept here for a while: it has changed nothing, and the
    // template thread may not exist.
    let locked =
        super::current::m().and_then(|own| own.lockedg.get()).is_some_and(|gp| gp.lock_depth.get() > 0);
    if locked {
        // This thread's state (namespaces, priority, …) is its goroutine's business: a new thread must
        // not inherit it.
        template::ask(mp);
    } else {
        start_thread(mp);
    }
}

/// Starts the thread of the first M, when it is not the process's own.
pub(crate) fn start_first(mp: &'static M) {
    start_thread(mp);
}

pub(super) fn start_thread(mp: &'static M) {
    extern "C" fn main(mp: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: `start_thread` passes an M, and Ms are never freed.
        let mp = unsafe { &*mp.cast::<M>() };
        crate::tls::set::<{ crate::tls::M }>(ptr::from_ref(mp) as usize);
        let Dismissed = super::schedule::mstart(mp);
        dismiss(mp);
        ptr::null_mut()
    }
    let stack = if mp.start == StartFn::Schedule { G0_STACK } else { OWN_STACK };
    match thread::spawn(stack, main, ptr::from_ref(mp).cast_mut().cast()) {
        Ok(()) => {
            mp.started.set(true);
            // It may sleep by now, and have been the last to look for a deadlock, but could not know that it is among
            // the threads. Sysmon looks at no other time.
            deadlock::check();
        }
        // The system has no room for another thread now; those that there are go on.
        Err(e)
            if mp.start == StartFn::Schedule && e.kind() == std::io::ErrorKind::WouldBlock && mp.id != 0 =>
        {
            not_started(mp);
        }
        Err(e) => no_thread(&e),
    }
}

/// A thread that the program cannot do without was not made. Go: os_linux.go `newosproc`.
#[cold]
pub(crate) fn no_thread(e: &io::Error) -> ! {
    let have = SCHED.locked(|s| s.mcount());
    last_words::fail(&no_thread_text(have, e.raw_os_error().unwrap_or(0)), "newosproc")
}

/// `have` counts the one that was to be made, as in Go.
fn no_thread_text(have: usize, errno: i32) -> String {
    let mut text = format!("runtime: failed to create new OS thread (have {have} already; errno={errno})\n");
    if errno == libc::EAGAIN {
        text.push_str("runtime: may need to increase max user processes (ulimit -u)\n");
    }
    text
}

/// There is no thread for `mp`: its P waits on the idle list. Sysmon, which is awake while work waits, tries
/// again each round.
#[cold]
fn not_started(mp: &'static M) {
    if mp.spinning.replace(false) {
        let _ = SCHED.idle.found();
    }
    let pp = mp.take_nextp();
    SCHED.locked(|s| {
        if let Some(pp) = pp {
            pidleput(s, pp);
        }
        s.free_ms.push(mp);
    });
}

/// For a thread that is about to end: its M may be used again.
pub(crate) fn dismiss(mp: &'static M) {
    // The signal stack is the M's: who uses it next may be there before this thread is gone.
    thread::SigMask::block_all();
    mp.started.set(false);
    mp.stock.flush();
    mp.tid.store(0, Ordering::Relaxed);
    crate::tls::set::<{ crate::tls::M }>(0);
    crate::tls::set::<{ crate::tls::THREAD_OF }>(0);
    SCHED.locked(|s| s.free_ms.push(mp));
}

/// For sysmon: ends the threads of Ms that have slept for long, beyond one for each P. Gives whether any are
/// left that may be due later.
pub(crate) fn reap_idle(now: u64) -> bool {
    loop {
        let (mp, more) = SCHED.locked(|s| {
            let spare = s.idle_ms.len().saturating_sub(SCHED.procs() as usize);
            if spare == 0 {
                return (None, false);
            }
            let due = |mp: &&'static M| {
                mp.id != 0 && !poller::is_one(mp) && mp.idle_since.load(Ordering::Relaxed) + IDLE_LIFE <= now
            };
            let i = s.idle_ms.iter().position(due);
            (i.map(|i| s.idle_ms.remove(i)), true)
        });
        let Some(mp) = mp else { return more };
        // With no P to begin with, it ends.
        mp.park.wakeup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_thread() {
        let check = |errno: i32, text: &str| assert_eq!(no_thread_text(4, errno), text);
        check(
            libc::EAGAIN,
            "runtime: failed to create new OS thread (have 4 already; errno=11)\n\
             runtime: may need to increase max user processes (ulimit -u)\n",
        );
        check(libc::EPERM, "runtime: failed to create new OS thread (have 4 already; errno=1)\n");
    }
}
