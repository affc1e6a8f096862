//! Whether nothing can ever happen again, judged by looks at the scheduler.
//!
//! What counts is seen under the scheduler's lock, at one moment ([`Look`]), but for one thing: whether the process has
//! a thread that is not the runtime's and may yet do something. The kernel's list of threads takes its time to read,
//! and meanwhile a thread that was awake may have woken an M, gone to wait in gort, and be about to be woken by that M,
//! which sleeps again. So the scheduler is looked at before and after the list, and nobody may have begun to sleep
//! between: who was awake at any moment in that time, and sleeps at its end, has.

/// What is seen under the scheduler's lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Ms that are neither idle nor the system's own.
    pub(crate) running: i64,
    /// Whether a goroutine waits for an M.
    pub(crate) queued: bool,
    /// Whether a timer or a socket is waited for.
    pub(crate) to_come: bool,
    /// How often an M, or a plain thread that waits in gort without a timeout, has begun to sleep.
    pub(crate) sleeps: u64,
}

impl Look {
    /// The number of sleeps, if all Ms sleep and nothing is to be done now or later.
    fn asleep(self) -> Option<u64> {
        (self.running <= 0 && !self.queued && !self.to_come).then_some(self.sleeps)
    }
}

/// Whether nothing can happen any more. `look` looks; `alone` says whether every thread of the process is an M or waits
/// in gort without a timeout.
pub(crate) fn never_again(look: impl Fn() -> Look, alone: impl FnOnce() -> bool) -> bool {
    let Some(sleeps) = look().asleep() else { return false };
    alone() && look().asleep() == Some(sleeps)
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    /// Two Ms, of which one only looks, and a plain thread.
    #[derive(Default)]
    struct Locked {
        running: i64,
        queued: bool,
        timer: bool,
        sleeps: u64,
        /// The plain thread waits in gort, counted, and has not been woken.
        waits: bool,
        woken: bool,
        ended: bool,
    }

    #[derive(Default)]
    struct World {
        s: Mutex<Locked>,
        changed: Condvar,
    }

    impl World {
        /// [`never_again`] as `deadlock::check` has it; it must not be wrong.
        fn check(&self) {
            let awake = std::cell::Cell::new(false);
            let look = || {
                let s = self.s.lock().unwrap();
                awake.set(!s.waits && !s.ended || s.running > 0 || s.queued || s.timer);
                Look { running: s.running, queued: s.queued, to_come: s.timer, sleeps: s.sleeps }
            };
            let alone = || {
                let tasks = 2 + usize::from(!self.s.lock().unwrap().ended);
                // As from the kernel: what comes next is looked at a moment later.
                tasks <= 2 + usize::from(self.s.lock().unwrap().waits)
            };
            assert!(
                !never_again(look, alone) || !awake.get(),
                "a deadlock is reported while somebody is awake"
            );
        }

        /// The plain thread has the other M run a goroutine, and waits for it.
        fn call(&self) {
            let mut s = self.s.lock().unwrap();
            s.queued = true;
            s.running += 1;
            self.changed.notify_all();
            drop(s);
            let mut s = self.s.lock().unwrap();
            if !s.woken {
                s.waits = true;
                s.sleeps += 1;
                drop(s);
                self.check();
                s = self.s.lock().unwrap();
            }
            while !s.woken {
                s = self.changed.wait(s).unwrap();
            }
            s.woken = false;
        }

        /// The other M sleeps until there is a goroutine, which wakes the plain thread.
        fn serve(&self) {
            let mut s = self.s.lock().unwrap();
            while !s.queued {
                s = self.changed.wait(s).unwrap();
            }
            s.queued = false;
            drop(s);
            let mut s = self.s.lock().unwrap();
            s.woken = true;
            s.waits = false;
            self.changed.notify_all();
            drop(s);
            let mut s = self.s.lock().unwrap();
            s.running -= 1;
            s.sleeps += 1;
            drop(s);
        }

        /// The other M wakes for the last timer, sets another, and sleeps.
        fn nap(&self) {
            let mut s = self.s.lock().unwrap();
            s.running += 1;
            s.timer = false;
            drop(s);
            self.s.lock().unwrap().timer = true;
            let mut s = self.s.lock().unwrap();
            s.running -= 1;
            s.sleeps += 1;
        }
    }

    /// A plain thread and an M wake each other while another M looks.
    #[test]
    fn no_false_deadlock_of_a_thread_that_calls() {
        crate::sched::check(3, || {
            let world = Arc::new(World::default());
            let caller = thread::spawn({
                let world = world.clone();
                move || {
                    (0..2).for_each(|_| world.call());
                    world.s.lock().unwrap().ended = true;
                }
            });
            let server = thread::spawn({
                let world = world.clone();
                move || (0..2).for_each(|_| world.serve())
            });
            world.check();
            caller.join().unwrap();
            server.join().unwrap();
        });
    }

    /// An M that lives from timer to timer, beside a thread that waits.
    #[test]
    fn no_false_deadlock_between_two_timers() {
        crate::sched::check(3, || {
            let world = Arc::new(World::default());
            {
                let mut s = world.s.lock().unwrap();
                s.timer = true;
                s.waits = true;
            }
            let napper = thread::spawn({
                let world = world.clone();
                move || (0..2).for_each(|_| world.nap())
            });
            world.check();
            napper.join().unwrap();
        });
    }

    /// It can be right, too.
    #[test]
    fn a_deadlock_is_found() {
        crate::sched::check(3, || {
            let look = || Look { running: 0, queued: false, to_come: false, sleeps: 7 };
            assert!(never_again(look, || true));
            assert!(!never_again(look, || false));
        });
    }
}
