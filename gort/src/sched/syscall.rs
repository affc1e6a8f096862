//! Blocking calls that say so: the goroutine's M leaves the runtime and tells sysmon that it may block, so
//! that its P can be taken at the next look if there is work for it, whatever the thread does. In the
//! common case nobody takes it, and the call costs a few stores.
//!
//! Inside, the thread counts as a plain one: gort's own primitives block it alone. On the way back a
//! goroutine whose P was taken takes an idle one or queues.
//!
//! Go: proc.go `entersyscall`, `exitsyscall`, `exitsyscall0`.

use super::m::M;
use super::park::{keep_thread, lock_to, unlock_from};
use super::switch::{switch_to_g0, systemstack};
use super::{SCHED, current, section};
use crate::g::status::Status;
use crate::g::wait_reason::WaitReason;
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
    /// Go: `entersyscall`.
    #[inline]
    fn enter(mp: &'static M, gp: &'static G, on_g0: bool) -> Self {
        // What it waits for is not ours; dumps tell for how long.
        gp.set_wait(WaitReason::None, SCHED.coarse());
        gp.status.set(Status::Running, Status::Syscall);
        // From here on the thread is a plain one.
        tls::set::<{ tls::M }>(0);
        mp.claim.exit_to_syscall();
        Self { mp, gp, on_g0 }
    }

    #[cold]
    fn queue_for_p(&self) {
        let Self { mp, gp, .. } = *self;
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

impl Drop for Syscall {
    /// Go: `exitsyscall`.
    #[inline]
    fn drop(&mut self) {
        let Self { mp, gp, on_g0 } = *self;
        tls::set::<{ tls::M }>(std::ptr::from_ref(mp) as usize);
        section::back_in(mp);
        if mp.p().is_some() {
            gp.status.set(Status::Syscall, Status::Running);
        } else if !on_g0 {
            self.queue_for_p();
        }
        if !on_g0 {
            current::own_m().claim.exit();
        }
    }
}

/// Runs `f`, which may block its thread; directly on a plain thread and on g0.
#[inline]
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
        // The goroutine may have moved on its way here.
        systemstack(|| {
            let mp = current::own_m();
            let _syscall = Syscall::enter(mp, gp, true);
            f()
        })
    };
    // std counts panics per thread: one that panics comes back to its own.
    if std::thread::panicking() { keep_thread(call) } else { call() }
}
