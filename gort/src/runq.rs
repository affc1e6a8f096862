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
//! - A position of the ring may be a *hole*, 0: the owner has claimed the goroutine otherwise and made the entry
//!   vanish ([`Runq::forget`]). Fork-join code claims what it queued last, so the entries form a stack
//!   (`top`, `below`) and the newest is found at once. A full ring is first compacted.
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
    /// Position of the newest entry that may be no hole. Owner only.
    top: AtomicU32,
}

/// See the module.
#[repr(align(64))]
pub(crate) struct Runq {
    /// Oldest position. Moved by owner and thieves.
    head: AtomicU32,
    owner: Owner,
    buf: [AtomicU64; CAP],
    /// For each position, what `top` was before its entry. Owner only.
    below: [AtomicU32; CAP],
}

impl Runq {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            owner: Owner {
                tail: AtomicU32::new(0),
                runnext: AtomicU64::new(0),
                tick: AtomicU32::new(0),
                top: AtomicU32::new(0),
            },
            buf: std::array::from_fn(|_| AtomicU64::new(0)),
            below: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    #[inline]
    fn slot(&self, position: u32) -> &AtomicU64 {
        &self.buf[position as usize % CAP]
    }

    #[inline]
    fn below(&self, position: u32) -> &AtomicU32 {
        &self.below[position as usize % CAP]
    }

    /// Entries in the ring, holes included, as anybody may ask; exact only for the owner while nobody steals.
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
        self.below(tail).store(self.owner.top.load(Ordering::Relaxed), Ordering::Relaxed);
        self.owner.top.store(tail, Ordering::Relaxed);
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

    /// Owner only: `entry`, whose goroutine the owner has claimed, need not be looked at any more. Makes a hole of
    /// it if it is the newest; if not it stays, stale.
    ///
    /// What `top` names may have been taken, and the position been used again: then another entry stands there,
    /// or a hole, and nothing happens.
    #[inline]
    pub(crate) fn forget(&self, entry: Entry) {
        let top = self.owner.top.load(Ordering::Relaxed);
        if self.slot(top).load(Ordering::Relaxed) == entry {
            self.slot(top).store(0, Ordering::Relaxed);
            self.owner.top.store(self.below(top).load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Owner only, after `put` has said no: drops the holes. False when there are too few of them.
    ///
    /// What is left moves up to the tail, where no thief copies now: one takes at most the older half, and
    /// what moves fits into the newer. If a thief wins the race for the head, some entries stand twice.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub(crate) fn compact(&self) -> bool {
        let head = self.head.load(Ordering::Acquire);
        let tail = self.owner.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(head) < CAP as u32 {
            return true;
        }
        let mut live = [0; CAP / 2];
        let mut n = 0;
        for i in 0..CAP as u32 {
            let entry = self.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
            if entry != 0 {
                if n == live.len() {
                    return false;
                }
                live[n] = entry;
                n += 1;
            }
        }
        let first = tail.wrapping_sub(n as u32);
        for (i, &entry) in live[..n].iter().enumerate() {
            let position = first.wrapping_add(i as u32);
            self.slot(position).store(entry, Ordering::Relaxed);
            self.below(position).store(position.wrapping_sub(1), Ordering::Relaxed);
        }
        self.owner.top.store(tail.wrapping_sub(1), Ordering::Relaxed);
        // Release: who sees the new head sees the entries where they are now.
        let _ = self.head.compare_exchange(head, first, Ordering::AcqRel, Ordering::Relaxed);
        true
    }

    /// Owner only, after `put` has said no: the older half of the ring and `entry`, to be put on the
    /// global queue; holes among them. `None` when thieves have made room meanwhile.
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
            let mut at = head;
            let mut entry = self.slot(at).load(Ordering::Relaxed);
            while entry == 0 && at.wrapping_add(1) != tail {
                at = at.wrapping_add(1);
                entry = self.slot(at).load(Ordering::Relaxed);
            }
            let next = at.wrapping_add(1);
            // Release: the slot was read before it counts as free. Acquire on failure: the head that a
            // thief left.
            match self.head.compare_exchange_weak(head, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if entry == 0 => return None,
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
            let mut to = into.owner.tail.load(Ordering::Relaxed);
            let mut last = 0;
            for i in 0..n {
                let entry = self.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
                if entry == 0 {
                    continue;
                }
                if last != 0 {
                    into.slot(to).store(last, Ordering::Relaxed);
                    to = to.wrapping_add(1);
                }
                last = entry;
            }
            // Release: the slots were read before they count as free. If head has moved, what was
            // copied is of no worth: `into.tail` has not moved, so nobody has seen it.
            if self
                .head
                .compare_exchange(head, head.wrapping_add(n), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                // Release: as in `put`.
                into.owner.tail.store(to, Ordering::Release);
                if last != 0 {
                    return Some(last);
                }
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
    fn what_is_forgotten_is_a_hole() {
        let check = |forget: &[u64], left: &[u64]| {
            let q = Runq::new();
            (1..=5).for_each(|e| assert!(q.put(e)));
            forget.iter().for_each(|&e| q.forget(e));
            assert_eq!(std::iter::from_fn(|| q.get()).collect::<Vec<_>>(), left);
            assert_eq!(q.len(), 0);
        };
        check(&[], &[1, 2, 3, 4, 5]);
        check(&[5], &[1, 2, 3, 4]);
        check(&[4], &[1, 2, 3, 4, 5]);
        check(&[9], &[1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_full_ring_is_compacted() {
        let q = Runq::new();
        // Two stay, the others are forgotten in the order of a fork-join.
        assert!(q.put(1) && q.put(2));
        for round in 0..3 {
            (3..=CAP as u64).for_each(|e| assert!(q.put(e)));
            (3..=CAP as u64).rev().for_each(|e| q.forget(e));
            assert!(!q.put(1000 + round) && q.compact());
            assert_eq!(q.len(), 2);
        }
        q.forget(2);
        assert_eq!((q.get(), q.get()), (Some(1), None));
    }

    #[test]
    fn a_full_ring_without_holes_is_not_compacted() {
        let q = Runq::new();
        (1..=CAP as u64).for_each(|e| assert!(q.put(e)));
        (0..CAP as u64 / 2 - 1).for_each(|i| q.forget(CAP as u64 - i));
        assert!(!q.put(1000) && !q.compact());
        let batch = q.overflow(1000).unwrap();
        assert_eq!(batch[..BATCH - 1], (1..BATCH as u64).collect::<Vec<_>>()[..]);
    }

    #[test]
    fn a_thief_leaves_holes_behind() {
        let (q, mine) = (Runq::new(), Runq::new());
        (1..=6).for_each(|e| assert!(q.put(e)));
        (3..=6).rev().for_each(|e| q.forget(e));
        assert_eq!((q.grab(&mine), mine.get(), mine.get()), (Some(2), Some(1), None));
        assert_eq!((q.grab(&mine), q.len()), (None, 0));
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
mod models;
