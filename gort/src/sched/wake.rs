//! Putting goroutines on queues, and waking and stopping the Ms that run them. The argument that no
//! wake-up is lost stands in [`super::idle`].
//!
//! Go: proc.go `runqput`, `wakep`, `startm`, `stopm`, `handoffp`, `stoplockedm`, `startlockedm`.

use std::ptr;
use std::sync::atomic::Ordering;

use super::m::{M, StartFn};
use super::newm::newm;
use super::p::{P, PREEMPT, PStatus};
use super::{Locked, SCHED, apart, deadlock, poller, schedinit};
use crate::contention;
use crate::g::G;
use crate::g::commit::Seq;
use crate::runq::Entry;
use crate::sys::clock;
use crate::sys::clock::NEVER;
use crate::timer::{Target, Timers};

/// How long it may take an M to wake up, in nanoseconds.
const WAKES_UP: u64 = 100_000;
/// How many lone goroutines pass before it is looked whether there has been a second M meanwhile.
const UNHELPED: u32 = 63;
/// The largest [`Sched::lone_shift`](super::Sched::lone_shift).
const LONE_SHIFT_MAX: u32 = 16;

/// Appends to the P's ring; half of a full ring goes to the global queue. Owner only.
#[inline]
pub(crate) fn put_ring(pp: &'static P, entry: Entry) {
    if !pp.runq.put(entry) {
        put_ring_slow(pp, entry);
    }
}

#[cold]
#[inline(never)]
fn put_ring_slow(pp: &'static P, entry: Entry) {
    match if pp.runq.compact() { None } else { pp.runq.overflow(entry) } {
        Some(batch) => SCHED.global.put(&batch),
        // There were holes, or thieves have made room.
        None => put_ring(pp, entry),
    }
}

/// Queues a goroutine that gives way. Wakes nobody: there is no more work than before.
#[inline]
pub(crate) fn put_tail(mp: &'static M, entry: Entry) {
    match mp.p() {
        Some(pp) => put_ring(pp, entry),
        None => put_global(entry),
    }
}

/// Queues one that has become runnable, to run next if the slice allows, and sees to it that somebody
/// runs what it displaces.
#[inline]
pub(crate) fn put_next(pp: &'static P, entry: Entry) {
    if pp.attention.load(Ordering::Relaxed) & PREEMPT != 0 {
        // The slice that it would inherit is used up.
        return put_last(pp, entry);
    }
    let displaced = pp.runq.runnext();
    pp.runq.set_runnext(entry);
    if displaced == 0 {
        lone(pp);
    } else {
        put_last(pp, displaced);
    }
}

/// [`put_next`] if that is a matter of a few stores: nothing is to be moved to another queue, nobody to be woken. If
/// so, `entry` is asked for it.
#[inline(always)]
pub(crate) fn put_next_lightly(pp: &'static P, entry: impl FnOnce() -> Entry) -> bool {
    if pp.attention.load(Ordering::Relaxed) & PREEMPT != 0 {
        return false;
    }
    let may_help = SCHED.idle.idle_ps() > 0 && SCHED.idle.spinning() == 0;
    let displaced = pp.runq.runnext();
    if displaced != 0 {
        if may_help || !pp.runq.put(displaced) {
            return false;
        }
    } else if may_help {
        match pp.lone_skip.get() {
            0 if !contention::paused() => return false,
            skip => pp.lone_skip.set(skip.saturating_sub(1)),
        }
    }
    pp.runq.set_runnext(entry());
    true
}

/// Appends one that has become runnable and wakes an M for it if one could help.
#[inline]
pub(crate) fn put_last(pp: &'static P, entry: Entry) {
    put_ring(pp, entry);
    call_for_help(pp);
}

/// [`wakep`] by one whose own P will run what is queued, if nobody helps: without the fence (see `idle`).
#[inline]
pub(crate) fn call_for_help(pp: &'static P) {
    if SCHED.idle.idle_ps() > 0 && SCHED.idle.spinning() == 0 && pp.has_spare() {
        wakep();
    }
}

/// From a plain thread, or an M without a P.
pub(crate) fn put_global(entry: Entry) {
    SCHED.global.put(&[entry]);
    wakep();
}

