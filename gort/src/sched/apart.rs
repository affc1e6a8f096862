//! An M that is woken to help runs on another processor than who wakes it.
//!
//! The kernel puts a thread that wakes up on an idle processor if it sees one. In a virtual machine it mostly sees none: a
//! processor that halts counts as taken away by the host (`vcpu_is_preempted`). So the thread stays where it ran last, or
//! comes to its waker's processor. There it takes the processor from the very thread that it is to help, finds nothing to
//! do, as that one makes no progress, and sleeps again; or it waits until there is nothing left to help with (measured on
//! two processors: a burst of goroutines took half as long again as one thread needs for it, with the other processor idle
//! all the time).
//!
//! So an M looks where it has woken up. When one has come to its waker's processor, those that are woken next are barred
//! from that of theirs for as long as it takes to wake up: three system calls. Now and then one is not, to see whether that
//! is still so. Which processors an M may use, by whomever that was decided, is as before once it runs.
//!
//! What it costs: a thread that was barred once has a set of its own from then on. If the set of its container grows later,
//! it stays with what it had.
//!
//! Rejected: binding each M to a processor of its own, as may does: where others compete for it the kernel could not
//! help. Barring always: where the kernel sees what is idle it chooses well, and for less.

use std::sync::atomic::{AtomicU32, Ordering};

use super::SCHED;
use super::m::M;
use crate::sys::affinity::{self, Processors};

/// Wake-ups that are seen to after one that went wrong.
const SEEN_TO: u32 = 255;
/// How many of them are left. A race loses one, which does not matter.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// For an M that nobody wakes who goes on.
pub(super) const BY_NOBODY: u32 = u32::MAX;

/// This M sleeps, and the caller is about to wake it and goes on itself.
pub(super) fn wakes(mp: &'static M) {
    if SCHED.without_p.load(Ordering::Relaxed) > 0 {
        // More threads of ours compete than there are Ps: the kernel has to choose among processors that are all in use.
        return;
    }
    let Some(here) = affinity::here() else { return };
    mp.woken_from.set(here);
    let left = LEFT.load(Ordering::Relaxed);
    if left == 0 {
        return;
    }
    LEFT.store(left - 1, Ordering::Relaxed);
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
    let from = mp.woken_from.replace(BY_NOBODY);
    if let Some(all) = mp.barred.take() {
        all.give_to(0);
    } else if from != BY_NOBODY && affinity::here() == Some(from) {
        LEFT.store(SEEN_TO, Ordering::Relaxed);
    }
}
