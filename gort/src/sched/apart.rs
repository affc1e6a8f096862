//! An M that is woken to help runs on another processor than who wakes it.
//!
//! The kernel puts a thread that wakes up on an idle processor if it sees one. In a virtual machine it mostly sees none: a
//! processor that halts counts as taken away by the host (`vcpu_is_preempted`). So the thread stays where it ran last,
//! and if its waker runs there, it takes the processor from the very thread that it is to help, finds nothing to do, as
//! that one makes no progress, and sleeps again (measured on two processors: 40 µs lost for each wake-up in a burst of
//! goroutines, with the other processor idle all the time).
//!
//! So where an M went to sleep is remembered, and who wakes it there bars it from that processor for as long as it takes
//! to wake up: two or three system calls, after which it sleeps elsewhere. Which processors it may use, by whomever that
//! was decided, is as before once it runs.
//!
//! Rejected: binding each M to a processor of its own, as may does: where others compete for it the kernel could not
//! help.

use std::sync::atomic::Ordering;

use super::m::M;
use crate::sys::affinity::{self, Processors};

/// Where nobody is.
const NOWHERE: u32 = u32::MAX;

/// This M is about to sleep.
pub(super) fn sleeps(mp: &'static M) {
    mp.slept_on.store(affinity::here().unwrap_or(NOWHERE), Ordering::Relaxed);
}

/// This M sleeps, and the caller is about to wake it and goes on itself.
pub(super) fn wakes(mp: &'static M) {
    let Some(here) = affinity::here().filter(|&here| here == mp.slept_on.load(Ordering::Relaxed)) else {
        return;
    };
    let tid = mp.tid.load(Ordering::Relaxed);
    if tid != 0
        && let Some(all) = Processors::of(tid)
        && let Some(others) = all.without(here)
        && others.count() < all.count()
        && others.give_to(tid)
    {
        mp.barred.set(Some(all));
    }
}

/// This M is awake.
pub(super) fn awake(mp: &'static M) {
    if let Some(all) = mp.barred.take() {
        all.give_to(0);
    }
}
