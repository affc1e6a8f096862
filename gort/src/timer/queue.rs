//! Entries by the time when they are due: a heap of the near ones, and when there are many a wheel for those that
//! come later and a second heap for those that come after the wheel.
//!
//! ```text
//!            near_end                        near_end + SPAN
//!    near ──────│ bucket │ bucket │ … │ bucket ──────│ far
//!     heap         WIDTH, in no order                    heap
//! ```
//!
//! Most operations touch a few lines: an entry is appended to its bucket, moves to the heap with the others of its
//! bucket when the heap is empty, and leaves a heap that fits a near cache. A heap of a hundred thousand entries costs
//! a dozen lines at each pop, of which few are in a cache.
//!
//! Invariants
//! - Entries of `near` are due before `near_end`, those of the wheel from then on, within its span, those of `far`
//!   after the span as it was when they came or later. Without a wheel `near_end` is [`NEVER`].
//! - `near` is empty only if there is no entry.

use std::cmp::Reverse;

use dary_heap::QuaternaryHeap;

use crate::sys::clock::NEVER;

/// Entries from which on there is a wheel, and below which there is none any more.
const MANY: usize = 1024;
const FEW: usize = 256;
/// Nanoseconds of a bucket, as a shift.
const WIDTH_SHIFT: u32 = 20;
const BUCKETS: usize = 512;
const SPAN: u64 = (BUCKETS as u64) << WIDTH_SHIFT;
/// Capacity of a bucket that is new.
const BUCKET_MIN: usize = 32;

/// Something that is due at a time.
pub(crate) struct Timed<T> {
    pub(crate) when: u64,
    pub(crate) what: T,
}

impl<T> PartialEq for Timed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.when == other.when
    }
}
impl<T> Eq for Timed<T> {}
impl<T> PartialOrd for Timed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Timed<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.when.cmp(&other.when)
    }
}

type Heap<T> = QuaternaryHeap<Reverse<Timed<T>>>;
type Bucket<T> = Vec<Reverse<Timed<T>>>;

struct Wheel<T> {
    buckets: [Bucket<T>; BUCKETS],
    /// A bit for each bucket that is not empty.
    filled: [u64; BUCKETS / 64],
    /// Memory of buckets that were emptied, for those that fill.
    spare: Vec<Bucket<T>>,
    /// Entries in buckets.
    len: usize,
}

impl<T> Wheel<T> {
    fn new() -> Box<Self> {
        Box::new(Self {
            buckets: std::array::from_fn(|_| Vec::new()),
            filled: [0; BUCKETS / 64],
            spare: Vec::new(),
            len: 0,
        })
    }

    #[inline(always)]
    fn put(&mut self, when: u64, what: impl FnOnce() -> T) {
        let i = (when >> WIDTH_SHIFT) as usize % BUCKETS;
        if self.buckets[i].is_empty() {
            self.fill(i);
        }
        self.buckets[i].push(Reverse(Timed { when, what: what() }));
        self.len += 1;
    }

    /// A bucket gets its first entry.
    #[cold]
    #[inline(never)]
    fn fill(&mut self, i: usize) {
        self.filled[i / 64] |= 1 << (i % 64);
        self.buckets[i] = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(BUCKET_MIN));
    }

    /// How many buckets after that of `time` the first filled one comes, if there is any.
    fn first_filled(&self, time: u64) -> Option<usize> {
        let start = (time >> WIDTH_SHIFT) as usize % BUCKETS;
        let mut word = self.filled[start / 64] & (!0 << (start % 64));
        // The last turn looks at the first word again, at the bits below `start`.
        for k in 0..=self.filled.len() {
            let at = (start / 64 + k) % self.filled.len();
            if word != 0 {
                let i = at * 64 + word.trailing_zeros() as usize;
                return Some((i + BUCKETS - start) % BUCKETS);
            }
            word = self.filled[(at + 1) % self.filled.len()];
        }
        None
    }

    fn take(&mut self, time: u64) -> Bucket<T> {
        let i = (time >> WIDTH_SHIFT) as usize % BUCKETS;
        self.filled[i / 64] &= !(1 << (i % 64));
        let bucket = std::mem::take(&mut self.buckets[i]);
        self.len -= bucket.len();
        bucket
    }
}

/// See the module.
pub(crate) struct Queue<T> {
    near: Heap<T>,
    /// A multiple of the width, or [`NEVER`].
    near_end: u64,
    wheel: Option<Box<Wheel<T>>>,
    far: Heap<T>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { near: Heap::new(), near_end: NEVER, wheel: None, far: Heap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.near.len() + self.wheel.as_ref().map_or(0, |wheel| wheel.len) + self.far.len()
    }