/// A goroutine lies alone in `runnext`: its P will most likely run it before another M could be awake,
/// and a wake costs as much as a hundred switches. So only some are worth a wake: the more such wakes
/// have found nothing lately, the fewer. Never none; and sysmon looks after those that wait long. The first M that there
/// would be to wake is made for one that sysmon has seen to wait.
#[inline]
pub(super) fn lone(pp: &'static P) {
    if SCHED.idle.idle_ps() == 0 || SCHED.idle.spinning() > 0 {
        return;
    }
    let skip = pp.lone_skip.get();
    if skip > 0 {
        pp.lone_skip.set(skip - 1);
    } else if !SCHED.helped.load(Ordering::Relaxed) {
        // There is nobody to wake yet, and a thread is dear: a program that only ever joins what it starts needs none.
        pp.lone_skip.set(UNHELPED);
    } else if !contention::paused() {
        pp.lone_skip.set((1 << SCHED.lone_shift.load(Ordering::Relaxed)) - 1);
        start_spinning(true);
    }
}

/// Whether a wake for a lone goroutine was worth it.
pub(crate) fn lone_paid(paid: bool) {
    let shift = SCHED.lone_shift.load(Ordering::Relaxed);
    // A race between two Ms loses a step, which does not matter.
    let shift = if paid { shift.saturating_sub(4) } else { (shift + 2).min(LONE_SHIFT_MAX) };
    SCHED.lone_shift.store(shift, Ordering::Relaxed);
}

/// Starts an M that looks for work, if there is an idle P and nobody looks already.
#[inline]
pub(crate) fn wakep() {
    start_spinning(false);
}

#[inline]
fn start_spinning(lone: bool) {
    if SCHED.idle.submitted() {
        start_counted(lone);
    }
}

/// `Idle::submitted` has counted a spinning M: make it so, or take it back.
#[cold]
fn start_counted(lone: bool) {
    match SCHED.pidleget() {
        Some(pp) => start(pp, true, lone, true),
        None => {
            // The last idle P was taken meanwhile, by somebody who looks for work on its own account.
            let _ = SCHED.idle.found();
        }
    }
}

/// Has an M run `pp`. `spinning`: it is counted as such already. The caller is about to sleep, or block.
pub(crate) fn startm(pp: &'static P, spinning: bool) {
    start(pp, spinning, false, false);
}

/// `apart`: the caller goes on.
fn start(pp: &'static P, spinning: bool, lone: bool, apart: bool) {
    let idle = SCHED.locked(|s| {
        let n = s.idle_ms.len();
        // Ms that wait for the next timer or for sockets are disturbed last.
        let i = (0..n).rev().find(|&i| !poller::is_one(s.idle_ms[i])).or(n.checked_sub(1))?;
        let mp = s.idle_ms.remove(i);
        Some((mp, poller::chosen(mp)))
    });
    match idle {
        Some((mp, in_netpoll)) => {
            // It sleeps, and is on no list any more: its fields are ours until the note wakes it.
            mp.spinning.set(spinning);
            mp.lone.set(lone);
            mp.set_nextp(Some(pp));
            if apart {
                apart::wakes(mp);
            }
            if in_netpoll {
                poller::call(mp);
            } else {
                mp.park.wakeup();
            }
        }
        None => newm(StartFn::Schedule, Some(pp), spinning),
    }
}

/// Makes `pp` this M's. The caller has it from the idle list, a note or its own hand.
pub(crate) fn acquirep(mp: &'static M, pp: &'static P) {
    debug_assert!(mp.p().is_none() && mp.claim.entered());
    if pp.attention.load(Ordering::Relaxed) & PREEMPT != 0 {
        // That was for who had it before.
        pp.attention.fetch_and(!PREEMPT, Ordering::Relaxed);
    }
    // Whoever had it has looked at the clock some time ago.
    pp.it_is(0);
    pp.set_owner(Some(mp));
    pp.set_status(PStatus::Running);
    mp.set_p(Some(pp));
}

