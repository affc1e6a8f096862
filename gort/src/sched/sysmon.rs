//! The monitor: an M without a P that looks at all Ps from outside.
//!
//! Each round it takes Ps from goroutines that stand in the way of others ([`super::retake`]), has lone
//! goroutines stolen that have waited for a whole round, starts an M for timers that are late, ends threads
//! that nobody has needed for long, gives the pages of such stacks back ([`super::cooling`]), and prints
//! `schedtrace`. While a P is busy it sleeps at most a
//! millisecond and no longer than to the next timer; when all have been idle for a while it sleeps until
//! told.
//!
//! Go: proc.go `sysmon`.

use std::sync::atomic::{Ordering, fence};

use super::cooling::Cooling;
use super::m::M;
use super::retake::{Retake, Seen};
use super::{SCHED, debugvars, last_words, newm, poller, quit, trace, wake};
use crate::sys::clock::{self, NEVER};

/// Sleep while goroutines block one after the other, while something waits in a queue, while nothing does, and after
/// a number of rounds that have seen nobody compute or block. A round takes processor time from goroutines as soon as
/// all processors are busy, 10-30 µs.
const ALERT: u64 = 50_000;
const SHORT: u64 = 250_000;
const LONG: u64 = 500_000;
const CALM: u64 = 1_000_000;
const CALM_ROUNDS: u32 = 16;
/// What a round takes back in which one was in the way, as one is now and then whose thread was given no processor.
const SETBACK: u32 = 4;
/// Rounds with all Ps idle before sysmon sleeps until told.
const IDLE_ROUNDS: u32 = 5;

/// Never returns.
pub(crate) fn sysmon(_mp: &'static M) -> ! {
    let vars = debugvars::get();
    let mut retake = Retake::default();
    let mut cooling = Cooling::default();
    let mut seen = Seen::default();
    let mut idle_rounds = 0;
    let mut calm_rounds = 0;
    // What boot has left to us, as nobody waits for it.
    super::quota::settle();
    super::schedinit::warm_unwinder();
    // What the first look finds, it can compare to now.
    retake.round(clock::nanotime());
    let mut last_trace = clock::nanotime();
    let mut last_reap = last_trace;
    loop {
        let calm = calm_rounds >= CALM_ROUNDS;
        sleep(seen, calm, &cooling, &mut idle_rounds, vars.schedtrace);
        last_words::check();
        quit::check();
        let now = clock::nanotime();
        SCHED.set_coarse(Some(now));
        if vars.schedtrace > 0 && last_trace + vars.schedtrace * 1_000_000 <= now {
            last_trace = now;
            trace::schedtrace(vars.scheddetail, now);
        }
        seen = retake.round(now);
        calm_rounds = calm_after(calm_rounds, seen);
        if last_reap + newm::IDLE_LIFE <= now {
            last_reap = now;
            newm::reap_idle(now);
        }
        wake::late_timers(now);
        cooling.round(now);
    }
}

/// How many rounds of late were calm, after another one.
fn calm_after(rounds: u32, seen: Seen) -> u32 {
    match seen {
        Seen { alert: true, .. } => 0,
        Seen { calm: true, .. } => (rounds + 1).min(2 * CALM_ROUNDS),
        Seen { running: true, .. } => rounds.saturating_sub(SETBACK),
        _ => rounds,
    }
}

/// Sleeps as long as there is nothing to see.
fn sleep(seen: Seen, calm: bool, cooling: &Cooling, idle_rounds: &mut u32, schedtrace: u64) {
    let all_idle = || SCHED.idle.idle_ps() >= SCHED.procs();
    if !all_idle() {
        *idle_rounds = 0;
        let longest = match seen {
            Seen { alert: true, .. } => ALERT,
            Seen { waiting: true, .. } => SHORT,
            _ if calm => CALM,
            _ => LONG,
        };
        let until = wake::until_next_timer(longest);
        rest(until);
        return;
    }
    *idle_rounds += 1;
    // Timers of idle Ps, and sockets, are the poller's. There is none when there was no thread to become it.
    let alone = (SCHED.poll_until.load(Ordering::Relaxed) == 0 && SCHED.next_timer() != NEVER)
        || poller::sockets_unattended();
    if schedtrace > 0 || seen.waiting || alone || *idle_rounds <= IDLE_ROUNDS {
        // A process that is idle at most looks has little to see to.
        rest(clock::nanotime() + if seen.waiting { LONG } else { CALM });
        return;
    }
    SCHED.sysmon.clear();
    SCHED.sysmon_sleeps.store(true, Ordering::Relaxed);
    // Pairs with the fence in `wake_sysmon`: either we see the busy P or it sees us asleep.
    fence(Ordering::SeqCst);
    if all_idle() {
        // Who wakes up first looks at the clock itself.
        SCHED.set_coarse(None);
        let now = clock::nanotime();
        let reap = if newm::reap_idle(now) { now + newm::IDLE_LIFE } else { NEVER };
        match reap.min(cooling.due()) {
            NEVER => SCHED.sysmon.sleep(),
            until => {
                SCHED.sysmon.sleep_until(until);
            }
        }
    }
    SCHED.sysmon_sleeps.store(false, Ordering::Relaxed);
    SCHED.sysmon.clear();
    *idle_rounds = 0;
}

/// A sleep between two rounds. When nobody else looks after sockets it is a wait for them.
fn rest(until: u64) {
    if poller::is_left_to_sysmon() && !poller::leave_to_m() {
        poller::wait_as_sysmon(until);
    } else {
        SCHED.sysmon.sleep_until(until);
        SCHED.sysmon.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calm_comes_slowly_and_goes_at_once() {
        let switches = Seen { running: true, calm: true, ..Seen::default() };
        let in_the_way = Seen { running: true, ..Seen::default() };
        let blocked = Seen { alert: true, ..in_the_way };
        let check = |rounds: &[(Seen, u32)], expected: u32| {
            let all = rounds.iter().flat_map(|&(seen, n)| (0..n).map(move |_| seen));
            assert_eq!(all.fold(0, calm_after), expected, "{rounds:?}");
        };
        check(&[(switches, 3)], 3);
        check(&[(switches, 1_000)], 2 * CALM_ROUNDS);
        check(&[(switches, 10), (Seen::default(), 100)], 10);
        check(&[(switches, 10), (in_the_way, 1)], 10 - SETBACK);
        check(&[(switches, 3), (in_the_way, 2), (switches, 1)], 1);
        check(&[(switches, 1_000), (blocked, 1)], 0);
    }
}
