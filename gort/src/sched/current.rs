//! Who runs here: the M of this thread, its P, its goroutine.
//!
//! What these functions return holds until the next switch, no longer: code that parks asks again.
//!
//! Go: `getg`, `acquirem`.

use super::m::M;
use super::{SCHED, thread};
use crate::biased_lock::Slot;
use crate::g::G;
use crate::lock::NO_GOROUTINE;
use crate::tls;
use std::sync::atomic::Ordering;

/// The M of this thread; none on a plain thread.
#[inline(always)]
pub(crate) fn m() -> Option<&'static M> {
    // SAFETY: the word is zero or the address of an M, and Ms are never freed.
    unsafe { (tls::get::<{ tls::M }>() as *const M).as_ref() }
}

/// The M of a thread that is known to be the runtime's.
#[inline(always)]
pub(crate) fn own_m() -> &'static M {
    let mp = tls::get::<{ tls::M }>() as *const M;
    debug_assert!(!mp.is_null());
    // SAFETY: only called where goroutines or g0s run, whose threads have an M.
    unsafe { &*mp }
}

/// What this thread's M says of the biased lock that it is inside of; none on a plain thread.
#[inline(always)]
pub(crate) fn slot() -> Option<&'static Slot> {
    m().map(|mp| &mp.inside)
}

/// The running goroutine; on a plain thread its pseudo goroutine.
///
/// # Panics
/// On a plain thread when no runtime runs.
#[inline]
#[track_caller]
pub(crate) fn g() -> &'static G {
    match m() {
        Some(mp) => mp.curg.get(),
        None => thread::pseudo_g(),
    }
}

/// The running goroutine, none on a plain thread.
#[inline]
pub(crate) fn goroutine() -> Option<&'static G> {
    m().map(|mp| mp.curg.get())
}

/// The running goroutine as the note of a lock has it ([`crate::lock::Noted`]).
#[inline]
pub(crate) fn note() -> i64 {
    match m() {
        Some(mp) => mp.curg.get().id() as i64,
        None => NO_GOROUTINE,
    }
}

/// A random number below `n`, for choices that must be fair.
pub(crate) fn random_below(n: u32) -> u32 {
    match m() {
        Some(mp) => mp.rand.below(n),
        None => thread::random_below(n),
    }
}

/// Whether it is worth to spin for somebody who runs elsewhere, and nobody else waits for this P. Go:
/// `sync_runtime_canSpin`.
pub(crate) fn may_spin() -> bool {
    match m() {
        None => true,
        Some(mp) => SCHED.procs() > 1 + SCHED.idle.idle_ps() && mp.p().is_some_and(|pp| !pp.has_queued()),
    }
}

/// Panics unless a runtime runs.
#[inline]
#[track_caller]
pub(crate) fn require_runtime() {
    if m().is_none() && !SCHED.booted.load(Ordering::Acquire) {
        no_runtime();
    }
}

#[cold]
#[track_caller]
fn no_runtime() -> ! {
    panic!(
        "gort: no runtime is running; put #[gort::main] on fn main, #[gort::test] on a test, \
         or call unsafe {{ gort::boot(gort::Options::default()) }} first"
    )
}
