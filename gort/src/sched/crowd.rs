//! How many threads without a P compute. Past a number of them no more goroutines that compute are helped: each help
//! costs a thread. Threads that sit in the kernel do not count, however many they are.
//!
//! What a thread does is known when its P is taken, but it may do otherwise later, and many may come back from the kernel
//! to compute. So they are counted when it matters, and no more often than is cheap.

use std::sync::atomic::Ordering;

use super::SCHED;
use crate::sys::clock;
use crate::sys::thread;

/// A count is good for as many times what it has cost.
const WORTH: u64 = 16;

#[derive(Debug, Default)]
pub(super) struct Crowd {
    computing: u32,
    /// When it is to be counted again.
    next: u64,
}

impl Crowd {
    /// One that computes has lost its P.
    pub(super) fn joined(&mut self) {
        self.computing += 1;
    }

    /// Whether `cap` threads without a P compute, once `claimed` more that compute have lost theirs.
    pub(super) fn is_full(&mut self, cap: u32, claimed: u32, now: u64) -> bool {
        self.is_full_with(cap, SCHED.without_p.load(Ordering::Relaxed), claimed, now, count)
    }

    /// [`is_full`](Self::is_full) where `without_p` threads have no P, of which `count` tells how many compute.
    fn is_full_with(&mut self, cap: u32, without_p: u32, claimed: u32, now: u64, count: fn() -> u32) -> bool {
        if without_p + claimed < cap {
            return false;
        }
        if now >= self.next {
            self.computing = count();
            let cost = clock::nanotime() - now;
            self.next = now + cost * WORTH;
        }
        self.computing + claimed >= cap
    }
}

/// The threads without a P that do not wait in the kernel.
fn count() -> u32 {
    let ms = SCHED.locked(|s| s.all_ms.clone());
    let computes = |tid: i32| tid != 0 && !thread::waits(tid);
    ms.iter().filter(|mp| mp.claim.lost() && computes(mp.tid.load(Ordering::Relaxed))).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two Ps that were taken in one round made one thread too many: neither counted for the other.
    #[test]
    fn bug_claims_of_one_round_passed_the_cap() {
        let full = |without_p, claimed| Crowd::default().is_full_with(128, without_p, claimed, 0, || 127);
        assert!(!full(126, 1));
        assert!(!full(127, 0));
        assert!(full(127, 1));
        assert!(!full(500, 0), "most of them wait in the kernel");
        assert!(full(500, 1));
    }
}
