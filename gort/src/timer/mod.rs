//! A P's timers: a [`queue`] under a lock of its own, so that any thread may insert; many that come due at a short
//! distance are seen to together ([`storm`]).
//!
//! An entry wakes one wait of one goroutine, or fires an alarm, by sequence number. A wait that ends early, an
//! alarm that is stopped, leaves its entry behind as stale; stale entries are swept when they outnumber the
//! others. Running timers *returns* what is due: this module never calls the scheduler.
//!
//! `next` is written under the lock and read by anybody: the P at every pick, thieves, sysmon, and the
//! M that is about to sleep.
//!
//! Go: time.go `timers`, `timers.check`, `timers.cleanHead`.

mod queue;
pub(crate) mod storm;

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use self::queue::Queue;
use self::storm::STORM;
use crate::g::G;
use crate::g::commit::{Notify, Seq};
use crate::lock::Lock;
use crate::netpoll::{self, side::Side};
use crate::sys::clock::NEVER;

/// How many due entries leave the queue at a time: what they and their goroutines touch fits the nearest cache.
pub(crate) const BATCH: usize = 64;

/// Something that happens at a time, on the system stack of some M: it does not park, and its destructor runs
/// nothing of the user's.
pub(crate) trait Alarm: Send + Sync {
    /// The time that was set as `seq` has come.
    fn fire(self: Arc<Self>, seq: u64);
    /// Whether that time is still set.
    fn is_set(&self, seq: u64) -> bool;
}

/// What an entry is for.
pub(crate) enum Target {
    Wait(&'static G, Seq),
    Alarm(Arc<dyn Alarm>, u64),
    /// Wakes the wait of this number at a socket.
    Socket(&'static Side, u32),
}

/// What is to be done now.
pub(crate) enum Due {
    /// To be readied: a goroutine, or a plain thread.
    Ready(&'static G),
    Fire(Arc<dyn Alarm>, u64),
}

impl Target {
    fn is_stale(&self) -> bool {
        match self {
            Self::Wait(gp, seq) => !gp.commit.is_waiting(*seq),
            Self::Alarm(alarm, seq) => !alarm.is_set(*seq),
            Self::Socket(side, n) => !side.is_wait(*n),
        }
    }
}

/// See the module.
pub(crate) struct Timers {
    /// When to look at them, [`NEVER`] if there are none.
    next: AtomicU64,
    /// Entries, stale ones among them. Written under the lock.
    len: AtomicU32,
    /// Waits that ended before their entry came due, since the last sweep.
    stale: AtomicU32,
    lock: Lock,
    queue: UnsafeCell<Queue<Target>>,
}

// SAFETY: `queue` is touched only with `lock` held; an entry's G may be used from any thread.
unsafe impl Sync for Timers {}
// SAFETY: as above.
unsafe impl Send for Timers {}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            next: AtomicU64::new(NEVER),
            len: AtomicU32::new(0),
            stale: AtomicU32::new(0),
            lock: Lock::new(),
            queue: UnsafeCell::new(Queue::new()),
        }
    }

    #[inline(always)]
    fn locked<R>(&self, f: impl FnOnce(&mut Queue<Target>) -> R) -> R {
        self.lock.lock();
        // SAFETY: the lock is held.
        let queue = unsafe { &mut *self.queue.get() };
        let earliest = queue.next();
        let r = f(queue);
        self.unlock(queue, earliest);
        r
    }

    /// Ends a change of what is behind the lock; before it the earliest was `earliest`.
    #[inline(always)]
    fn unlock(&self, queue: &Queue<Target>, earliest: u64) {
        if queue.next() != earliest {
            // Release: pairs with the Acquire in `next`.
            self.next.store(STORM.look_at(queue.next()), Ordering::Release);
        }
        self.len.store(queue.len() as u32, Ordering::Relaxed);
        self.lock.unlock();
    }

