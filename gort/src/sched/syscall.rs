//! Blocking calls: running something that may block the thread, without holding a P meanwhile.
//!
//! The P is handed to somebody else, the function runs as on a plain thread (so that gort's own
//! primitives block the thread in it), and the goroutine takes an idle P again or queues for one. The
//! retake of Ps from goroutines that block without saying so will share the way back in.
//!
//! Go: proc.go `entersyscallblock`, `exitsyscall`, `exitsyscall0`.

use super::SCHED;
use super::current;
use super::m::M;
use super::park::{keep_thread, lock_to, unlock_from};
use super::switch::{switch_to_g0, systemstack};
use super::wake;
use crate::g::status::Status;
use crate::g::{After, G};
use crate::tls;

/// The way in, and, when dropped, the way back; also when the function unwinds.
struct Syscall {
    mp: &'static M,
    gp: &'static G,
    /// Whether `f` runs on g0, which sees to the way back of a goroutine that finds no P.
    on_g0: bool,
}

impl Syscall {
    /// Go: `entersyscallblock`.
    fn enter(mp: &'static M, gp: &'static G, on_g0: bool) -> Self {
        gp.status.set(Status::Running, Status::Syscall);
        wake::handoffp(wake::releasep(mp));
        // From here on the thread is a plain one: what blocks in it blocks it alone.
        tls::set::<{ tls::M }>(0);
        Self { mp, gp, on_g0 }
    }
}

impl Drop for Syscall {
    /// Go: `exitsyscall`.
    fn drop(&mut self) {
        let Self { mp, gp, on_g0 } = *self;
        tls::set::<{ tls::M }>(std::ptr::from_ref(mp) as usize);
        if let Some(pp) = SCHED.pidleget() {
            wake::acquirep(mp, pp);
            gp.status.set(Status::Syscall, Status::Running);
        } else if !on_g0 {
            gp.status.set(Status::Syscall, Status::Running);
            let panicking = std::thread::panicking() && mp.lockedg.get().is_none();
            if panicking {
                lock_to(mp, gp);
            }
            switch_to_g0(mp, gp, After::Requeue);
            if panicking {
                unlock_from(mp, gp);
            }
        }
    }
}

/// Runs `f` with no P held; directly on a plain thread or when no P is held already.
pub(crate) fn blocking<R>(f: impl FnOnce() -> R) -> R {
    let Some(mp) = current::m() else { return f() };
    let gp = mp.curg.get();
    if std::ptr::eq(gp, mp.g0) {
        return f();
    }
    let _syscall = Syscall::enter(mp, gp, false);
    f()
}

/// [`blocking`], on the system stack of this M.
pub(crate) fn blocking_on_g0<R>(f: impl FnOnce() -> R) -> R {
    let Some(mp) = current::m() else { return f() };
    let gp = mp.curg.get();
    if std::ptr::eq(gp, mp.g0) {
        return f();
    }
    let call = || {
        systemstack(|| {
            let _syscall = Syscall::enter(mp, gp, true);
            f()
        })
    };
    // std counts panics per thread: one that panics comes back to its own.
    if std::thread::panicking() { keep_thread(call) } else { call() }
}
