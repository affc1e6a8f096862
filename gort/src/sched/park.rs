//! Parking and readying: the two operations on which everything that blocks is built.
//!
//! A goroutine parks in one of three ways, told by its after-switch action:
//! - `Unlock(lock)`: it has queued itself under the lock; its waker takes it off under the same lock,
//!   which is released only once its registers are saved.
//! - `Commit`, `CommitOne`: it has begun a wait on its commit word; any number of lock-free wakers may notify it.
//! - `JoinOn(g)`: it waits for the end of `g`.
//!
//! On a plain thread the same calls work: the action is run by the thread itself, which then sleeps on
//! the futex word of its pseudo goroutine.
//!
//! Go: proc.go `gopark`, `goready`, `Gosched`, `goparkunlock`; time.go `timeSleep`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::current;
use super::m::M;
use super::p::{P, PREEMPT};
use super::pick::{Pick, pick_next, pick_next_of_all};
use super::switch::{switch_to, switch_to_g0};
use super::{SCHED, section, thread, wake};
use crate::biased_lock::Slot;
use crate::g::commit::Notify;
use crate::g::status::Status;
use crate::g::wait_reason::{Arms, WaitReason};
use crate::g::{After, G, entry, join};
use crate::lock::Lock;
use crate::sys::clock::{self, NEVER};
use crate::timer::{Target, Timers};

/// Parks the caller until it is readied. The action tells who may ready it, and from when on.
pub(crate) fn gopark(after: After, reason: WaitReason) {
    gopark_inline(after, reason);
}

/// [`gopark`] as part of its caller. Each function that a resumed goroutine returns from is a return that the
/// processor predicts from the calls of the goroutine that ran before, hence wrong, and pays 20 cycles for: the
/// operations that are parked in often are one function down to the switch.
#[inline(always)]
pub(crate) fn gopark_inline(after: After, reason: WaitReason) {
    let Some(section) = section::enter() else {
        thread::wait(after, NEVER);
        return;
    };
    let mp = section.m();
    let gp = mp.curg.get();
    if std::ptr::eq(gp, mp.g0) {
        crate::sys::throw("gopark on the system stack");
    }
    gp.set_wait(reason, SCHED.coarse());
    gp.status.set(Status::Running, Status::Waiting);
    if mp.lockedg.get().is_some() || std::thread::panicking() {
        park_with_m(mp, gp, after);
    } else {
        match pick_next(mp, false) {
            Pick::Run(next) => switch_to(mp, gp, next, after),
            Pick::Empty | Pick::NeedG0 => switch_to_g0(mp, gp, after),
        }
    }
    section.end_anywhere();
}

/// Nobody else runs on this thread: g0 hands the P on and sleeps.
#[cold]
#[inline(never)]
fn park_with_m(mp: &'static M, gp: &'static G, after: After) {
    if mp.lockedg.get().is_some() {
        switch_to_g0(mp, gp, after);
    } else {
        // std counts panics per thread: the thread stays ours until we go on.
        lock_to(mp, gp);
        switch_to_g0(mp, gp, after);
        unlock_from(mp, gp);
    }
}

/// Parks the caller, which has queued itself under `lock`. Its waker takes it off the queue under the
/// same lock.
#[inline]
pub(crate) fn gopark_unlock(lock: &Lock, reason: WaitReason) {
    gopark(After::Unlock(lock), reason);
}

pub(crate) fn lock_to(mp: &'static M, gp: &'static G) {
    mp.lockedg.set(Some(gp));
    gp.lockedm.store(mp.id + 1, Ordering::Relaxed);
}

pub(crate) fn unlock_from(mp: &'static M, gp: &'static G) {
    mp.lockedg.set(None);
    gp.lockedm.store(0, Ordering::Relaxed);
}

/// Readies a goroutine (or thread) that waits and that the caller alone was chosen to wake.
#[inline]
pub(crate) fn goready(gp: &'static G) {
    if gp.is_thread() {
        return thread::wake(gp);
    }
    match section::enter() {
        Some(section) => ready_on(section.m(), gp, true),
        None => {
            gp.status.ready();
            wake::put_global(entry::pack(gp));
        }
    }
}