    /// How many there are, as anybody may ask.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    /// When to look at them: when the earliest is due, or a little later if it comes with many.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// Has `target` happen at `when`. A goroutine that goes to sleep is here at its deepest: what this needs of a stack
    /// that is in no cache it waits for. So it is part of its callers, and has the target made where it is to lie.
    #[inline(always)]
    pub(crate) fn insert(&self, when: u64, target: impl FnOnce() -> Target) {
        self.lock.lock();
        // SAFETY: the lock is held.
        let queue = unsafe { &mut *self.queue.get() };
        let stale = self.stale.load(Ordering::Relaxed);
        if stale > 64 && stale as usize > queue.len() / 2 {
            self.sweep(queue);
        }
        let earliest = queue.next();
        queue.push_with(when, target);
        self.unlock(queue, earliest);
    }

    #[cold]
    #[inline(never)]
    fn sweep(&self, queue: &mut Queue<Target>) {
        self.stale.store(0, Ordering::Relaxed);
        queue.retain(|target| !target.is_stale());
    }

    /// A wait has ended, or an alarm was stopped, before its entry came due.
    pub(crate) fn count_stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    /// Notifies waits that are due at `now`, at most [`BATCH`], and gives what is to be done to `act`, with no lock
    /// held. How many entries were due.
    pub(crate) fn run_due(&self, now: u64, mut act: impl FnMut(Due)) -> usize {
        let mut due: [Option<Target>; BATCH] = [const { None }; BATCH];
        let mut n = 0;
        self.locked(|queue| {
            while n < BATCH
                && let Some(target) = queue.pop_due(now)
            {
                due[n] = Some(target);
                n += 1;
            }
        });
        fetch(&due[..n]);
        for target in due[..n].iter_mut().filter_map(Option::take) {
            match target {
                Target::Wait(gp, seq) => {
                    if gp.commit.notify(seq) == Notify::Ready {
                        act(Due::Ready(gp));
                    }
                }
                Target::Alarm(alarm, seq) => act(Due::Fire(alarm, seq)),
                Target::Socket(side, n) => {
                    if let Some(gp) = side.expire(n).and_then(netpoll::taken) {
                        act(Due::Ready(gp));
                    }
                }
            }
        }
        n
    }

    /// Moves all entries to `into`, when the P is destroyed.
    pub(crate) fn move_to(&self, into: &Timers) {
        let entries = self.locked(|queue| std::mem::replace(queue, Queue::new()));
        if entries.len() > 0 {
            into.locked(|queue| queue.extend(entries));
        }
    }
}

/// Of many sleepers none is in a near cache: asks for all that the wake-ups of a batch will touch, so that the waits
/// for memory overlap.
fn fetch(due: &[Option<Target>]) {
    let waits = || {
        due.iter().filter_map(|target| match target {
            Some(Target::Wait(gp, _)) => Some(*gp),
            _ => None,
        })
    };
    waits().for_each(|gp| gp.prefetch(false));
    waits().for_each(G::prefetch_stack);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g::{Kind, slab};

    #[test]
    fn due_entries_wake_their_wait_and_no_other() {
        let timers = Timers::new();
        let gp = slab::single(Kind::G0);
        let first = gp.commit.begin();
        timers.insert(30, || Target::Wait(gp, first));
        timers.insert(10, || Target::Wait(gp, first));
        assert_eq!(timers.next(), 10);
        assert!(gp.commit.commit());
        let mut readied = 0;
        timers.run_due(20, |_| readied += 1);
        assert_eq!((readied, timers.next()), (1, 30));
        assert!(gp.commit.end());
        let _second = gp.commit.begin();
        timers.run_due(40, |_| readied += 1);
        assert_eq!((readied, timers.next()), (1, NEVER), "a stale entry woke a later wait");
    }

    #[test]
    fn stale_entries_are_swept() {
        let timers = Timers::new();
        let gp = slab::single(Kind::G0);
        for i in 0..10_000 {
            let seq = gp.commit.begin();
            timers.insert(1_000_000 + i, || Target::Wait(gp, seq));
            assert!(!gp.commit.end());
            timers.count_stale();
        }
        assert!(timers.len() < 300);
    }
}
