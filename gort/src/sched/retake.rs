//! Sysmon's look at the Ps: who has used up its slice, whose goroutine stands in the way of others, and the
//! hand-over of such a P to another M. Nothing of the goroutine's moves: it goes on, on its own thread,
//! without a P.
//!
//! A P is taken only from a goroutine in user code ([`super::claim`]) that has run since the last look, and
//! only when no P is idle and nobody spins (they would help), if
//! - its thread sleeps in the kernel, or it is in a call that was said to block, and anything waits for a P; or
//! - it has computed for [`HOG`], and a goroutine has waited as long, or a timer is due; or
//! - GOMAXPROCS has shrunk below the P.
//!
//! One whose thread waits for a processor is left alone for longer: the thread that would get the P wants one too.
//!
//! That a thread sleeps is seen in two steps, the cheap one first: its CPU clock stands where it stood at the
//! last look, and the kernel says that it is not runnable. One that is found asleep at the first look, with work behind
//! it, is looked at again a moment later ([`AGAIN`]) without that sysmon sleeps: its processor is idle.
//!
//! Go: proc.go `retake`, `preemptone`, `handoffp`.

use std::sync::atomic::Ordering;

use super::SCHED;
use super::claim::Mode;
use super::crowd::Crowd;
use super::m::M;
use super::p::{P, PREEMPT, PStatus, RETIRE};
use super::processors::{Busy, Processors};
use super::{poller, wake, watch};
use crate::contention;
use crate::netpoll;
use crate::sys::clock;
use crate::sys::{barrier, thread, write_stderr};

/// How long a goroutine may run before others get their turn. Go: `forcePreemptNS`.
const SLICE: u64 = 10_000_000;
/// How long one computes, and another waits, before the P of the one is for the other.
const HOG: u64 = 1_000_000;
/// What its thread must have had of a processor in that time, unless [`STARVED`] has gone by.
const COMPUTED: u64 = HOG / 8;
/// How long a goroutine may stand in the way whose thread has no processor.
const STARVED: u64 = 4 * HOG;
/// Threads that compute without a P, for each P, past which goroutines that compute are left alone.
const CAP: u32 = 64;
/// Nanoseconds that a goroutine runs from which on others that wait are worth the help of another M, whatever they share.
const LONG_TURN: u64 = 5_000;
/// Rounds for which a P's thread is looked at after there was work for it: only who was looked at before can be judged.
const WORKED: u32 = 4;
/// For how long after a P was taken from a blocked thread sysmon looks more often: programs that block do it again.
const ALERT: u64 = 20_000_000;

/// How long after one look a sleeping thread is looked at again in the same round.
const AGAIN: u64 = 20_000;
/// Of so many rounds that have found one asleep at least one looks again, however often it was awake by then.
const SELDOM: u32 = 64;

/// A P whose thread was found asleep.
struct Suspect {
    pp: &'static P,
    mp: &'static M,
    switches: u32,
    /// Where its CPU clock stood.
    clock: (i32, u64),
}

/// Whether it is worth to look again: less often the more often it was not.
#[derive(Default)]
struct Again {
    skip: u32,
    next: u32,
}

impl Again {
    fn is_worth_it(&mut self) -> bool {
        self.skip = self.skip.saturating_sub(1);
        self.skip == 0
    }

    fn was(&mut self, worth_it: bool) {
        self.next = if worth_it { 0 } else { (2 * self.next + 1).min(SELDOM - 1) };
        self.skip = self.next + 1;
    }
}

/// What is remembered of a P. Go: `sysmontick`.
#[derive(Clone, Copy, Default)]
struct Tick {
    schedtick: u32,
    /// When this slice was first seen.
    slice_since: u64,
    switches: u32,
    /// When the present goroutine was first seen.
    since: u64,
    mode: Option<Mode>,
    /// For how many more rounds its thread is looked at; see [`WORKED`].
    worked: u32,
    /// What it has had of a processor in the whole rounds since.
    computed: u64,
    /// The thread and where its CPU clock stood.
    clock: Option<(i32, u64)>,
    /// What it had since the look before, if that is known.
    ran: Option<u64>,
    /// Whether the kernel has said that it wants a processor.
    runnable: bool,
}

