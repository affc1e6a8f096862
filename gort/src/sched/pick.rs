//! Choosing the next goroutine of a P.
//!
//! [`pick_next`] is the one place that chooses. A parking goroutine, an ending one and g0 all call it,
//! so that a fast path never bypasses fairness. On a goroutine's stack it gives up (`NeedG0`) whatever
//! must not run there: due timers (a lock may be held across the switch), goroutines locked to other
//! Ms, a P that is to be retired.
//!
//! Go: proc.go `schedule`, `findRunnable`, their first parts.

use std::sync::atomic::Ordering;

use super::m::M;
use super::p::{P, PREEMPT, RETIRE};
use super::{SCHED, poller, wake};
use crate::g::{G, entry};
use crate::netpoll;
use crate::sys::clock::{self, NEVER};
use crate::timer::storm::STORM;
use crate::timer::{BATCH, Due};

/// Every so many slices the global queue goes first, so that two goroutines that keep readying each
/// other cannot shut it out.
const GLOBAL_TICK: u32 = 61;
/// How many entries ahead of the next one stacks and descriptors are prefetched.
const PREFETCH_STACK: u32 = 1;
const PREFETCH_G: u32 = 3;

/// What to do next.
#[must_use]
pub(crate) enum Pick {
    /// Run this one: it is claimed.
    Run(&'static G),
    /// This P has nothing.
    Empty,
    /// Something waits that only g0 may do.
    NeedG0,
}

/// The right to run what `entry` names, unless the entry is stale.
#[inline]
pub(super) fn claim(entry: crate::runq::Entry) -> Option<&'static G> {
    let (gp, tag) = entry::unpack(entry);
    gp.status.claim(tag).then_some(gp)
}

/// The next goroutine of this M's P. `on_g0`: the caller is g0, which runs timers itself. When nothing is due and one was
/// readied to run next it is that one, and none of the registers that the rest needs are saved.
#[inline(always)]
pub(crate) fn pick_next(mp: &'static M, on_g0: bool) -> Pick {
    if let Some(pp) = mp.p()
        && nothing_is_due(pp)
        && let Some(gp) = take_runnext(pp)
    {
        return found(mp, pp, gp, on_g0);
    }
    pick_next_of_all(mp, on_g0)
}

/// Whether there is nothing to look at before the P's own queue.
#[inline(always)]
fn nothing_is_due(pp: &'static P) -> bool {
    pp.timers.next() == NEVER
        && !netpoll::active()
        && pp.attention.load(Ordering::Relaxed) == 0
        && !pp.schedtick().is_multiple_of(GLOBAL_TICK)
}

/// [`pick_next`] of a P that most likely has none to run next. What is found most often then, the first of the ring while
/// nobody is idle, calls nothing, so that no registers are saved for it either.
#[inline(never)]
pub(crate) fn pick_next_of_all(mp: &'static M, on_g0: bool) -> Pick {
    if let Some(pp) = mp.p()
        && nothing_is_due(pp)
        && pp.runq.runnext() == 0
        && SCHED.idle.idle_ps() == 0
        && let Some(entry) = pp.runq.get()
        && let Some(gp) = claim(entry)
    {
        prefetch(pp);
        pp.next_tick();
        return found(mp, pp, gp, on_g0);
    }
    pick_next_outlined(mp, on_g0)
}

#[inline(never)]
fn pick_next_outlined(mp: &'static M, on_g0: bool) -> Pick {
    pick_next_inline(mp, on_g0)
}

/// [`pick_next`] as part of its caller: for the trampoline's loop, in which short goroutines spend most of their time.
#[inline(always)]
pub(crate) fn pick_next_inline(mp: &'static M, on_g0: bool) -> Pick {
    let Some(pp) = mp.p() else { return Pick::NeedG0 };
    let due = pp.timers.next();
    if due != NEVER && due <= pp.now() && !timers_held(pp) {
        if !on_g0 {
            return Pick::NeedG0;
        }
        run_timers(mp, pp);
    }
    if netpoll::active() && poller::is_due(pp) {
        if !on_g0 {
            return Pick::NeedG0;
        }
        let _ = poller::poll_now(mp, pp);
    }
    // After the timers: at the end of a slice those whom they ready queue like everybody.
    if pp.attention.load(Ordering::Relaxed) != 0 && see_to(pp) {
        return Pick::NeedG0;
    }
    if pp.schedtick().is_multiple_of(GLOBAL_TICK)
        && let Some(gp) = take_global(|| SCHED.global.get())
    {
        pp.next_tick();
        return found(mp, pp, gp, on_g0);
    }
    if let Some(gp) = take_runnext(pp) {
        // Inherits the slice: no tick.
        return found(mp, pp, gp, on_g0);
    }
    while let Some(entry) = pp.runq.get() {
        if let Some(gp) = claim(entry) {
            prefetch(pp);
            pp.next_tick();
            if pp.has_queued() {
                wake::call_for_help(pp);
            }
            return found(mp, pp, gp, on_g0);
        }
    }
    if let Some(gp) = take_global(|| SCHED.global.get_share(SCHED.procs(), &pp.runq)) {
        pp.next_tick();
        return found(mp, pp, gp, on_g0);
    }
    Pick::Empty
}

