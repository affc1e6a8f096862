//! A one-shot sleep and wake-up for an M. Go: lock_futex.go `notesleep`, `notewakeup`, `noteclear`.
//!
//! 0 cleared, 1 woken. One sleeper, at most one wake-up between two clears.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::clock::NEVER;
use crate::sys::futex;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Note(AtomicU32);

impl Note {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Forgets an earlier wake-up. Only the sleeper calls it, before it is made known as sleeping.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Sleeps until woken.
    pub(crate) fn sleep(&self) {
        // Acquire: pairs with the Release in `wakeup`; what the waker did before is ours to see.
        while self.0.load(Ordering::Acquire) == 0 {
            futex::wait(&self.0, 0, NEVER);
        }
    }

    /// Sleeps until woken or until the absolute time `until`; whether it was woken.
    pub(crate) fn sleep_until(&self, until: u64) -> bool {
        while self.0.load(Ordering::Acquire) == 0 {
            if !futex::wait(&self.0, 0, until) {
                return self.0.load(Ordering::Acquire) != 0;
            }
        }
        true
    }

    /// Wakes the sleeper, now or when it comes.
    pub(crate) fn wakeup(&self) {
        if self.0.swap(1, Ordering::Release) == 0 {
            futex::wake(&self.0, 1);
        }
    }
}