/// Why a P is to be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Blocked,
    Hog,
    Retired,
}

/// What the rounds have seen so far.
#[derive(Default)]
pub(crate) struct Retake {
    ticks: Vec<Tick>,
    /// Since when the global queue has never been seen empty.
    global_since: Option<u64>,
    /// When a P was last taken from a blocked thread.
    last: Option<u64>,
    /// When the last round was.
    round: u64,
    claimed: Vec<(&'static P, &'static M, Reason)>,
    crowd: Crowd,
    processors: Processors,
    suspects: Vec<Suspect>,
    again: Again,
    warned: bool,
}

/// What the kernel says of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    /// It has had a processor since the last look; or there was no look.
    Runs,
    /// It wants one and has had none for most of the time: others, maybe of other processes, are before it.
    Waits,
    /// It sleeps. `still`: it has done nothing since the last look.
    Sleeps { still: bool },
}

impl Thread {
    /// Of one that has had a processor for `ran` nanoseconds, if that is known, of the `elapsed` ones since the last
    /// look. The kernel is asked whether it is asleep only if it can have slept.
    fn of(ran: Option<u64>, elapsed: u64, is_asleep: impl FnOnce() -> bool) -> Self {
        if ran.is_some_and(|ran| ran >= elapsed - elapsed / 8) {
            Thread::Runs
        } else if is_asleep() {
            Thread::Sleeps { still: ran == Some(0) }
        } else if ran.is_some_and(|ran| ran < elapsed / 2) {
            Thread::Waits
        } else {
            Thread::Runs
        }
    }
}

/// What sysmon's next sleep depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Something waits behind a goroutine that has not switched since the last round.
    pub(crate) waiting: bool,
    /// There is work, and a thread was blocked a short while ago, so that the next one may block at once; or one sleeps
    /// that may have blocked.
    pub(crate) alert: bool,
    /// A P was busy.
    pub(crate) running: bool,
    /// All busy Ps have switched since the last round: nobody computes for long, nobody has blocked.
    pub(crate) calm: bool,
}

