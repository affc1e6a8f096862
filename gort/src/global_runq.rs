//! The queue that all Ps share: overflow of the rings, goroutines readied by plain threads, and what a
//! P leaves behind.
//!
//! A lock around a deque of entries, with the length beside it so that a look costs no lock. The
//! length is written under the lock only. The lock is held for pushes and pops alone: nothing parks,
//! wakes or switches under it.
//!
//! Not an intrusive list, as Go's is: an entry may be stale (its goroutine claimed elsewhere), and a
//! goroutine must be free to be queued again while its stale entry still lies here.
//!
//! Go: proc.go `globrunqput`, `globrunqputbatch`, `globrunqget`.

use std::collections::VecDeque;

use crate::lock::Lock;
use crate::primitive::{AtomicU32, Ordering, UnsafeCell};
use crate::runq::{Entry, Runq};

/// See the module.
pub(crate) struct GlobalRunq {
    lock: Lock,
    queue: UnsafeCell<VecDeque<Entry>>,
    len: AtomicU32,
}

// SAFETY: `queue` is touched only with `lock` held.
unsafe impl Sync for GlobalRunq {}
// SAFETY: entries are plain numbers.
unsafe impl Send for GlobalRunq {}

impl GlobalRunq {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { lock: Lock::new(), queue: UnsafeCell::new(VecDeque::new()), len: AtomicU32::new(0) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { lock: Lock::new(), queue: UnsafeCell::new(VecDeque::new()), len: AtomicU32::new(0) }
    }

    fn locked<R>(&self, f: impl FnOnce(&mut VecDeque<Entry>) -> R) -> R {
        self.lock.with(|| {
            self.queue.with_mut(|q| {
                // SAFETY: the lock is held, so this is the only reference.
                let q = unsafe { &mut *q };
                let r = f(q);
                // Release: pairs with the Acquire in `len`.
                self.len.store(q.len() as u32, Ordering::Release);
                r
            })
        })
    }

    /// How many entries wait; a hint unless the caller has synchronised otherwise.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    /// Appends entries in order, without the holes among them.
    pub(crate) fn put(&self, entries: &[Entry]) {
        self.locked(|q| q.extend(entries.iter().filter(|&&entry| entry != 0)));
    }

    /// The oldest entry.
    pub(crate) fn get(&self) -> Option<Entry> {
        if self.len() == 0 {
            return None;
        }
        self.locked(VecDeque::pop_front)
    }

    /// A fair share (`1/procs` of the queue, at most half a ring): the first comes back, the others go
    /// to `into`, which the caller owns.
    pub(crate) fn get_share(&self, procs: u32, into: &Runq) -> Option<Entry> {
        if self.len() == 0 {
            return None;
        }
        self.locked(|q| {
            let first = q.pop_front()?;
            let room = crate::runq::CAP as u32 - into.len();
            let n = (q.len() as u32 / procs.max(1)).min(crate::runq::CAP as u32 / 2).min(room);
            for entry in q.drain(..n as usize) {
                let put = into.put(entry);
                debug_assert!(put, "only the owner pushes, and there was room");
            }
            Some(first)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_fair() {
        let check = |queued: u64, procs: u32, moved: u32| {
            let (g, q) = (GlobalRunq::new(), Runq::new());
            g.put(&(1..=queued).collect::<Vec<_>>());
            let first = g.get_share(procs, &q);
            assert_eq!(first, (queued > 0).then_some(1));
            assert_eq!(q.len(), moved);
            assert_eq!(u64::from(g.len()) + u64::from(moved) + u64::from(first.is_some()), queued);
        };
        check(0, 2, 0);
        check(1, 2, 0);
        check(9, 2, 4);
        check(9, 1, 8);
        check(10_000, 2, 128);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// Two Ps take shares while a third thread pushes: every entry comes out once.
    #[test]
    fn shares_are_disjoint() {
        loom::model(|| {
            let g = Arc::new(GlobalRunq::new());
            g.put(&[1, 2]);
            let taker = |g: Arc<GlobalRunq>| {
                thread::spawn(move || {
                    let q = Runq::new();
                    let mut got = Vec::new();
                    got.extend(g.get_share(2, &q));
                    got.extend(g.get());
                    while let Some(e) = q.get() {
                        got.push(e);
                    }
                    got
                })
            };
            let (a, b) = (taker(g.clone()), taker(g.clone()));
            g.put(&[3]);
            let mut got = a.join().unwrap();
            got.extend(b.join().unwrap());
            while let Some(e) = g.get() {
                got.push(e);
            }
            got.sort_unstable();
            assert_eq!(got, [1, 2, 3]);
        });
    }
}
