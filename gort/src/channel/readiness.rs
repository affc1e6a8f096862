//! Whether one side of a channel may go on, for those who look without its lock.
//!
//! Even if its operation would have to wait, and the channel is open; odd if it may need no waiting. Changed under the
//! lock: made odd with whatever makes it true, and even by one who does not wait and has found that it is not. It counts,
//! so that who sees the same even number twice knows what was there in between, and of several at once: two rounds of
//! looks that see the same were not ready together at the moment between them. That is all that Go's `selectgo` locks
//! all channels for.
//!
//! Orderings: what is made odd is so for all before its maker goes on, as a lock's read-modify-write would have it
//! (SeqCst, with looks that are SeqCst: of two who make one odd and then look at the other's, one sees it). Who sees an
//! even number sees what led to it (Release, Acquire): if another side was made odd before this one became even, the
//! second round cannot miss that.

use crate::primitive::{AtomicU64, Cell, Ordering};

/// See the module.
pub(super) struct Readiness {
    seen: AtomicU64,
    /// The same number, for who has the lock. A load of the other would do, but loom takes a store by one who has just
    /// loaded for one that no earlier load of another thread depends on, and does not explore it.
    count: Cell<u64>,
}

impl Readiness {
    /// Nobody has looked yet: it may need no waiting.
    pub(super) fn new() -> Self {
        Self { seen: AtomicU64::new(1), count: Cell::new(1) }
    }

    /// It need not wait. The lock is held.
    #[inline(always)]
    pub(super) fn set(&self) {
        let count = self.count.get();
        if !may_go_on(count) {
            self.count.set(count + 1);
            self.seen.store(count + 1, Ordering::SeqCst);
        }
    }

    /// It would have to wait. The lock is held.
    #[inline(always)]
    pub(super) fn clear(&self) {
        let count = self.count.get();
        if may_go_on(count) {
            self.count.set(count + 1);
            self.seen.store(count + 1, Ordering::Release);
        }
    }

    #[inline(always)]
    pub(super) fn look(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

/// Whether what was seen says that the operation may need no waiting.
#[inline(always)]
pub(super) fn may_go_on(seen: u64) -> bool {
    seen % 2 == 1
}

/// Whether there was a moment at which none of these could go on. Each only ever counts up: an unchanged sum is that of
/// unchanged numbers.
#[inline(always)]
pub(super) fn none_at_once(n: usize, look: impl Fn(usize) -> u64) -> bool {
    let round = || {
        (0..n).try_fold(0_u64, |sum, i| {
            let seen = look(i);
            (!may_go_on(seen)).then(|| sum.wrapping_add(seen))
        })
    };
    round().is_some_and(|sum| n < 2 || round() == Some(sum))
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    struct Model<const N: usize>([Readiness; N]);

    // SAFETY: that each is changed by one thread at a time is what the models check.
    unsafe impl<const N: usize> Sync for Model<N> {}
    // SAFETY: as above.
    unsafe impl<const N: usize> Send for Model<N> {}

    impl<const N: usize> Model<N> {
        /// The first is ready.
        fn new() -> Arc<Self> {
            let all = std::array::from_fn(|_| Readiness::new());
            all[1..].iter().for_each(Readiness::clear);
            Arc::new(Self(all))
        }
    }

    /// One of the two is ready at any time: one becomes so before the other ceases to be.
    #[test]
    fn one_of_two_is_always_ready() {
        loom::model(|| {
            let both = Model::<2>::new();
            let changes = thread::spawn({
                let both = both.clone();
                move || {
                    for i in [1, 0, 1, 0] {
                        both.0[i].set();
                        both.0[1 - i].clear();
                    }
                }
            });
            assert!(!none_at_once(2, |i| both.0[i].look()));
            changes.join().unwrap();
        });
    }

    /// As above, but one thread makes the second ready, and another, which has learnt of it, clears the first.
    #[test]
    fn one_of_two_is_ready_by_way_of_another_thread() {
        loom::model(|| {
            let all = Model::<3>::new();
            let first = thread::spawn({
                let all = all.clone();
                move || {
                    all.0[1].set();
                    all.0[2].set();
                }
            });
            let second = thread::spawn({
                let all = all.clone();
                move || {
                    if may_go_on(all.0[2].look()) {
                        all.0[0].clear();
                    }
                }
            });
            // The first last.
            assert!(!none_at_once(2, |i| all.0[1 - i].look()));
            first.join().unwrap();
            second.join().unwrap();
        });
    }
}