/// Takes this M's P away from it.
pub(crate) fn releasep(mp: &'static M) -> &'static P {
    let pp = mp.p().expect("releasep without a P");
    detach(pp);
    mp.set_p(None);
    pp
}

/// `pp` is nobody's but the caller's now.
pub(crate) fn detach(pp: &'static P) {
    pp.set_owner(None);
    pp.set_status(PStatus::Idle);
}

/// Puts a P on the idle list. Go: `pidleput`.
pub(crate) fn pidleput(s: &mut Locked, pp: &'static P) {
    if pp.id >= SCHED.procs() {
        // Retired while it was on its way: what it has goes where it is seen. It may have goroutines: a
        // thief that has just filled its ring finds itself retired before it runs them.
        super::procresize::empty_queues(pp);
        pp.set_status(PStatus::Dead);
        return;
    }
    pp.set_status(PStatus::Idle);
    s.idle_ps.push(pp);
    SCHED.idle.p_idle();
}

/// Finds somebody for a P whose M is about to block.
pub(crate) fn handoffp(pp: &'static P) {
    let work = pp.has_queued() || pp.runq.runnext() != 0 || SCHED.global.len() > 0;
    // A P with timers needs an M as well, if only to wait for them, and so do sockets.
    if work || pp.timers.next() != NEVER || poller::sockets_unattended() || pp.id >= SCHED.procs() {
        return startm(pp, false);
    }
    SCHED.locked(|s| pidleput(s, pp));
    // The same order as in `sleep_without_work`: idle first, then a last look.
    SCHED.idle.stop_spinning(false);
    if SCHED.global.len() > 0 || SCHED.all_ps().any(P::has_spare) {
        wakep();
    } else {
        deadlock::check();
    }
}

/// An M has slept for long and is not needed: its thread is to end.
#[derive(Debug)]
pub(crate) struct Dismissed;

/// Sleeps until another M hands over a P. Go: `stopm`.
pub(crate) fn stopm(mp: &'static M) -> Result<(), Dismissed> {
    debug_assert!(mp.pending.get().is_none(), "a claimed goroutine sleeps with its thief");
    SCHED.locked(|s| s.midleput(mp));
    deadlock::check();
    mp.park.sleep();
    mp.park.clear();
    take_nextp(mp)
}

pub(super) fn take_nextp(mp: &'static M) -> Result<(), Dismissed> {
    let pp = mp.take_nextp().ok_or(Dismissed)?;
    apart::awake(mp);
    acquirep(mp, pp);
    Ok(())
}

/// The M of a locked goroutine that has parked: hands its P on and sleeps until the goroutine runs.
///
/// Go: `stoplockedm`.
pub(crate) fn stop_locked_m(mp: &'static M) {
    if mp.p().is_some() {
        handoffp(releasep(mp));
    }
    SCHED.locked(Locked::locked_idle_inc);
    deadlock::check();
    mp.park.sleep();
    mp.park.clear();
    take_nextp(mp).expect("woken with a P by `start_locked_m`");
}

/// `gp` is claimed but locked to another M: gives that M our P and sleeps. Go: `startlockedm`.
pub(crate) fn start_locked_m(mp: &'static M, gp: &'static G) -> Result<(), Dismissed> {
    let id = gp.lockedm.load(Ordering::Relaxed) - 1;
    let owner = SCHED.locked(|s| {
        s.locked_idle -= 1;
        s.all_ms[id as usize]
    });
    debug_assert!(owner.lockedg.get().is_some_and(|g| ptr::eq(g, gp)));
    if mp.spinning.replace(false) {
        let _ = SCHED.idle.found();
    }
    owner.set_nextp(Some(releasep(mp)));
    owner.park.wakeup();
    stopm(mp)
}

/// Has `target` happen at `when`. Gives the heap that it is on. Called in a section, or on a plain thread.
#[inline(never)]
pub(crate) fn start_timer(when: u64, target: Target) -> &'static Timers {
    start_timer_inline(when, || target)
}

/// [`start_timer`] for one who waits.
#[inline(never)]
pub(crate) fn start_wait_timer(when: u64, gp: &'static G, seq: Seq) -> &'static Timers {
    start_timer_inline(when, || Target::Wait(gp, seq))
}

#[inline(always)]
fn start_timer_inline(when: u64, target: impl FnOnce() -> Target) -> &'static Timers {
    if let Some(pp) = super::current::m().and_then(M::p) {
        // Its owner, who is us, looks at it at each pick.
        pp.timers.insert(when, target);
        return &pp.timers;
    }
    let timers = &SCHED.p(0).expect("made at boot").timers;
    timers.insert(when, target);
    // Whoever is idle may mean to sleep for longer. The fence in here pairs with the one before an M's
    // last look at the timers (`stop_spinning`): either it sees this one, or we see its idle P.
    wakep();
    timers
}

/// For sysmon: timers that are late because no M is there to see them. One that waits for them may be about to wake up.
pub(crate) fn late_timers(now: u64) {
    let next = SCHED.next_timer();
    let until = SCHED.poll_until.load(Ordering::Relaxed);
    let awaited = until != 0 && until <= next && now < until.saturating_add(WAKES_UP);
    if next <= now
        && !awaited
        && let Some(pp) = SCHED.pidleget()
    {
        SCHED.idle.spin();
        startm(pp, true);
    }
}

/// For sysmon: the time until which it may sleep without being late for a timer.
pub(crate) fn until_next_timer(longest: u64) -> u64 {
    let now = clock::nanotime();
    if SCHED.poll_until.load(Ordering::Relaxed) != 0 {
        // An idle M waits for it, and calls if it then finds all Ps busy.
        return now + longest;
    }
    SCHED.next_timer().max(now + schedinit::MIN_SYSMON_SLEEP.min(longest)).min(now + longest)
}
