//! Who sleeps and who must be woken: the counters of idle Ps and spinning Ms.
//!
//! ```text
//!   submit                                     park
//!   1. put the goroutine on a queue            1. count the P as idle
//!   2. full fence (`submitted`)                2. stop spinning, full fence (`stop_spinning`)
//!   3. look at the counters: if a P is idle    3. look at all queues again: if there is work,
//!      and nobody spins, wake an M                take an idle P and spin again; else sleep
//! ```
//!
//! The two fences are the whole argument (Dekker): either the submitter sees the idle P and no spinner,
//! or the parker sees the goroutine. A spinning M found by the submitter will, before it sleeps, pass
//! its own step 2 and 3 and look at the queues after the submitter's step 1. An M that did not spin may
//! sleep without looking only when others spin, who will look.
//!
//! A goroutine alone in `runnext` is left out of the argument on purpose: its P runs it next, and
//! sysmon, awake while any P is busy, has it stolen if that takes long.
//!
//! So are short rings while idle Ms are told to leave them alone ([`crate::contention`]): sysmon ends that.
//!
//! Nor does a P that queues on its own ring run the fence: it is awake, and comes to the ring before it sleeps.
//! Without the fence it may miss, within some nanoseconds, that somebody goes to sleep. So it looks again
//! whenever it has taken one goroutine from the ring and others are left (`pick_next`).
//!
//! Rejected: waking an M for every readied goroutine (a wake costs the waker 10 µs: a ping-pong pair
//! would pay it at each turn); no spinning at all (the next goroutine then always pays the wake).
//!
//! Go: proc.go, "Worker thread parking/unparking", `wakep`, `resetspinning`, `findRunnable`.

use crate::primitive::{AtomicU32, Ordering, fence};

/// See the module.
#[derive(Debug)]
pub(crate) struct Idle {
    spinning: AtomicU32,
    idle_ps: AtomicU32,
}

impl Idle {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { spinning: AtomicU32::new(0), idle_ps: AtomicU32::new(0) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { spinning: AtomicU32::new(0), idle_ps: AtomicU32::new(0) }
    }

    /// Park, step 1. Called under the scheduler's lock, which orders it with the list of idle Ps.
    pub(crate) fn p_idle(&self) {
        self.idle_ps.fetch_add(1, Ordering::Relaxed);
    }

    /// A P has left the list of idle ones, under the same lock.
    pub(crate) fn p_busy(&self) {
        self.idle_ps.fetch_sub(1, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn idle_ps(&self) -> u32 {
        self.idle_ps.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn spinning(&self) -> u32 {
        self.spinning.load(Ordering::Relaxed)
    }

    /// Submit, steps 2 and 3: whether the caller must start an M, which then counts as spinning.
    #[inline]
    #[must_use]
    pub(crate) fn submitted(&self) -> bool {
        // The fence of step 2; pairs with the one in `stop_spinning`.
        fence(Ordering::SeqCst);
        self.idle_ps.load(Ordering::Relaxed) > 0
            && self.spinning.load(Ordering::Relaxed) == 0
            && self.spinning.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether one more M may spin: at most half as many as there are busy Ps.
    #[must_use]
    pub(crate) fn try_spin(&self, procs: u32) -> bool {
        let spinning = self.spinning();
        let may = 2 * spinning < procs.saturating_sub(self.idle_ps());
        if may {
            self.spinning.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// An M spins although nobody counted: it has found work at its last look.
    pub(crate) fn spin(&self) {
        self.spinning.fetch_add(1, Ordering::Relaxed);
    }

    /// A spinning M has found work; true when it was the last one, and so must look whether there is
    /// more work than it can do: who queued some meanwhile may have left it to the spinner.
    #[must_use]
    pub(crate) fn found(&self) -> bool {
        let last = self.spinning.fetch_sub(1, Ordering::Relaxed) == 1;
        if last {
            // Pairs with the one in `submitted`: either the submitter sees no spinner, or we see what it has queued.
            fence(Ordering::SeqCst);
        }
        last
    }

    /// Park, step 2. The caller goes on with step 3.
    pub(crate) fn stop_spinning(&self, was_spinning: bool) {
        if was_spinning {
            self.spinning.fetch_sub(1, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    struct Sched {
        idle: Idle,
        work: AtomicU32,
        woken: Mutex<bool>,
        note: Condvar,
    }

    fn take(s: &Sched) -> bool {
        s.work.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1)).is_ok()
    }

    fn submit(s: &Sched) {
        s.work.fetch_add(1, Ordering::Release);
        if s.idle.submitted() {
            *s.woken.lock().unwrap() = true;
            s.note.notify_one();
        }
    }

    /// One M goes to sleep while another thread submits work: the work is done. A lost wake-up is a
    /// deadlock, which loom reports.
    #[test]
    fn no_wakeup_is_lost() {
        loom::model(|| {
            let s = Arc::new(Sched {
                idle: Idle::new(),
                work: AtomicU32::new(0),
                woken: Mutex::new(false),
                note: Condvar::new(),
            });
            s.idle.spin();
            let m = thread::spawn({
                let s = s.clone();
                move || {
                    let mut spinning = true;
                    loop {
                        if take(&s) {
                            if spinning {
                                let _ = s.idle.found();
                            }
                            return;
                        }
                        s.idle.p_idle();
                        s.idle.stop_spinning(spinning);
                        if s.work.load(Ordering::Acquire) > 0 {
                            s.idle.p_busy();
                            s.idle.spin();
                            spinning = true;
                            continue;
                        }
                        let mut woken = s.woken.lock().unwrap();
                        while !*woken {
                            woken = s.note.wait(woken).unwrap();
                        }
                        *woken = false;
                        drop(woken);
                        s.idle.p_busy();
                        spinning = true; // its waker has counted it
                    }
                }
            });
            submit(&s);
            m.join().unwrap();
            assert_eq!(s.work.load(Ordering::Relaxed), 0);
        });
    }
}
