//! Choosing the next goroutine, and the loop of every g0.
//!
//! [`pick_next`] is the one place that chooses. A parking goroutine, an ending one and g0 all call it,
//! so that a fast path never bypasses fairness. On a goroutine's stack it gives up (`NeedG0`) whatever
//! must not run there: due timers (a lock may be held across the switch), goroutines locked to other
//! Ms, a P that is to be retired.
//!
//! Go: proc.go `schedule`, `findRunnable`, `stealWork`, `execute`, `mstart1`.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use super::m::{M, StartFn};
use super::p::{P, PREEMPT, RETIRE};
use super::poller;
use super::switch::switch_to;
use super::wake::{self, Dismissed};
use super::{SCHED, inline, linger};
use crate::contention;
use crate::g::status::Status;
use crate::g::{After, G, entry};
use crate::netpoll;
use crate::sys::clock::{self, NEVER};
use crate::sys::thread;
use crate::timer::storm::STORM;
use crate::timer::{BATCH, Due};

/// Every so many slices the global queue goes first, so that two goroutines that keep readying each
/// other cannot shut it out.
const GLOBAL_TICK: u32 = 61;
/// Rounds over all Ps before a thief gives up; only the last one looks at `runnext`.
const STEAL_ROUNDS: u32 = 4;
/// How long a runnext is left to its P, in nanoseconds: less than a wake costs, more than it takes a
/// goroutine that readies another to park.
const RUNNEXT_GRACE: u64 = 3_000;
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
fn claim(entry: crate::runq::Entry) -> Option<&'static G> {
    let (gp, tag) = entry::unpack(entry);
    gp.status.claim(tag).then_some(gp)
}

/// The next goroutine of this M's P. `on_g0`: the caller is g0, which runs timers itself. When nothing is due and one was
/// readied to run next it is that one, and none of the registers that the rest needs are saved.
#[inline(always)]
pub(crate) fn pick_next(mp: &'static M, on_g0: bool) -> Pick {
    if let Some(pp) = mp.p()
        && pp.timers.next() == NEVER
        && !netpoll::active()
        && pp.attention.load(Ordering::Relaxed) == 0
        && pp.schedtick() % GLOBAL_TICK != 0
        && let Some(gp) = take_runnext(pp)
    {
        return found(mp, pp, gp, on_g0);
    }
    pick_next_of_all(mp, on_g0)
}

