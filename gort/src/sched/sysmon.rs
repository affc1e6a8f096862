//! The monitor: an M without a P that looks at all Ps from outside.
//!
//! Each round it marks Ps whose slice is used up, has lone goroutines stolen that have waited for a
//! whole round, starts an M for timers that are late, and prints `schedtrace`. While a P is busy it
//! sleeps at most a millisecond and no longer than to the next timer; when all have been idle for a
//! while it sleeps until told.
//!
//! Go: proc.go `sysmon`, `retake`.

use std::sync::atomic::{Ordering, fence};

use super::m::M;
use super::p::{PREEMPT, PStatus};
use super::{SCHED, debugvars, trace, wake};
use crate::sys::clock;

/// How long a goroutine may run before others get their turn. Go: `forcePreemptNS`.
const SLICE: u64 = 10_000_000;
/// Sleep while something waits in a queue, and while nothing does.
const SHORT: u64 = 150_000;
const LONG: u64 = 500_000;
/// Rounds with all Ps idle before sysmon sleeps until told.
const IDLE_ROUNDS: u32 = 20;

/// What sysmon remembers of a P. Go: `sysmontick`.
#[derive(Clone, Copy, Default)]
struct Tick {
    schedtick: u32,
    since: u64,
    switches: u32,
}

/// Never returns.
pub(crate) fn sysmon(_mp: &'static M) -> ! {
    let vars = debugvars::get();
    let mut ticks: Vec<Tick> = Vec::new();
    let mut idle_rounds = 0;
    let mut last_trace = clock::nanotime();
    let mut waiting = false;
    loop {
        sleep(waiting, &mut idle_rounds, vars.schedtrace);
        let now = clock::nanotime();
        if vars.schedtrace > 0 && last_trace + vars.schedtrace * 1_000_000 <= now {
            last_trace = now;
            trace::schedtrace(vars.scheddetail, now);
        }
        waiting = look(&mut ticks, now);
        wake::late_timers(now);
    }
}

/// One look at every P; whether work waits anywhere.
fn look(ticks: &mut Vec<Tick>, now: u64) -> bool {
    let mut waiting = SCHED.global.len() > 0;
    let mut stuck = waiting;
    for (i, pp) in SCHED.all_ps().enumerate() {
        if ticks.len() <= i {
            ticks.push(Tick::default());
        }
        let tick = &mut ticks[i];
        if pp.status() != PStatus::Running {
            tick.since = now;
            continue;
        }
        if tick.schedtick != pp.schedtick() {
            tick.schedtick = pp.schedtick();
            tick.since = now;
        } else if now - tick.since >= SLICE {
            tick.since = now;
            pp.attention.fetch_or(PREEMPT, Ordering::Relaxed);
        }
        let queued = pp.has_queued() || pp.runq.runnext() != 0;
        waiting |= queued;
        // The same goroutine has run for a whole round with others queued behind it.
        stuck |= queued && tick.switches == pp.runq.switches();
        tick.switches = pp.runq.switches();
    }
    if stuck {
        wake::wakep();
    }
    waiting
}

/// Sleeps as long as there is nothing to see.
fn sleep(waiting: bool, idle_rounds: &mut u32, schedtrace: u64) {
    let all_idle = || SCHED.idle.idle_ps() >= SCHED.procs();
    if !all_idle() {
        *idle_rounds = 0;
        let until = wake::until_next_timer(if waiting { SHORT } else { LONG });
        SCHED.sysmon.sleep_until(until);
        return;
    }
    *idle_rounds += 1;
    if schedtrace > 0 || *idle_rounds <= IDLE_ROUNDS {
        // Timers of idle Ps are the poller's.
        SCHED.sysmon.sleep_until(clock::nanotime() + LONG);
        return;
    }
    SCHED.sysmon.clear();
    SCHED.sysmon_sleeps.store(true, Ordering::Relaxed);
    // Pairs with the fence in `wake_sysmon`: either we see the busy P or it sees us asleep.
    fence(Ordering::SeqCst);
    if all_idle() {
        SCHED.sysmon.sleep();
    }
    SCHED.sysmon_sleeps.store(false, Ordering::Relaxed);
    SCHED.sysmon.clear();
    *idle_rounds = 0;
}
