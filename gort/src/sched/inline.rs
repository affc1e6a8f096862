//! The inline join: a goroutine that has not run yet is run by the one who waits for it, right there, on its
//! stack. The joiner could not go on anyway; so a spawn and a join cost little more than a call.
//!
//! ```text
//!  hi ┌────────────────────────────┐
//!     │ the host's frames          │  its word says Running, dumps show it as waiting: [join]
//!     │ join, run_here             │
//!     ├────────────────────────────┤  the guest's boundary
//!     │ entry::<F>, the closure …  │  the guest is current: locals, parking, panics are its own
//!     │                            │
//!     │ at least ROOM when it      │
//!  lo └ begins ────────────────────┘
//! ```
//!
//! - One claim ([`StatusWord::claim_fresh`]) decides between the joiner and whoever has the goroutine's entry. The
//!   entries that are left behind are stale.
//! - While the guest is parked its gobuf holds the registers, and with them the host's frames; the host's
//!   gobuf is empty. Nobody can run the host: its word is not Runnable, it is on no queue, and nobody was asked to
//!   wake it. Whichever M resumes the guest carries the host along.
//! - The stack stays the outermost host's. The guest names it too, so that all that looks at a stack by its
//!   goroutine (guard, room, fresh or not) is right, but never frees it: it does not leave by `goexit0`.
//! - The guest ends by coming back: unwinding, goexit included, stops at its entry, as on a stack of its own. The
//!   host is then current again, on the M where the guest has ended.
//! - Guests may be hosts: to any depth that leaves [`ROOM`].
//!
//! Not done when the joiner must keep its thread (locked, pinned, panicking), nor when the P has something to see
//! to: a slice that is used up, a due timer, its retirement. Parking does these.
//!
//! [`StatusWord::claim_fresh`]: crate::g::status::StatusWord::claim_fresh

use std::sync::atomic::Ordering;

use super::current;
use super::m::M;
use super::p::P;
use super::section::{self, Section};
use crate::g::status::Status;
use crate::g::{G, entry};
use crate::stack::{self, DEFAULT_STACK_SIZE, GUARD};
use crate::sys::clock::{self, NEVER};

/// Bytes of stack that are left to a guest at least: what every goroutine of the default size may count on.
pub(crate) const ROOM: usize = 128 << 10;

/// Runs `child` on the caller's stack if that can be. Then it is over, the caller is in the runtime, and the
/// descriptor and the result in its slot are the caller's. The caller holds the handle, and may be on another
/// thread than before.
pub(crate) fn run_here(child: &'static G) -> Option<Section> {
    let section = section::enter()?;
    if section.is_nested() {
        return None;
    }
    let mp = section.m();
    let host = mp.curg.get();
    let boundary = stack_pointer();
    let pp = mp.p()?;
    if !may_host(mp, pp, host, child, boundary) || !child.status.claim_fresh() {
        return None;
    }
    let queued = entry::pack_fresh(child);
    if pp.runq.runnext() == queued {
        pp.runq.set_runnext(0);
    } else {
        pp.runq.forget(queued);
    }
    if let Some(own) = child.stack() {
        child.set_stack(None);
        // SAFETY: this M owns the P, and nobody has run on the stack.
        unsafe { pp.stacks.free(own) };
    }
    // For sysmon: somebody else runs now, on the same slice.
    pp.runq.count_switch();
    child.move_in(host, boundary);
    child.m.store(mp.id + 1, Ordering::Relaxed);
    mp.curg.set(child);
    let run = child.entry.get().expect("newproc sets the entry");
    drop(section);
    // SAFETY: newproc put the closure that belongs to this entry into the slot; it is run once. It comes back
    // in the runtime, maybe on another M.
    unsafe { run(child) };
    let mp = current::own_m();
    child.status.set(Status::Running, Status::Dead);
    super::switch::leave_thread(mp, child);
    let host = child.move_out();
    host.m.store(mp.id + 1, Ordering::Relaxed);
    mp.curg.set(host);
    Some(Section::of(mp))
}

/// Whether `host`, which runs on `mp`, may run `child` on its stack from `sp` on.
#[inline]
fn may_host(mp: &'static M, pp: &'static P, host: &'static G, child: &'static G, sp: usize) -> bool {
    // Of a child that somebody runs already the order may change under our eyes: then the claim fails.
    let Some(stack) = host.stack() else { return false };
    sp.wrapping_sub(stack.lo()) >= room(child.order.get())
        && sp < stack.hi()
        && mp.lockedg.get().is_none()
        && pp.attention.load(Ordering::Relaxed) == 0
        && !due(pp)
        && !std::thread::panicking()
}

/// Bytes that a goroutine with a stack of this order may count on.
#[inline]
fn room(order: u8) -> usize {
    let usable = stack::size(order) - GUARD;
    if usable <= DEFAULT_STACK_SIZE { ROOM } else { usable }
}

fn due(pp: &'static P) -> bool {
    let next = pp.timers.next();
    next != NEVER && next <= clock::nanotime()
}

#[inline(always)]
fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads the stack pointer.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    sp
}
