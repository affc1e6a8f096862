//! The loop of every g0, and how its M finds work for its P.
//!
//! Go: proc.go `schedule`, `findRunnable`, `stealWork`, `execute`, `mstart1`.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use super::m::{M, StartFn};
use super::p::{P, RETIRE};
use super::pick::{Pick, claim, locked_elsewhere, pick_next, pick_on_g0, run_timers};
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

/// Rounds over all Ps before a thief gives up; only the last one looks at `runnext`.
const STEAL_ROUNDS: u32 = 4;
/// How long a runnext is left to its P, in nanoseconds: less than a wake costs, more than it takes a
/// goroutine that readies another to park.
const RUNNEXT_GRACE: u64 = 3_000;

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
    let mut woken = false;
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
            contention::stolen(now - stole_at, mp.stole_woken.get());
        }
        if mp.spinning.get() || SCHED.idle.try_spin(SCHED.procs()) {
            mp.spinning.set(true);
            let until = now + linger::time(now);
            loop {
                if let Some(gp) = steal(mp, pp) {
                    let found = clock::nanotime();
                    mp.stole_at.set(found);
                    mp.stole_woken.set(woken);
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
        if woken && !mp.lone.get() {
            // For nothing.
            contention::stolen(0, true);
        }
        // Whoever was given a P, and not asked for help, need not find anything.
        woken = sleep_without_work(mp, pp)? && mp.spinning.get();
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

/// Gives up the P and sleeps until there may be work. Returns with a P for another round, and whether somebody has
/// woken it.
fn sleep_without_work(mp: &'static M, pp: &'static P) -> Result<bool, Dismissed> {
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
        return Ok(false);
    }
    if mp.lone.replace(false) {
        wake::lone_paid(false);
    }
    poller::wait_for_work(mp)
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