impl Retake {
    /// One look at every P.
    pub(crate) fn round(&mut self, now: u64) -> Seen {
        let global = SCHED.global.len() > 0;
        self.global_since = if global { self.global_since.or(Some(now)) } else { None };
        let due = SCHED.next_timer() <= now;
        let helped = SCHED.idle.idle_ps() > 0 || SCHED.idle.spinning() > 0;
        let global_late = self.global_since.is_some_and(|since| now - since >= HOG);
        let mut stuck = false;
        let mut still = false;
        let mut work_anywhere = global;
        let mut suspect = false;
        let mut slow = global;
        let mut running = 0;
        let mut serves = netpoll::active() && SCHED.procs() > 1;
        let mut fewest = u32::MAX;
        let mut calm = true;
        let elapsed = now - std::mem::replace(&mut self.round, now);
        let told = SCHED.suspect.swap(0, Ordering::Relaxed);
        for (i, pp) in SCHED.all_ps().enumerate() {
            if self.ticks.len() <= i {
                self.ticks.push(Tick::default());
            }
            let queued = pp.has_queued() || pp.runq.runnext() != 0;
            let tick = &mut self.ticks[i];
            if pp.status() != PStatus::Running {
                *tick = Tick {
                    schedtick: pp.schedtick(),
                    slice_since: now,
                    switches: pp.runq.switches(),
                    since: now,
                    ..Tick::default()
                };
                // A P that waits for a thread may have goroutines.
                stuck |= pp.has_queued();
                continue;
            }
            let Some(mp) = pp.owner() else { continue };
            tick.slice(pp, now);
            let switched = tick.switched(pp, now);
            let same = switched == 0;
            let suspected = told != 0 && told == watch::suspicion(pp, tick.switches);
            work_anywhere |= queued;
            slow |= queued && u64::from(switched) * LONG_TURN < elapsed;
            let mode = mp.claim.mode();
            let before = tick.mode.replace(mode);
            let retired = pp.attention.load(Ordering::Relaxed) & RETIRE != 0;
            let work = queued || global || due;
            let thread = if suspected && is_asleep(mp) {
                tick.forget();
                Thread::Sleeps { still: true }
            } else if tick.has_work(work) {
                tick.look(mp, elapsed, same || !watch::is_watched(pp, now))
            } else {
                tick.forget()
            };
            if same {
                tick.computed += tick.ran.unwrap_or(elapsed);
            }
            still |= same;
            running += 1;
            if !same {
                fewest = fewest.min(switched);
            }
            calm &= !same || thread == Thread::Waits;
            // One that waits for a processor would not be helped by an M that wants one too.
            let asleep = matches!(thread, Thread::Sleeps { .. });
            serves &= poller::serves(pp, now) && !asleep && !same;
            stuck |= queued && (same && thread != Thread::Waits || asleep);
            if mode.in_runtime() || helped && !retired {
                continue;
            }
            suspect |= asleep;
            // Who was suspected stands still for long enough.
            let slept = (same || suspected) && thread == Thread::Sleeps { still: true };
            let late = queued || global_late || due;
            let reason = if retired {
                Reason::Retired
            } else if work && same && mode.in_syscall() && before == Some(mode) || slept {
                Reason::Blocked
            } else if late && tick.is_hog(now) {
                Reason::Hog
            } else {
                if asleep
                    && work
                    && let Some(clock) = tick.clock
                {
                    self.suspects.push(Suspect { pp, mp, switches: tick.switches, clock });
                }
                continue;
            };
            let claimed = || self.claimed.iter().filter(|(.., reason)| *reason != Reason::Blocked).count();
            if reason == Reason::Hog && self.crowd.is_full(CAP * SCHED.procs(), claimed() as u32, now) {
                self.warn();
            } else if mp.claim.claim() {
                self.claimed.push((pp, mp, reason));
            }
        }
        if !serves {
            // Somebody computes, blocks, or waits for a processor, or there is no server.
            contention::set_patience(0);
        } else if fewest < u32::MAX {
            let busy = Busy { ps: running, switches: fewest, elapsed };
            contention::set_patience(self.processors.patience(busy, now));
        }
        // Ps that switch come to the global queue by themselves.
        stuck |= global && (still || helped);
        let mut helps = self.hand_over(now);
        self.look_again(now);
        helps |= self.hand_over(now);
        if contention::round(slow) || stuck && !helps {
            wake::wakep();
        }
        let alert = self.last.is_some_and(|last| now - last < ALERT);
        let alert = alert && work_anywhere || suspect;
        Seen { waiting: stuck, alert, running: running > 0, calm: running > 0 && calm && !stuck && !alert }
    }

    /// Claims Ps whose threads still sleep a moment after they were first found asleep.
    fn look_again(&mut self, now: u64) {
        if self.suspects.is_empty() {
            return;
        }
        if !self.again.is_worth_it() {
            return self.suspects.clear();
        }
        // From now on: the looks may have taken as long.
        let until = clock::nanotime() + AGAIN;
        while clock::nanotime() < until {
            std::hint::spin_loop();
        }
        for Suspect { pp, mp, switches, clock: (tid, used) } in self.suspects.drain(..) {
            let stands = pp.runq.switches() == switches && thread::cpu_time(tid) == Some(used);
            let work = || {
                pp.has_queued()
                    || pp.runq.runnext() != 0
                    || SCHED.global.len() > 0
                    || SCHED.next_timer() <= now
            };
            if stands
                && pp.owner().is_some_and(|owner| std::ptr::eq(owner, mp))
                && !mp.claim.mode().in_runtime()
                && work()
                && is_asleep(mp)
                && mp.claim.claim()
            {
                self.claimed.push((pp, mp, Reason::Blocked));
            }
        }
        self.again.was(!self.claimed.is_empty());
    }

    /// Steps 2 and 3 of the claims so far, if there are any.
    fn hand_over(&mut self, now: u64) -> bool {
        if self.claimed.is_empty() {
            return false;
        }
        barrier::heavy();
        for (pp, mp, reason) in self.claimed.drain(..) {
            if mp.claim.take(|| pp.owner().is_some_and(|owner| std::ptr::eq(owner, mp))) {
                match reason {
                    Reason::Blocked => self.last = Some(now),
                    Reason::Hog | Reason::Retired => self.crowd.joined(),
                }
                SCHED.without_p.fetch_add(1, Ordering::Relaxed);
                wake::detach(pp);
                wake::handoffp(pp);
            }
        }
        true
    }