    /// When the earliest is due, [`NEVER`] if there is none.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.near.peek().map_or(NEVER, |e| e.0.when)
    }

    /// Its way to a bucket needs little stack: what a goroutine uses below where it parks is in no cache.
    #[inline(always)]
    pub(crate) fn push_with(&mut self, when: u64, what: impl FnOnce() -> T) {
        match &mut self.wheel {
            Some(wheel) if when >= self.near_end && when - self.near_end < SPAN => wheel.put(when, what),
            _ => self.push_on_heap(when, what()),
        }
    }

    fn push(&mut self, when: u64, what: T) {
        self.push_with(when, || what);
    }

    #[inline(never)]
    fn push_on_heap(&mut self, when: u64, what: T) {
        let heap = if when < self.near_end { &mut self.near } else { &mut self.far };
        heap.push(Reverse(Timed { when, what }));
        if self.near.len() > MANY && self.wheel.is_none() {
            self.start_wheel();
        }
    }

    /// The earliest, if it is due at `now`.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        if self.next() > now {
            return None;
        }
        let e = self.near.pop();
        if self.near.is_empty() {
            self.advance();
        }
        e.map(|e| e.0.what)
    }

    /// `near` is empty: fills it from the next bucket.
    #[cold]
    #[inline(never)]
    fn advance(&mut self) {
        if self.len() < FEW {
            return self.stop_wheel();
        }
        let Some(wheel) = &mut self.wheel else { return };
        let first = match wheel.first_filled(self.near_end) {
            Some(n) => self.near_end + ((n as u64) << WIDTH_SHIFT),
            // All are far. A far one may be within the span by now, but is after each bucket that was filled.
            None => self.far.peek().map_or(0, |e| e.0.when).max(self.near_end) >> WIDTH_SHIFT << WIDTH_SHIFT,
        };
        self.near_end = first;
        while let Some(e) = self.far.peek()
            && e.0.when.saturating_sub(first) < SPAN
        {
            let e = self.far.pop().expect("peeked").0;
            wheel.put(e.when, || e.what);
        }
        let Some(end) = first.checked_add(1 << WIDTH_SHIFT) else { return self.stop_wheel() };
        let bucket = wheel.take(first);
        let emptied = std::mem::replace(&mut self.near, Heap::from(bucket)).into_vec();
        if emptied.capacity() > 0 {
            wheel.spare.push(emptied);
        }
        self.near_end = end;
    }

    #[cold]
    #[inline(never)]
    fn start_wheel(&mut self) {
        let Some(end) = (self.next() & !((1 << WIDTH_SHIFT) - 1)).checked_add(1 << WIDTH_SHIFT) else {
            return;
        };
        self.near_end = end;
        self.wheel = Some(Wheel::new());
        for e in std::mem::take(&mut self.near).into_vec() {
            self.push(e.0.when, e.0.what);
        }
    }

    #[cold]
    #[inline(never)]
    fn stop_wheel(&mut self) {
        self.near_end = NEVER;
        let Some(wheel) = self.wheel.take() else { return };
        self.near.extend(wheel.buckets.into_iter().flatten());
        self.near.append(&mut self.far);
        self.far = Heap::new();
    }

    /// Keeps what `is_wanted`.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(&T) -> bool) {
        let mut all = std::mem::replace(self, Self::new()).into_vec();
        all.retain(|e| is_wanted(&e.0.what));
        self.near = Heap::from(all);
        if self.near.len() > MANY {
            self.start_wheel();
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for e in other.into_vec() {
            self.push(e.0.when, e.0.what);
        }
    }

    fn into_vec(self) -> Bucket<T> {
        let mut all = self.near.into_vec();
        if let Some(wheel) = self.wheel {
            all.extend(wheel.buckets.into_iter().flatten());
        }
        all.append(&mut self.far.into_vec());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// Pushes and pops at random against a plain heap: the same times come, each no earlier than it is due.
    #[test]
    fn as_a_plain_heap() {
        let check = |spans: &[u64], crowd: usize| {
            let mut rand = crowd as u64;
            let mut queue = Queue::new();
            let mut plain = std::collections::BinaryHeap::new();
            let mut now = 1 << 40;
            for turn in 0..400_000 {
                // The crowd grows, stands and goes.
                let wanted = if turn < 300_000 { crowd } else { 0 };
                if plain.len() < wanted {
                    let span = spans[random(&mut rand) as usize % spans.len()];
                    let when = now + 1 + random(&mut rand) % span;
                    queue.push(when, when);
                    plain.push(Reverse(when));
                }
                now += span_of_a_turn(spans, crowd);
                while let Some(when) = queue.pop_due(now) {
                    assert_eq!(Some(when), plain.pop().map(|e| e.0));
                }
                assert_eq!(queue.next(), plain.peek().map_or(NEVER, |e| e.0));
                assert_eq!(queue.len(), plain.len());
                assert!(queue.next() > now);
            }
        };
        let span_ms = 1_000_000;
        check(&[200 * span_ms], 10);
        check(&[200 * span_ms], 5_000);
        check(&[span_ms, 200 * span_ms, 20_000 * span_ms], 5_000);
        check(&[3_000 * span_ms], 2_000);
        check(&[SPAN, SPAN - 1, SPAN + (1 << WIDTH_SHIFT)], 1_500);
    }

    /// The crowd is through about every 20,000 turns.
    fn span_of_a_turn(spans: &[u64], crowd: usize) -> u64 {
        spans.iter().sum::<u64>() / spans.len() as u64 / crowd.max(20) as u64
    }

    #[test]
    fn the_end_of_time() {
        let mut queue = Queue::new();
        for i in 0..2 * MANY as u64 {
            queue.push(NEVER - 1 - i, ());
        }
        assert_eq!(queue.next(), NEVER - 2 * MANY as u64);
        while queue.pop_due(NEVER - 1).is_some() {}
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_is_not_wanted_goes() {
        let mut queue = Queue::new();
        (0..10_000).for_each(|i| queue.push(i << WIDTH_SHIFT, i));
        queue.retain(|i| i % 5 == 0);
        assert_eq!((queue.len(), queue.next()), (2_000, 0));
        let mut other = Queue::new();
        other.extend(queue);
        let left: Vec<_> = std::iter::from_fn(|| other.pop_due(NEVER - 1)).collect();
        assert!(left.iter().copied().eq((0..2_000).map(|i| 5 * i)));
    }
}
