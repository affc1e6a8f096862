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

impl Watch {
    /// A look at the other, which has switched so often; none if it does not run. Whether the kernel is to be asked.
    fn is_to_ask(&mut self, now: u64, switches: Option<u32>) -> bool {
        self.next = now + EACH;
        if switches != Some(self.switches) {
            *self = Self { next: self.next, switches: switches.unwrap_or(0), ..Self::default() };
            return false;
        }
        let asks = self.asked < ASKS;
        if asks {
            self.asked += 1;
            self.next = now + (EACH << self.asked);
        }
        asks
    }
}

/// The P that is so many places behind, if that is another one.
fn neighbour(pp: &'static P, places: u32) -> Option<&'static P> {
    let procs = SCHED.procs();
    if procs > 1 { SCHED.p((pp.id + places) % procs) } else { None }
}

/// Whether another P looks at this one. For sysmon.
pub(super) fn is_watched(pp: &'static P, now: u64) -> bool {
    neighbour(pp, SCHED.procs() - 1).is_some_and(|before| {
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
    let Some(next) = neighbour(pp, 1) else { return };
    let mut seen = pp.watch.get();
    let switches = next.runq.switches();
    let runs = next.status() == PStatus::Running;
    if seen.is_to_ask(now, runs.then_some(switches)) && is_blocked(next, &mut seen.runnable_at) {
        seen.asked = ASKS;
        // Relaxed: the note synchronises.
        SCHED.suspect.store(suspicion(next, switches), Ordering::Relaxed);
        SCHED.sysmon.wakeup();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_still_is_asked_about_ever_more_seldom() {
        let mut watch = Watch::default();
        let mut now = 1_000_000;
        let mut look = |switches: Option<u32>, asks: bool, pause: u64| {
            assert_eq!(watch.is_to_ask(now, switches), asks, "{switches:?}");
            assert_eq!(watch.next - now, pause * EACH);
            now = watch.next;
        };
        look(Some(5), false, 1);
        look(Some(9), false, 1);
        // One that computes stands still too.
        for pause in [2, 4, 8] {
            look(Some(9), true, pause);
        }
        look(Some(9), false, 1);
        look(Some(10), false, 1);
        look(Some(10), true, 2);
        look(None, false, 1);
        look(Some(10), false, 1);
        look(Some(10), true, 2);
    }
}
