//! A P's queue of runnable goroutines: a ring that its owner pushes and pops and that others steal
//! from, with the slot `runnext` beside it.
//!
//! Invariants
//! - Only the P's owner pushes, pops and writes `runnext`. `tail` is written by the owner alone;
//!   `head` moves forward by compare-and-swap of whoever takes entries.
//! - An entry is a *hint*: taking it from a queue gives no right to run the goroutine. That right is
//!   the claim on its status word ([`StatusWord::claim`]), of which at most one succeeds for one
//!   period of being runnable. So a thief may claim what it has only *read* in `runnext`, the owner
//!   needs no read-modify-write to use it, and an entry whose goroutine was claimed elsewhere is
//!   stale and skipped.
//! - A runnable goroutine always has at least one entry in some queue.
//!
//! Go: proc.go `runqput`, `runqputslow`, `runqget`, `runqgrab`, `runqsteal`. Go's `runnext` is taken by
//! compare-and-swap on both sides; here the claim on the status word, which is needed anyway, decides.
//!
//! [`StatusWord::claim`]: crate::g::status::StatusWord::claim

use crate::primitive::{AtomicU32, AtomicU64, Ordering};

/// How many entries the ring holds.
#[cfg(not(loom))]
pub(crate) const CAP: usize = 256;
#[cfg(loom)]
pub(crate) const CAP: usize = 4;

/// Half of a full ring and the entry that found it full.
pub(crate) const BATCH: usize = CAP / 2 + 1;

/// A packed goroutine address and generation; 0 is none. See [`crate::g::entry`].
pub(crate) type Entry = u64;

/// The side that the owner writes at every push.
#[repr(align(64))]
struct Owner {
    /// Next free position. Written by the owner.
    tail: AtomicU32,
    /// To be run before the ring, in what is left of the current slice. Written by the owner.
    runnext: AtomicU64,
    /// Counts goroutine switches of the P, so that a thief can see whether `runnext` has had its
    /// chance. Written by the owner.
    tick: AtomicU32,
}

/// See the module.
#[repr(align(64))]
pub(crate) struct Runq {
    /// Oldest position. Moved by owner and thieves.
    head: AtomicU32,
    owner: Owner,
    buf: [AtomicU64; CAP],
}

impl Runq {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            owner: Owner { tail: AtomicU32::new(0), runnext: AtomicU64::new(0), tick: AtomicU32::new(0) },
            buf: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    #[inline]
    fn slot(&self, position: u32) -> &AtomicU64 {
        &self.buf[position as usize % CAP]
    }

