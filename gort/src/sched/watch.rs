//! Ps that look at sockets look at each other on that occasion, each at the next one: whether it goes on. It is done
//! more often than sysmon's rounds, and costs nothing like a thread that wakes up: so in a server sysmon need not ask
//! the kernel in each round who may have blocked, and is told when somebody has.

use std::sync::atomic::Ordering;

use super::SCHED;
use super::p::{P, PStatus};
use crate::sys::thread;

/// Nanoseconds between two looks, and how long the other has stood still when the kernel is asked first. Twice that
/// until it is asked again, and so on, as one that computes stands still too.
const EACH: u64 = 60_000;
/// How often it is asked; sysmon sees to what stands still for longer.
const ASKS: u32 = 3;
/// Nanoseconds after its last look at sockets when a P does not watch any more. Its thread may have had no processor.
const FRESH: u64 = 5_000_000;

/// What a P has seen of the next one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    /// When to look next.
    next: u64,
    /// How often it had switched.
    switches: u32,
    asked: u32,
    /// Where the clock of the other's thread stood when the kernel said that it is runnable.
    runnable_at: Option<u64>,
}

/// That this P stands still since so many switches. Not 0.
pub(super) fn suspicion(pp: &'static P, switches: u32) -> u64 {
    u64::from(pp.id + 1) << 32 | u64::from(switches)
}

/// Whether another P looks at this one. For sysmon.
pub(super) fn is_watched(pp: &'static P, now: u64) -> bool {
    let procs = SCHED.procs();
    let before = SCHED.p((pp.id + procs - 1) % procs);
    procs > 1
        && before.is_some_and(|before| {
            before.status() == PStatus::Running && now < before.net_looked.load(Ordering::Relaxed) + FRESH
        })
}

/// The owner of `pp` looks at the next P.
#[inline]
pub(super) fn look(pp: &'static P, now: u64) {
    if pp.watch.get().next <= now {
        look_now(pp, now);
    }
}

#[inline(never)]
fn look_now(pp: &'static P, now: u64) {
    let procs = SCHED.procs();
    let next = SCHED.p((pp.id + 1) % procs).filter(|_| procs > 1);
    let mut seen = pp.watch.get();
    seen.next = now + EACH;
    if let Some(next) = next {
        let switches = next.runq.switches();
        if next.status() != PStatus::Running || switches != seen.switches {
            seen = Watch { switches, asked: 0, runnable_at: None, ..seen };
        } else if seen.asked < ASKS {
            seen.asked += 1;
            seen.next = now + (EACH << seen.asked);
            if is_blocked(next, &mut seen.runnable_at) {
                seen.asked = ASKS;
                // Relaxed: the note synchronises.
                SCHED.suspect.store(suspicion(next, switches), Ordering::Relaxed);
                SCHED.sysmon.wakeup();
            }
        }
    }
    pp.watch.set(seen);
}

/// Whether a P that stands still has something that waits, and a thread that sleeps.
fn is_blocked(pp: &'static P, runnable_at: &mut Option<u64>) -> bool {
    let waits = pp.has_queued() || pp.runq.runnext() != 0 || SCHED.global.len() > 0;
    let Some(mp) = pp.owner().filter(|mp| waits && !mp.claim.mode().in_runtime()) else { return false };
    let tid = mp.tid.load(Ordering::Relaxed);
    let used = thread::cpu_time(tid);
    // One that has had no processor since it was runnable is so still.
    if used.is_none() || used == *runnable_at {
        return false;
    }
    let asleep = thread::is_asleep(tid);
    *runnable_at = used.filter(|_| !asleep);
    asleep
}