/// [`goready`] by one who is in the runtime.
#[inline]
pub(crate) fn goready_on(mp: &'static M, gp: &'static G) {
    if gp.is_thread() { thread::wake(gp) } else { ready_on(mp, gp, true) }
}

/// Readies `gp` to this M's P: to run next, or last.
#[inline]
pub(crate) fn ready_on(mp: &'static M, gp: &'static G, next: bool) {
    debug_assert!(!gp.is_thread());
    let Some(pp) = mp.p() else {
        gp.status.ready();
        return wake::put_global(entry::pack(gp));
    };
    gp.status.ready();
    if next {
        wake::put_next(pp, entry::pack(gp));
    } else {
        wake::put_last(pp, entry::pack(gp));
    }
}

/// For after-switch actions: the goroutine that has just left is to go on at once.
#[cold]
#[inline(never)]
pub(crate) fn ready_here(gp: &'static G) {
    ready_on(current::own_m(), gp, true);
}

/// Wakes the wait `seq` of `gp`'s commit word; true if this call is the one that did.
pub(crate) fn notify(gp: &'static G, seq: crate::g::commit::Seq) -> bool {
    match gp.commit.notify(seq) {
        Notify::Stale => false,
        Notify::WillSee => true,
        Notify::Ready => {
            goready(gp);
            true
        }
    }
}

/// Says that somebody waits for the end of `target`. False when it is over already.
pub(crate) fn join_wait(target: &'static G) -> bool {
    // AcqRel: `joiner` was written before, the result is read after.
    target.join.fetch_or(join::WAITING, Ordering::AcqRel) & join::DONE == 0
}

/// Gives way to whoever else can run. As part of its caller, as [`gopark_inline`]. Go: `Gosched`.
#[inline(always)]
pub(crate) fn gosched() {
    let Some(section) = section::enter() else {
        std::thread::yield_now();
        return;
    };
    let mp = section.m();
    let gp = mp.curg.get();
    if mp.lockedg.get().is_some() || std::thread::panicking() {
        gosched_locked(mp, gp);
    } else {
        match pick_next_of_all(mp, false) {
            Pick::Run(next) => switch_to(mp, gp, next, After::Requeue),
            Pick::Empty => {}
            Pick::NeedG0 => switch_to_g0(mp, gp, After::Requeue),
        }
    }
    section.end_anywhere();
}

#[cold]
fn gosched_locked(mp: &'static M, gp: &'static G) {
    let was_locked = mp.lockedg.get().is_some();
    if !was_locked {
        lock_to(mp, gp);
    }
    switch_to_g0(mp, gp, After::Requeue);
    if !was_locked {
        unlock_from(mp, gp);
    }
}

/// To be called by operations that may block but did not: gives way when the slice is used up. Gives the slot of the
/// thread on which the caller then is, until it parks.
///
/// # Panics
/// When no runtime runs: before anything is locked or queued.
#[inline]
#[track_caller]
pub(crate) fn check_preempt() -> Option<&'static Slot> {
    let Some(mp) = current::m() else {
        current::require_runtime();
        return None;
    };
    // Outside of a section: a P that is not ours any more is no harm, it is only looked at.
    let due = |pp: &P| pp.attention.load(Ordering::Relaxed) & PREEMPT != 0;
    if mp.claim.lost() || mp.p().is_none_or(due) {
        return preempted();
    }
    Some(&mp.inside)
}

#[cold]
#[inline(never)]
fn preempted() -> Option<&'static Slot> {
    gosched();
    current::slot()
}