/// The one that was readied to run next.
#[inline(always)]
fn take_runnext(pp: &'static P) -> Option<&'static G> {
    let next = pp.runq.runnext();
    if next == 0 {
        return None;
    }
    pp.runq.set_runnext(0);
    claim(next)
}

/// Among many goroutines descriptor and stack of the next one are in no near cache: asks for them while those before it
/// run. The stack of one whose descriptor was asked for earlier.
#[inline(always)]
fn prefetch(pp: &'static P) {
    let entry = pp.runq.peek(PREFETCH_STACK);
    if entry != 0 && !entry::is_fresh(entry) {
        entry::unpack(entry).0.prefetch_stack();
    }
    let entry = pp.runq.peek(PREFETCH_G);
    if entry != 0 {
        entry::unpack(entry).0.prefetch(entry::is_fresh(entry));
    }
}

/// `gp` is claimed: run it, unless that takes g0. A refill of the stack cache does when we are not on
/// it: it needs some kilobytes of stack, which would cost each parking goroutine a page of its own.
#[inline]
fn found(mp: &'static M, pp: &'static P, gp: &'static G, on_g0: bool) -> Pick {
    pp.runq.count_switch();
    // SAFETY: this M owns the P.
    let refill = || !on_g0 && gp.stack().is_none() && unsafe { pp.stacks.is_empty(gp.order.get()) };
    if locked_elsewhere(mp, gp) || refill() {
        mp.pending.set(Some(gp));
        return Pick::NeedG0;
    }
    Pick::Run(gp)
}

/// Whether `gp` may run on its own M only, and that is not this one.
#[inline]
pub(super) fn locked_elsewhere(mp: &'static M, gp: &'static G) -> bool {
    let locked = gp.lockedm.load(Ordering::Relaxed);
    locked != 0 && locked != mp.id + 1
}

/// Takes entries until one can be claimed.
#[inline]
fn take_global(mut get: impl FnMut() -> Option<crate::runq::Entry>) -> Option<&'static G> {
    while let Some(entry) = get() {
        if let Some(gp) = claim(entry) {
            return Some(gp);
        }
    }
    None
}

/// Sees to what others have asked of this P; true when only g0 can.
#[cold]
fn see_to(pp: &'static P) -> bool {
    let asked = pp.attention.load(Ordering::Relaxed);
    if asked & RETIRE != 0 {
        return true;
    }
    if asked & PREEMPT != 0 {
        pp.attention.fetch_and(!PREEMPT, Ordering::Relaxed);
        // The slice is used up: whoever would have inherited it queues like everybody.
        let next = pp.runq.runnext();
        if next != 0 {
            pp.runq.set_runnext(0);
            wake::put_ring(pp, next);
        }
        pp.next_tick();
    }
    false
}

/// Whether due timers wait while some of those that the last batch has readied run.
fn timers_held(pp: &'static P) -> bool {
    let left = pp.timer_hold.get().wrapping_sub(pp.runq.switches());
    (1..=BATCH as u32).contains(&left) && pp.has_queued()
}

/// Readies what is due of `pp`'s timers to this M's own P, and fires alarms. A sleeper is late already and goes ahead of
/// the queue: before it may be many that block, each for as long as a hand-over takes.
///
/// If there are more than a batch, most of it runs before the next one: descriptors and stacks that are fetched all
/// at once have left the near cache again when their turn comes. The ring is first in, first out: nobody runs later
/// for being readied later.
pub(super) fn run_timers(mp: &'static M, pp: &'static P) {
    let mut readied = 0;
    let now = clock::nanotime();
    let n = pp.timers.run_due(now, |due| match due {
        Due::Ready(gp) if gp.is_thread() => super::thread::wake(gp),
        Due::Ready(gp) => {
            match mp.p() {
                // For all of them together somebody is woken, if at all.
                Some(own) if readied > 0 => {
                    gp.status.ready();
                    wake::put_ring(own, entry::pack(gp));
                }
                _ => super::park::ready_on(mp, gp, true),
            }
            readied += 1;
        }
        Due::Fire(alarm, seq) => alarm.fire(seq),
    });
    if n == BATCH
        && let Some(own) = mp.p()
    {
        own.timer_hold.set(own.runq.switches().wrapping_add(BATCH as u32 - BATCH as u32 / 8));
    }
    STORM.fired(n, now, || SCHED.all_ps().map(|pp| pp.timers.len()).sum());
    if readied > 1
        && let Some(own) = mp.p()
    {
        poller::readied(own, readied);
    }
}

/// The next goroutine of this M's P, for g0: also one that must be handed to its own M. It is claimed: whoever gets
/// it sees to it at once, as nobody else can.
pub(super) fn pick_on_g0(mp: &'static M) -> Option<&'static G> {
    match pick_next(mp, true) {
        Pick::Run(gp) => Some(gp),
        Pick::NeedG0 => mp.pending.take(),
        Pick::Empty => None,
    }
}
