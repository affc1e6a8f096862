//! The last look of an M that falls asleep: at timers and sockets, and who waits for them.
//!
//! Two roles, mostly of one M: the *poller* sleeps until the next timer, the *net poller* in the netpoller.
//! Both are on the idle list like any sleeping M; a waker that chooses the net poller ends its wait by
//! [`netpoll::wake`] instead of its note.
//!
//! Who asks the kernel about sockets:
//! - an M that has found nothing in the queues, before it steals ([`poll_now`]);
//! - the net poller, for as long as it takes; there is one whenever all Ps are idle and a socket is registered:
//!   an M that falls asleep takes the role if nobody has it, unless a P is busy that looks by itself ([`attended`]).
//!   Beside such a P it would be woken for each event, two thread switches for what the P takes in batches for
//!   nothing (measured: a third of all switches of an echo server);
//! - a busy P, each 61 switches ([`is_due`]), but no more often than each [`OFTEN`];
//! - sysmon sees to it when nobody has for [`LATE`] ([`is_left_to_sysmon`]): goroutines compute. If a P is idle it has
//!   an M become the net poller, else it looks itself.
//!
//! Whoever takes the [`netpoll::wake`] of another (they are events like all others) passes it on.
//!
//! Go: proc.go `findRunnable`, `injectglist`, `sysmon`.

use std::ptr;
use std::sync::atomic::Ordering;

use super::m::M;
use super::p::{P, PStatus};
use super::wake::{self, Dismissed, acquirep, take_nextp};
use super::{SCHED, deadlock, slack, thread, watch};
use crate::contention;
use crate::g::entry;
use crate::netpoll::{self, Ready};
use crate::runq::Entry;
use crate::sys::clock::{self, NEVER};

/// Switches after which a busy P looks at sockets. Go: 61 for the global queue.
const SWITCHES: u32 = 61;
/// Switches after which it looks at the next P meanwhile; see [`watch`].
const WATCHES: u32 = 12;
/// Nanoseconds between two such looks at least: switches may be short, and a look costs dozens of them.
const OFTEN: u64 = 20_000;
/// Nanoseconds after its last look when a P does not look by itself any more. [`SWITCHES`] turns of a server that
/// answers from memory are shorter.
const LATE: u64 = 500_000;
/// As many as this are worth waking another M for, if one could help; fewer, as a lone goroutine is.
const MANY: usize = 8;

/// Whether a busy P should look at sockets now. The owner asks at each pick.
#[inline]
pub(super) fn is_due(pp: &'static P) -> bool {
    pp.runq.switches().wrapping_sub(pp.net_switches.get()) >= pp.net_after.get() && is_time(pp)
}

/// A number of switches is a reason to look at the clock.
#[cold]
fn is_time(pp: &'static P) -> bool {
    let now = clock::nanotime();
    watch::look(pp, now);
    let after = pp.net_after.get();
    if after < SWITCHES {
        pp.net_after.set((after + WATCHES).min(SWITCHES));
        return false;
    }
    let due = netpoll::last_poll() + OFTEN <= now;
    if !due {
        looked(pp, now);
    }
    due
}

/// The owner of a P looks at sockets, or need not.
fn looked(pp: &'static P, now: u64) {
    pp.net_switches.set(pp.runq.switches());
    pp.net_after.set(WATCHES);
    pp.net_looked.store(now, Ordering::Relaxed);
}

/// Readies to this P what can go on now; whether there was anything. On g0.
#[inline(never)]
pub(super) fn poll_now(mp: &'static M, pp: &'static P) -> bool {
    debug_assert!(mp.p().is_some_and(|own| ptr::eq(own, pp)));
    let now = clock::nanotime();
    looked(pp, now);
    netpoll::polled(now);
    watch::look(pp, now);
    let mut ready = Ready::new();
    netpoll::poll(0, &mut ready);
    pass_on(&ready);
    ready_to(pp, &ready);
    !ready.is_empty()
}

/// A poll took the wake-up that was the net poller's.
fn pass_on(ready: &Ready) {
    if ready.woken && SCHED.net_called.load(Ordering::Acquire) {
        netpoll::wake();
    }
}

/// Queues goroutines that can go on to a P of the caller's, and wakes threads.
fn ready_to(pp: &'static P, ready: &Ready) {
    let mut n = 0;
    for gp in ready.iter() {
        if gp.is_thread() {
            thread::wake(gp);
        } else {
            gp.status.ready();
            wake::put_ring(pp, entry::pack(gp));
            n += 1;
        }
    }
    if n > 1 {
        readied(pp, n);
    }
}