/// Parks until `deadline` or until the wait that `begin` announces is notified. `begin` is given the
/// wait's number; if it returns false, nothing is waited for. True when a waker notified it, false when
/// the time came or nothing was waited for. As part of its caller, as [`gopark_inline`].
#[inline(always)]
pub(crate) fn park_commit(
    deadline: u64,
    reason: WaitReason,
    begin: impl FnOnce(&'static G, crate::g::commit::Seq) -> bool,
) -> bool {
    park_committed(deadline, After::Commit, reason, begin)
}

/// [`park_commit`] by one who waits for one of `arms`, which dumps are shown.
#[inline(always)]
pub(crate) fn park_select(
    deadline: u64,
    arms: &dyn Arms,
    reason: WaitReason,
    begin: impl FnOnce(&'static G, crate::g::commit::Seq) -> bool,
) -> bool {
    let after = After::CommitOne((&raw const arms).cast());
    park_committed(deadline, after, reason, begin)
}

#[inline(always)]
fn park_committed(
    deadline: u64,
    after: After,
    reason: WaitReason,
    begin: impl FnOnce(&'static G, crate::g::commit::Seq) -> bool,
) -> bool {
    let gp = current::g();
    let seq = gp.commit.begin();
    if !begin(gp, seq) {
        return gp.commit.end();
    }
    let Some(section) = section::enter() else {
        let in_time = thread::wait(after, deadline);
        gp.commit.end();
        return in_time;
    };
    let timers = (deadline != NEVER).then(|| wake::start_wait_timer(deadline, gp, seq));
    gopark_inline(after, reason);
    section.end_anywhere();
    let notified = gp.commit.end();
    let Some(timers) = timers else { return notified };
    // The timer's own notification is no wake-up by somebody: it was one if the time has not come, or
    // if the caller's condition holds, which the caller knows best.
    let early = clock::nanotime() < deadline;
    if early {
        timers.count_stale();
    }
    early
}

/// Has `target` happen at `when`; from anywhere. Gives the heap that it is on.
pub(crate) fn start_timer(when: u64, target: Target) -> &'static Timers {
    let _section = section::enter();
    wake::start_timer(when, target)
}

/// Sleeps for `duration`. Go: `timeSleep`.
pub(crate) fn sleep(duration: Duration) {
    let now = clock::nanotime();
    sleep_from(now, clock::later(now, duration));
}

/// Sleeps until `when`.
pub(crate) fn sleep_until(when: u64) {
    sleep_from(clock::nanotime(), when);
}

/// It is `now`: the clock is looked at once. Nobody but the timer ends this wait.
#[inline(always)]
fn sleep_from(now: u64, when: u64) {
    let gp = current::g();
    let seq = gp.commit.begin();
    let Some(section) = section::enter() else {
        thread::wait(After::Commit, when);
        gp.commit.end();
        return;
    };
    if when != NEVER {
        wake::start_wait_timer(when, gp, seq);
        if let Some(pp) = section.m().p() {
            pp.it_is(now);
        }
    }
    gopark_inline(After::Commit, WaitReason::Sleep);
    section.end_anywhere();
    gp.commit.end();
}

/// Runs `f`, which may park, and keeps the goroutine on its thread meanwhile: for calls that are
/// documented never to move it.
pub(crate) fn keep_thread<R>(f: impl FnOnce() -> R) -> R {
    match current::m() {
        Some(mp) if mp.lockedg.get().is_none() => {
            let gp = mp.curg.get();
            lock_to(mp, gp);
            let r = f();
            unlock_from(mp, gp);
            r
        }
        _ => f(),
    }
}

/// Locks the running goroutine to its M, nested. Go: `LockOSThread`.
pub(crate) fn lock_os_thread() {
    let Some(mp) = current::m() else { return };
    let gp = mp.curg.get();
    super::template::start();
    gp.lock_depth.set(gp.lock_depth.get() + 1);
    lock_to(mp, gp);
}

/// Undoes one [`lock_os_thread`]; without one, nothing. Go: `UnlockOSThread`.
pub(crate) fn unlock_os_thread() {
    let Some(mp) = current::m() else { return };
    let gp = mp.curg.get();
    let depth = gp.lock_depth.get();
    if depth > 0 {
        gp.lock_depth.set(depth - 1);
    }
    if depth == 1 {
        unlock_from(mp, gp);
    }
}
