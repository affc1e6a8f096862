//! Running something that blocks, or that needs the system stack, without holding a P meanwhile.
//!
//! The goroutine asks its g0 to run the function. g0 hands the P to somebody else, runs the function as
//! a plain thread would (so that gort's own primitives block the thread in it), takes a P again, and
//! switches back. The retake of Ps from goroutines that block without saying so will share the way
//! back in.
//!
//! Go: proc.go `entersyscallblock`, `exitsyscall`.

use super::SCHED;
use super::current;
use super::m::M;
use super::switch::systemstack;
use super::wake;
use crate::g::status::Status;
use crate::tls;

/// Runs `f` on the system stack of this M with no P held; directly on a plain thread.
pub(crate) fn without_p<R>(f: impl FnOnce() -> R) -> R {
    let Some(mp) = current::m() else { return f() };
    let gp = mp.curg.get();
    if std::ptr::eq(gp, mp.g0) {
        return f();
    }
    systemstack(|| {
        gp.status.set(Status::Running, Status::Syscall);
        enter(mp);
        /// Comes back also when `f` unwinds.
        struct Back(&'static M, &'static crate::g::G);
        impl Drop for Back {
            fn drop(&mut self) {
                exit(self.0);
                if self.0.p().is_some() {
                    self.1.status.set(Status::Syscall, Status::Running);
                }
            }
        }
        let _back = Back(mp, gp);
        f()
    })
}

/// Go: `entersyscallblock`.
fn enter(mp: &'static M) {
    wake::handoffp(wake::releasep(mp));
    // From here on the thread is a plain one: what blocks in it blocks it alone.
    tls::set::<{ tls::M }>(0);
}

/// Takes a P again if one is idle. Without one the goroutine queues like any other: g0 sees to that when
/// the call is over. Go: `exitsyscall`, `exitsyscall0`.
fn exit(mp: &'static M) {
    tls::set::<{ tls::M }>(std::ptr::from_ref(mp) as usize);
    if let Some(pp) = SCHED.pidleget() {
        wake::acquirep(mp, pp);
    }
}
