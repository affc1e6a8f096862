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
use super::newproc::gfput;
use super::p::P;
use super::section::{self, Section};
use crate::g::{G, entry};
use crate::stack::{self, DEFAULT_STACK_SIZE, GUARD, Stack};
use crate::sys::clock::{self, NEVER};

/// Bytes of stack that are left to a guest at least: what every goroutine of the default size may count on.
pub(crate) const ROOM: usize = 128 << 10;
/// The order of a stack of the default size.
const DEFAULT_ORDER: u8 = 1;
const _: () = assert!(stack::size(DEFAULT_ORDER) == DEFAULT_STACK_SIZE + GUARD);

/// Runs `child` on the caller's stack if that can be. Then it is over, and the caller is in the runtime, on the M that
/// is given: another than before, maybe. The descriptor lies on top of the stock that is drawn on there, with the result
/// in its slot. The caller holds the handle.
///
/// The short way calls nothing but the child: few registers are saved for it. [`run_here_slow`] does what is rare.
pub(crate) fn run_here(child: &'static G) -> Option<&'static M> {
    if std::thread::panicking() {
        return None;
    }
    let mp = current::m()?;
    if mp.claim.entered() {
        return None;
    }
    if mp.claim.enter()
        && let Some(pp) = mp.p()
        && pp.timers.next() == NEVER
        && child.order.get() <= DEFAULT_ORDER
        && child.stack().is_none()
    {
        return run_with::<false>(mp, pp, child);
    }
    mp.claim.exit();
    run_here_slow(mp, child)
}

/// For a host with timers, or with a claim on its P, and for a child that asks for more, or has a stack already.
#[cold]
#[inline(never)]
fn run_here_slow(mp: &'static M, child: &'static G) -> Option<&'static M> {
    let pp = section::back_in(mp);
    let section = Section::of(mp);
    let pp = pp?;
    let next = pp.timers.next();
    if next != NEVER && next <= clock::nanotime() {
        return None;
    }
    std::mem::forget(section);
    run_with::<true>(mp, pp, child)
}

/// [`run_here`], in the runtime; which is left if it cannot be. `SPECIAL`: the child may ask for more than the default
/// stack, and have a stack of its own.
#[inline(always)]
fn run_with<const SPECIAL: bool>(mp: &'static M, pp: &'static P, child: &'static G) -> Option<&'static M> {
    let section = Section::of(mp);
    let host = mp.curg.get();
    let stack = host.stack_or_null();
    let boundary = stack_pointer();
    if mp.lockedg.get().is_some()
        || pp.attention.load(Ordering::Relaxed) != 0
        || !has_room(host, stack, if SPECIAL { room(child.order.get()) } else { ROOM }, boundary)
    {
        return None;
    }
    let tag = child.status.claim_fresh()?;
    let queued = entry::pack_tag(child, tag);
    if pp.runq.runnext() == queued {
        pp.runq.set_runnext(0);
    } else {
        pp.runq.forget(queued);
    }
    if SPECIAL && let Some(own) = child.stack() {
        child.set_stack(None);
        // SAFETY: this M owns the P, and nobody has run on the stack.
        unsafe { pp.stacks.free(own) };
    }
    // For sysmon: somebody else runs now, on the same slice.
    pp.runq.count_switch();
    child.move_in(host, stack, boundary);
    mp.curg.set(child);
    let run = child.entry.get();
    drop(section);
    // SAFETY: newproc put the closure that belongs to this entry into the slot; it is run once. It comes back
    // in the runtime, maybe on another M.
    unsafe { run(child) };
    let mp = current::own_m();
    child.status.finish();
    super::switch::leave_thread(mp, child);
    child.move_out(host);
    mp.curg.set(host);
    match mp.p() {
        Some(pp) => pp.stock.put(child),
        None => gfput(Some(mp), child),
    }
    Some(mp)
}

/// Whether `host` has `room` bytes left below `sp` on its own `stack`. `sp` may be on a stack that the goroutine has made
/// for itself.
#[inline(always)]
fn has_room(host: &'static G, stack: Stack, room: usize, sp: usize) -> bool {
    // If there is none, at address 0, the second says no.
    sp >= stack.lo() + room && sp < host.frames_begin(stack)
}

/// Bytes that a goroutine with a stack of this order may count on.
fn room(order: u8) -> usize {
    if order <= DEFAULT_ORDER { ROOM } else { stack::size(order) - GUARD }
}

#[inline(always)]
pub(super) fn stack_pointer() -> usize {
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