    /// Entries in the ring, as anybody may ask; exact only for the owner while nobody steals.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // Acquire on both: a spinning M's last look must not be older than what it synchronised with.
        let head = self.head.load(Ordering::Acquire);
        let n = self.owner.tail.load(Ordering::Acquire).wrapping_sub(head);
        // Head may have moved between the two loads and tail with it.
        n.min(CAP as u32)
    }

    #[inline]
    pub(crate) fn runnext(&self) -> Entry {
        // Acquire: pairs with the Release in `set_runnext`.
        self.owner.runnext.load(Ordering::Acquire)
    }

    /// Owner only. Release: whoever claims the goroutine by this entry sees it complete.
    #[inline]
    pub(crate) fn set_runnext(&self, entry: Entry) {
        self.owner.runnext.store(entry, Ordering::Release);
    }

    /// Owner only: one more switch has happened.
    #[inline]
    pub(crate) fn count_switch(&self) {
        self.owner.tick.store(self.owner.tick.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn switches(&self) -> u32 {
        self.owner.tick.load(Ordering::Relaxed)
    }

    /// Owner only: appends `entry`; false when the ring is full.
    #[inline]
    #[must_use]
    pub(crate) fn put(&self, entry: Entry) -> bool {
        // Acquire: pairs with the Release of thieves' head moves; they have read the slots that we are
        // about to overwrite.
        let head = self.head.load(Ordering::Acquire);
        let tail = self.owner.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(head) == CAP as u32 {
            return false;
        }
        self.slot(tail).store(entry, Ordering::Relaxed);
        // Release: pairs with the Acquire loads of tail in `grab` and `len`.
        self.owner.tail.store(tail.wrapping_add(1), Ordering::Release);
        true
    }

    /// Owner only: the entry that `get` would give after `ahead` others, 0 if there is none. A hint.
    #[inline]
    pub(crate) fn peek(&self, ahead: u32) -> Entry {
        let position = self.head.load(Ordering::Relaxed).wrapping_add(ahead);
        let left = self.owner.tail.load(Ordering::Relaxed).wrapping_sub(position);
        if left == 0 || left > CAP as u32 { 0 } else { self.slot(position).load(Ordering::Relaxed) }
    }

    /// Owner only, after `put` has said no: the older half of the ring and `entry`, to be put on the
    /// global queue. `None` when thieves have made room meanwhile.
    ///
    /// Apart from `put` because of its kilobyte of stack, which would cost every parked goroutine a
    /// second page.
    #[cold]
    #[inline(never)]
    pub(crate) fn overflow(&self, entry: Entry) -> Option<[Entry; BATCH]> {
        let head = self.head.load(Ordering::Acquire);
        if self.owner.tail.load(Ordering::Relaxed).wrapping_sub(head) < CAP as u32 {
            return None;
        }
        let mut batch = [entry; BATCH];
        let half = BATCH as u32 - 1;
        for i in 0..half {
            batch[i as usize] = self.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
        }
        // Release: the slots were read before others may see them as free.
        self.head
            .compare_exchange(head, head.wrapping_add(half), Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
            .then_some(batch)
    }

    /// Owner only: the oldest entry.
    #[inline]
    pub(crate) fn get(&self) -> Option<Entry> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let tail = self.owner.tail.load(Ordering::Relaxed);
            if head == tail {
                return None;
            }
            let entry = self.slot(head).load(Ordering::Relaxed);
            // Release: the slot was read before it counts as free. Acquire on failure: the head that a
            // thief left.
            match self.head.compare_exchange_weak(
                head,
                head.wrapping_add(1),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(entry),
                Err(now) => head = now,
            }
        }
    }

    /// Moves half of this ring (rounded up) into `into`, which the caller owns and which is empty, and
    /// gives the last of them instead of queueing it.
    pub(crate) fn grab(&self, into: &Runq) -> Option<Entry> {
        loop {
            // Acquire: pairs with head moves, so that tail below is at least as new.
            let head = self.head.load(Ordering::Acquire);
            // Acquire: pairs with the Release in `put`; the slots up to tail are written.
            let tail = self.owner.tail.load(Ordering::Acquire);
            let n = tail.wrapping_sub(head);
            let n = n - n / 2;
            if n == 0 {
                return None;
            }
            if n > CAP as u32 / 2 {
                continue; // head and tail are of different moments
            }
            let to = into.owner.tail.load(Ordering::Relaxed);
            let mut last = 0;
            for i in 0..n {
                last = self.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
                into.slot(to.wrapping_add(i)).store(last, Ordering::Relaxed);
            }
            // Release: the slots were read before they count as free. If head has moved, what was
            // copied is of no worth: `into.tail` has not moved, so nobody has seen it.
            if self
                .head
                .compare_exchange(head, head.wrapping_add(n), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                if n > 1 {
                    // Release: as in `put`.
                    into.owner.tail.store(to.wrapping_add(n - 1), Ordering::Release);
                }
                return Some(last);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out() {
        let q = Runq::new();
        for i in 1..=CAP as u64 {
            assert!(q.put(i));
        }
        for i in 1..=CAP as u64 {
            assert_eq!(q.get(), Some(i));
        }
        assert_eq!(q.get(), None);
    }

    #[test]
    fn a_full_ring_gives_its_older_half_away() {
        let q = Runq::new();
        for i in 1..=CAP as u64 {
            assert!(q.put(i));
        }
        assert!(!q.put(1000));
        let batch = q.overflow(1000).unwrap();
        assert_eq!(batch[..BATCH - 1], (1..BATCH as u64).collect::<Vec<_>>()[..]);
        assert_eq!(batch[BATCH - 1], 1000);
        assert_eq!(q.len() as usize, CAP / 2);
        assert_eq!(q.get(), Some(BATCH as u64));
    }

    #[test]
    fn a_thief_takes_half_rounded_up() {
        let check = |queued: u64, left: u32| {
            let (q, mine) = (Runq::new(), Runq::new());
            for i in 1..=queued {
                assert!(q.put(i));
            }
            let got = q.grab(&mine);
            assert_eq!(got.is_some(), queued > 0);
            assert_eq!(q.len(), left);
            assert_eq!(mine.len() + u32::from(got.is_some()) + left, queued as u32);
        };
        check(0, 0);
        check(1, 0);
        check(2, 1);
        check(7, 3);
        check(CAP as u64, CAP as u32 / 2);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    fn thief(q: Arc<Runq>) -> thread::JoinHandle<Vec<Entry>> {
        thread::spawn(move || {
            let mine = Runq::new();
            let mut got: Vec<_> = q.grab(&mine).into_iter().collect();
            got.extend(std::iter::from_fn(|| mine.get()));
            got
        })
    }

    fn put(q: &Runq, e: Entry, got: &mut Vec<Entry>) {
        while !q.put(e) {
            if let Some(batch) = q.overflow(e) {
                got.extend(batch);
                return;
            }
        }
    }

    fn check(
        preemptions: usize,
        owner: impl Fn(&Runq, &mut Vec<Entry>) + Sync + Send + 'static,
        all: u64,
        thieves: usize,
    ) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(preemptions);
        model.check(move || {
            let q = Arc::new(Runq::new());
            let thieves: Vec<_> = (0..thieves).map(|_| thief(q.clone())).collect();
            let mut got = Vec::new();
            owner(&q, &mut got);
            got.extend(std::iter::from_fn(|| q.get()));
            for t in thieves {
                got.extend(t.join().unwrap());
            }
            got.sort_unstable();
            assert_eq!(got, (1..=all).collect::<Vec<_>>());
        });
    }

    /// The owner pushes past the ring's size while one thief steals: every entry comes out once.
    #[test]
    fn overflow_and_a_thief() {
        check(3, |q, got| (1..=5).for_each(|e| put(q, e, got)), 5, 1);
    }

    /// The owner pushes and pops while two thieves steal.
    #[test]
    fn pops_and_two_thieves() {
        let owner = |q: &Runq, got: &mut Vec<Entry>| {
            put(q, 1, got);
            put(q, 2, got);
            got.extend(q.get());
            put(q, 3, got);
        };
        check(2, owner, 3, 2);
    }

    /// Positions are reused: the owner pops what a thief may be copying and pushes over it.
    #[test]
    fn slots_are_reused() {
        let owner = |q: &Runq, got: &mut Vec<Entry>| {
            for e in 1..=6 {
                put(q, e, got);
                if e % 2 == 0 {
                    got.extend(q.get());
                }
            }
        };
        check(2, owner, 6, 1);
    }
}