#[inline(never)]
pub(crate) fn pick_next_of_all(mp: &'static M, on_g0: bool) -> Pick {
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
    if pp.schedtick() % GLOBAL_TICK == 0
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
    if entry != 0 {
        entry::unpack(entry).0.prefetch_stack();
    }
    let entry = pp.runq.peek(PREFETCH_G);
    if entry != 0 {
        entry::unpack(entry).0.prefetch();
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
fn locked_elsewhere(mp: &'static M, gp: &'static G) -> bool {
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
fn run_timers(mp: &'static M, pp: &'static P) {
    let mut readied = 0;
    let now = clock::nanotime();
    let n = pp.timers.run_due(now, |due| match due {
        Due::Ready(gp) if gp.is_thread() => super::thread::wake(gp),
        Due::Ready(gp) => {
            match mp.p() {
                // Together they are worth one look for somebody idle.
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
    if readied > 1 {
        wake::wakep();
    }
}

/// The loop of a g0. Each turn runs one goroutine, until somebody switches back here.
fn schedule(mp: &'static M) -> Result<Infallible, Dismissed> {
    loop {
        if let Some(call) = mp.call.take() {
            if mp.g0_stack.get() == (0, 0) {
                // Not earlier: it may take a thread's first allocation.
                mp.g0_stack.set(thread::stack_bounds());
            }
            mp.call_end.set(inline::stack_pointer());
            mp.serves.set(Some(call.caller));
            // SAFETY: function and argument belong together and the caller waits for them.
            unsafe { (call.function)(call.argument) };
            mp.serves.set(None);
            if call.caller.status.get().0 == Status::Syscall {
                // It has blocked, and no P was idle on the way back: it queues like any other.
                call.caller.status.set(Status::Syscall, Status::Runnable);
                wake::put_global(entry::pack(call.caller));
                if mp.lockedg.get().is_none() {
                    wake::stopm(mp)?;
                }
                continue;
            }
            switch_to(mp, mp.g0, call.caller, After::Nothing);
            continue;
        }
        if let Some(gp) = mp.lockedg.get() {
            // Its goroutine has parked: the P goes, the thread waits with it.
            wake::stop_locked_m(mp);
            switch_to(mp, mp.g0, gp, After::Nothing);
            continue;
        }
        if mp.p().is_none() {
            // Its P was taken, or handed on before a blocking call; the goroutine has parked, ended, or queued
            // for another.
            wake::stopm(mp)?;
        }
        let gp = match mp.pending.take() {
            Some(gp) => gp,
            None => find_runnable(mp)?,
        };
        if mp.p().is_some_and(|pp| pp.attention.load(Ordering::Relaxed) & RETIRE != 0) {
            // Retired while it looked: the goroutine is for those that are left.
            gp.status.set(Status::Running, Status::Runnable);
            SCHED.global.put(&[entry::pack(gp)]);
            super::procresize::retire(mp);
            continue;
        }
        if locked_elsewhere(mp, gp) {
            wake::start_locked_m(mp, gp)?;
            continue;
        }
        switch_to(mp, mp.g0, gp, After::Nothing);
    }
}

/// Blocks until there is a goroutine to run, and claims it. The M has a P when it returns.
fn find_runnable(mp: &'static M) -> Result<&'static G, Dismissed> {
    loop {
        let pp = mp.p().expect("findrunnable without a P");
        if pp.attention.load(Ordering::Relaxed) & RETIRE != 0 {
            super::procresize::retire(mp);
            wake::stopm(mp)?;
            continue;
        }
        match pick_next(mp, true) {
            Pick::Run(gp) => return Ok(work_found(mp, gp)),
            Pick::NeedG0 => {
                if let Some(gp) = mp.pending.take() {
                    return Ok(work_found(mp, gp));
                }
                continue;
            }
            Pick::Empty => {}
        }
        if netpoll::active() && !poller::is_left_to_another(pp) && poller::poll_now(mp, pp) {
            continue;
        }
        let now = clock::nanotime();
        let stole_at = mp.stole_at.replace(0);
        if stole_at != 0 {
            contention::stolen(now - stole_at);
        }
        if mp.spinning.get() || SCHED.idle.try_spin(SCHED.procs()) {
            mp.spinning.set(true);
            let until = now + linger::time(now);
            loop {
                if let Some(gp) = steal(mp, pp) {
                    let found = clock::nanotime();
                    mp.stole_at.set(found);
                    linger::spun(Some(found - now));
                    return Ok(work_found(mp, gp));
                }
                // Timers may have readied goroutines to our own queues.
                if let Some(gp) = pick_on_g0(mp) {
                    linger::spun(Some(clock::nanotime() - now));
                    return Ok(work_found(mp, gp));
                }
                if pp.attention.load(Ordering::Relaxed) != 0 || clock::nanotime() >= until {
                    break;
                }
                for _ in 0..50 {
                    std::hint::spin_loop();
                }
            }
            linger::spun(None);
        }
        if pp.attention.load(Ordering::Relaxed) & RETIRE != 0 {
            // To be emptied, not laid aside.
            continue;
        }
        sleep_without_work(mp, pp)?;
    }
}

/// Go: `resetspinning`.
fn work_found(mp: &'static M, gp: &'static G) -> &'static G {
    if mp.lone.replace(false) {
        wake::lone_paid(true);
    }
    if mp.spinning.replace(false) && SCHED.idle.found() {
        // The last spinner has work: if there is more, somebody else must look for it.
        if SCHED.global.len() > 0 || SCHED.all_ps().any(P::has_spare) {
            wake::wakep();
        }
    }
    gp
}

/// Gives up the P and sleeps until there may be work. Returns with a P for another round.
fn sleep_without_work(mp: &'static M, pp: &'static P) -> Result<(), Dismissed> {
    // Park, step 1 (see `idle`): the P is idle before the queues are looked at for the last time.
    wake::releasep(mp);
    SCHED.locked(|s| wake::pidleput(s, pp));
    let was_spinning = mp.spinning.replace(false);
    // Step 2.
    SCHED.idle.stop_spinning(was_spinning);
    // Step 3.
    if (SCHED.global.len() > 0 || SCHED.all_ps().any(P::has_spare))
        && let Some(pp) = SCHED.pidleget()
    {
        wake::acquirep(mp, pp);
        mp.spinning.set(true);
        SCHED.idle.spin();
        return Ok(());
    }
    if mp.lone.replace(false) {
        wake::lone_paid(false);
    }
    poller::wait_for_work(mp)
}

/// The next goroutine of this M's P, for g0: also one that must be handed to its own M. It is claimed: whoever gets
/// it sees to it at once, as nobody else can.
fn pick_on_g0(mp: &'static M) -> Option<&'static G> {
    match pick_next(mp, true) {
        Pick::Run(gp) => Some(gp),
        Pick::NeedG0 => mp.pending.take(),
        Pick::Empty => None,
    }
}

/// Looks through the other Ps, in random order, for goroutines and due timers.
///
/// Go: `stealWork`.
fn steal(mp: &'static M, pp: &'static P) -> Option<&'static G> {
    let n = SCHED.allp_len.load(Ordering::Acquire);
    // Where no ring holds anything only the last round finds something. Each look takes a line from an owner that
    // is writing it.
    let first = if SCHED.all_ps().any(P::has_spare) { 0 } else { STEAL_ROUNDS - 1 };
    for round in first..STEAL_ROUNDS {
        let last = round == STEAL_ROUNDS - 1;
        for i in pp.rand.order(n) {
            let Some(victim) = SCHED.p(i) else { continue };
            if std::ptr::eq(victim, pp) {
                continue;
            }
            if last {
                let due = victim.timers.next();
                if due != NEVER && due <= clock::nanotime() {
                    run_timers(mp, victim);
                    if let Some(gp) = pick_on_g0(mp) {
                        return Some(gp);
                    }
                }
            }
            while victim.has_spare()
                && let Some(entry) = victim.runq.grab(&pp.runq)
            {
                if let Some(gp) = claim(entry) {
                    pp.next_tick();
                    pp.runq.count_switch();
                    return Some(gp);
                }
                // A stale one was the last of what we took; our ring may hold the others.
                if let Some(gp) = pick_on_g0(mp) {
                    return Some(gp);
                }
            }
            if last
                && !contention::paused()
                && let Some(gp) = steal_runnext(victim)
            {
                pp.next_tick();
                pp.runq.count_switch();
                return Some(gp);
            }
        }
    }
    None
}

/// Claims another P's runnext if that P has had its chance to run it.
fn steal_runnext(victim: &'static P) -> Option<&'static G> {
    let entry = victim.runq.runnext();
    if entry == 0 {
        return None;
    }
    let switches = victim.runq.switches();
    let until = clock::nanotime() + RUNNEXT_GRACE;
    while clock::nanotime() < until {
        if victim.runq.switches() != switches || victim.runq.runnext() != entry {
            return None;
        }
        for _ in 0..20 {
            std::hint::spin_loop();
        }
    }
    // The entry stays where it is: its owner will find it stale.
    claim(entry)
}

/// Where an M's thread begins to schedule. Returns when the thread is to end; that of m0 never is.
///
/// Go: `mstart1`.
pub(crate) fn mstart(mp: &'static M) -> Dismissed {
    super::schedinit::minit(mp);
    match mp.start {
        StartFn::Sysmon => {
            super::last_words::sysmon_looks();
            super::sysmon::sysmon(mp)
        }
        StartFn::TemplateThread => super::template::run(),
        StartFn::Schedule => {}
    }
    if mp.p().is_none()
        && let Some(pp) = mp.take_nextp()
    {
        wake::acquirep(mp, pp);
    }
    match schedule(mp) {
        Err(dismissed) => dismissed,
    }
}