    fn warn(&mut self) {
        if !std::mem::replace(&mut self.warned, true) {
            write_stderr(
                b"gort: too many goroutines compute without a pause: their threads are past the limit of 64 \
                  for each of GOMAXPROCS, and further ones keep their processor\n",
            );
        }
    }
}

/// Whether the M's thread is.
fn is_asleep(mp: &'static M) -> bool {
    thread::is_asleep(mp.tid.load(Ordering::Relaxed))
}

impl Tick {
    /// The slice: its end is told to the P.
    fn slice(&mut self, pp: &'static P, now: u64) {
        if self.schedtick != pp.schedtick() {
            self.schedtick = pp.schedtick();
            self.slice_since = now;
        } else if now - self.slice_since >= SLICE {
            self.slice_since = now;
            pp.attention.fetch_or(PREEMPT, Ordering::Relaxed);
        }
    }

    /// How often the P has switched since the last look.
    fn switched(&mut self, pp: &'static P, now: u64) -> u32 {
        let switches = pp.runq.switches();
        let switched = switches.wrapping_sub(self.switches);
        if switched > 0 {
            self.switches = switches;
            self.since = now;
            self.computed = 0;
        }
        switched
    }

    /// Whether there is work for the P, or was a short while ago.
    fn has_work(&mut self, work: bool) -> bool {
        self.worked = if work { WORKED } else { self.worked.saturating_sub(1) };
        self.worked > 0
    }

    /// Whether the present goroutine has been in the way for long.
    fn is_hog(&self, now: u64) -> bool {
        let time = now - self.since;
        time >= STARVED || time >= HOG && self.computed >= COMPUTED
    }

    /// What the thread has done since the last look, `elapsed` nanoseconds ago. `ask`: whether it may be asleep.
    fn look(&mut self, mp: &'static M, elapsed: u64, ask: bool) -> Thread {
        let tid = mp.tid.load(Ordering::Relaxed);
        let used = thread::cpu_time(tid).map(|used| (tid, used));
        let before = std::mem::replace(&mut self.clock, used);
        self.ran = match (before, used) {
            // The number may be another thread's by now, with a clock of its own.
            (Some((was, before)), Some((tid, used))) if was == tid => used.checked_sub(before),
            _ => None,
        };
        // One that has had no processor since it was runnable is so still.
        let known = self.runnable && self.ran == Some(0);
        let thread =
            Thread::of(self.ran, elapsed, || ask && !known && used.is_some() && thread::is_asleep(tid));
        self.runnable = thread == Thread::Waits && (ask || known);
        thread
    }

    /// There is no need to look.
    fn forget(&mut self) -> Thread {
        self.clock = None;
        self.ran = None;
        self.runnable = false;
        Thread::Runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_that_are_in_vain_become_seldom() {
        let mut again = Again::default();
        let mut rounds_until = |worth_it: bool| {
            let rounds = (1..).find(|_| again.is_worth_it()).unwrap();
            again.was(worth_it);
            rounds
        };
        assert_eq!([true, true, false, false, false, false].map(&mut rounds_until), [1, 1, 1, 2, 4, 8]);
        let later: Vec<_> = (0..5).map(|_| rounds_until(false)).collect();
        assert_eq!(later, [16, 32, SELDOM, SELDOM, SELDOM]);
        assert_eq!([true, true].map(rounds_until), [SELDOM, 1]);
    }

    #[test]
    fn what_a_thread_has_done() {
        let check = |ran: Option<u64>, asleep: bool, expected: Thread| {
            assert_eq!(Thread::of(ran, 800, || asleep), expected, "{ran:?} of 800, asleep: {asleep}");
        };
        check(None, false, Thread::Runs);
        check(None, true, Thread::Sleeps { still: false });
        check(Some(0), true, Thread::Sleeps { still: true });
        check(Some(0), false, Thread::Waits);
        check(Some(399), false, Thread::Waits);
        check(Some(400), false, Thread::Runs);
        check(Some(699), true, Thread::Sleeps { still: false });
        // It has had no time to sleep, and is not asked.
        assert_eq!(Thread::of(Some(700), 800, || unreachable!()), Thread::Runs);
    }
}