/// Several were queued to a P of the caller's: has somebody help if that could be worth it.
pub(super) fn readied(pp: &'static P, n: usize) {
    if n >= MANY && pp.has_spare() {
        wake::wakep();
    } else {
        wake::lone(pp);
    }
}

/// The same without a P. Go: `injectglist`.
fn inject(ready: &Ready) {
    let mut entries: Vec<Entry> = Vec::new();
    for gp in ready.iter() {
        if gp.is_thread() {
            thread::wake(gp);
        } else {
            gp.status.ready();
            entries.push(entry::pack(gp));
        }
    }
    if !entries.is_empty() {
        SCHED.global.put(&entries);
        wake::wakep();
    }
}

/// Whether an M is a poller of either kind. Under the scheduler's lock.
pub(super) fn is_one(mp: &'static M) -> bool {
    ptr::eq(SCHED.poller.load(Ordering::Relaxed), mp) || ptr::eq(SCHED.net_poller.load(Ordering::Relaxed), mp)
}

/// An idle M was chosen to run a P: it does not wait for timers any more. Whether it must be [`call`]ed out
/// of the netpoller. Under the scheduler's lock.
#[must_use]
pub(super) fn chosen(mp: &'static M) -> bool {
    if ptr::eq(SCHED.poller.load(Ordering::Relaxed), mp) {
        stop_polling();
    }
    // It keeps the role until it is out: two Ms in there would take each other's wake-ups.
    let in_netpoll = ptr::eq(SCHED.net_poller.load(Ordering::Relaxed), mp);
    if in_netpoll {
        // Release: pairs with the Acquire in `pass_on`.
        SCHED.net_called.store(true, Ordering::Release);
    }
    in_netpoll
}

/// Wakes the net poller, whose P is in its place.
pub(super) fn call(mp: &'static M) {
    mp.park.wakeup();
    netpoll::wake();
}

fn stop_polling() {
    SCHED.poller.store(ptr::null_mut(), Ordering::Relaxed);
    SCHED.poll_until.store(0, Ordering::Relaxed);
}

/// Whether there are sockets and no M waits for them.
pub(super) fn sockets_unattended() -> bool {
    netpoll::active() && SCHED.net_poller.load(Ordering::Relaxed).is_null()
}

/// Whether a P looks at sockets by itself. Its M takes the role when it falls asleep, or whoever hands the P on has
/// another M do so. Under the scheduler's lock, so that this is later.
fn attended() -> bool {
    let now = clock::nanotime();
    SCHED.all_ps().any(|pp| pp.status() == PStatus::Running && looks(pp, now))
}

/// Whether a P that runs looks at sockets by itself.
fn looks(pp: &'static P, now: u64) -> bool {
    now < pp.net_looked.load(Ordering::Relaxed) + LATE
}

/// Whether it is one of a server's, which may be a little late for once.
pub(super) fn serves(pp: &'static P, now: u64) -> bool {
    now < pp.net_looked.load(Ordering::Relaxed) + 4 * LATE
}

/// Whether it is left to another P to look at sockets, rather than that `pp`, which has nothing to do, does: there is no
/// processor for both. If the other one falls asleep at the same time, whoever is last waits for sockets.
pub(super) fn is_left_to_another(pp: &'static P) -> bool {
    let other =
        |now| SCHED.all_ps().any(|p| !ptr::eq(p, pp) && p.status() == PStatus::Running && looks(p, now));
    contention::is_patient() && other(clock::nanotime())
}

/// Whether sysmon should see to sockets between its rounds.
pub(super) fn is_left_to_sysmon() -> bool {
    sockets_unattended() && netpoll::last_poll() + LATE <= clock::nanotime()
}

/// Whether an M was found to see to them: it looks, and falls asleep as the net poller if there is nothing.
pub(super) fn leave_to_m() -> bool {
    // With all Ps idle there was no thread for it.
    let one_idle = (1..SCHED.procs()).contains(&SCHED.idle.idle_ps());
    if one_idle {
        wake::wakep();
    }
    one_idle
}

