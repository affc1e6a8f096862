//! The way from user code into the runtime and back: what is done to the P of this M is done between
//! the two, because sysmon may take the P away at any other moment ([`super::claim`]).
//!
//! An M whose P was taken goes on without: an operation that cannot block takes an idle P or does as a
//! plain thread would; one that may block queues its goroutine for a P ([`super::park::check_preempt`]).
//!
//! Go: proc.go `reentersyscall`, `exitsyscallfast`; here every entry is one.

use std::marker::PhantomData;
use std::sync::atomic::Ordering;

use super::SCHED;
use super::current;
use super::m::M;
use super::p::P;
use super::wake;

/// While it lives its goroutine is in the runtime and stays on its M. One that may come back on another M ends
/// by [`Section::end_anywhere`].
pub(crate) struct Section {
    mp: &'static M,
    nested: bool,
    /// It belongs to the goroutine's stack.
    _not_send: PhantomData<*mut ()>,
}

impl Section {
    /// For one who has come into the runtime another way, on `mp`.
    #[inline(always)]
    pub(crate) fn of(mp: &'static M) -> Self {
        debug_assert!(mp.claim.entered());
        Self { mp, nested: false, _not_send: PhantomData }
    }

    /// The M on which the section began.
    #[inline(always)]
    pub(crate) fn m(&self) -> &'static M {
        self.mp
    }

    /// Ends it on whatever M the goroutine is now.
    #[inline(always)]
    pub(crate) fn end_anywhere(self) {
        if !self.nested {
            current::own_m().claim.exit();
        }
        std::mem::forget(self);
    }
}

impl Drop for Section {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.nested {
            self.mp.claim.exit();
        }
    }
}

/// Enters the runtime; none on a plain thread.
#[inline(always)]
pub(crate) fn enter() -> Option<Section> {
    let mp = current::m()?;
    let nested = mp.claim.entered();
    if !nested {
        back_in(mp);
    }
    Some(Section { mp, nested, _not_send: PhantomData })
}

/// From user code into the runtime, to stay: the end of a goroutine, the way back from a blocking call. Gives the
/// P that the M has then.
#[inline(always)]
pub(crate) fn back_in(mp: &'static M) -> Option<&'static P> {
    if mp.claim.enter()
        && let Some(pp) = mp.p()
    {
        return Some(pp);
    }
    without_p(mp);
    mp.p()
}

#[cold]
#[inline(never)]
fn without_p(mp: &'static M) {
    if !mp.claim.settle() {
        mp.set_p(None);
        SCHED.without_p.fetch_sub(1, Ordering::Relaxed);
    }
    if mp.p().is_none()
        && let Some(pp) = SCHED.pidleget()
    {
        wake::acquirep(mp, pp);
    }
}