/// Sysmon's wait for sockets.
pub(super) fn wait_as_sysmon(until: u64) {
    let mut ready = Ready::new();
    netpoll::poll(until, &mut ready);
    pass_on(&ready);
    inject(&ready);
    drop(ready);
    if SCHED.idle.idle_ps() >= SCHED.procs() {
        // Whoever looked meanwhile may have taken what was in our hands for a goroutine that goes on.
        deadlock::check();
    }
}

/// A plain thread has registered a socket: if all Ms sleep, one of them must wait for it.
pub(crate) fn registered() {
    if super::current::m().is_none() {
        wake::wakep();
    }
}

/// An M that has found nothing sleeps, until it is given a P, or until the next timer or event if no other M
/// waits for that. Returns with a P.
///
/// While a P is busy, sysmon looks after the timers of idle Ps and after sockets too; so it is enough that the
/// *last* Ms to fall asleep see to it that one of them wakes in time.
pub(super) fn wait_for_work(mp: &'static M) -> Result<bool, Dismissed> {
    let (mut may_poll, mut may_net) = (true, true);
    loop {
        let next = if may_poll { SCHED.next_timer() } else { NEVER };
        let (timer, net) = SCHED.locked(|s| {
            s.midleput(mp);
            let until = SCHED.poll_until.load(Ordering::Relaxed);
            let timer = next != NEVER && (until == 0 || next < until);
            if timer {
                // An M that we relieve sleeps on until its own, later, time and finds then that it is
                // not the poller any more. It need not be woken.
                SCHED.poller.store(ptr::from_ref(mp).cast_mut(), Ordering::Relaxed);
                SCHED.poll_until.store(next, Ordering::Relaxed);
            }
            let net = may_net && sockets_unattended() && !attended();
            if net {
                SCHED.net_poller.store(ptr::from_ref(mp).cast_mut(), Ordering::Relaxed);
            }
            (timer, net)
        });
        if !timer {
            deadlock::check();
        }
        let mut ready = Ready::new();
        let called = match (net, timer) {
            (true, true) => {
                slack::without_for(next, || netpoll::poll(next, &mut ready));
                false
            }
            (true, false) => {
                netpoll::poll(NEVER, &mut ready);
                false
            }
            (false, true) => slack::without_for(next, || mp.park.sleep_until(next)),
            (false, false) => {
                mp.park.sleep();
                true
            }
        };
        // Unless somebody has chosen us meanwhile, we see to what has come.
        let ours = !called
            && SCHED.locked(|s| {
                if ptr::eq(SCHED.poller.load(Ordering::Relaxed), mp) {
                    stop_polling();
                }
                if net {
                    SCHED.net_poller.store(ptr::null_mut(), Ordering::Relaxed);
                    SCHED.net_called.store(false, Ordering::Relaxed);
                }
                s.idle_ms.iter().position(|&m| ptr::eq(m, mp)).map(|i| s.idle_ms.remove(i)).is_some()
            });
        if !ours {
            mp.park.sleep();
            mp.park.clear();
            take_nextp(mp)?;
            ready_to(mp.p().expect("taken"), &ready);
            return Ok(true);
        }
        let due = timer && next <= clock::nanotime();
        if ready.is_empty() && !due {
            // For nothing: a wake-up that came late.
            continue;
        }
        match SCHED.pidleget() {
            Some(pp) => {
                acquirep(mp, pp);
                if ready.is_empty() {
                    mp.spinning.set(true);
                    SCHED.idle.spin();
                } else {
                    let now = clock::nanotime();
                    netpoll::polled(now);
                    pp.net_looked.store(now, Ordering::Relaxed);
                    ready_to(pp, &ready);
                }
                return Ok(false);
            }
            None => {
                // All Ps are busy, and their owners see to timers and sockets, sysmon behind them. Whoever
                // is idle next waits for the timers that are left, and for sockets. We would be woken for each
                // event, and could do no more than queue it.
                inject(&ready);
                if due {
                    SCHED.sysmon.wakeup();
                }
                may_poll &= !due;
                may_net = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at the next P come before, and put that off by nothing.
    #[test]
    fn a_busy_p_looks_after_61_switches() {
        let pp: &'static P = Box::leak(Box::new(P::new(0, 1)));
        for _ in 0..3 {
            // At the first time that there is, so that it is not too soon.
            looked(pp, 0);
            let due = (1..1_000).find(|_| {
                pp.runq.count_switch();
                is_due(pp)
            });
            assert_eq!(due, Some(SWITCHES));
        }
    }
}
