//! Who may wait in one direction of a socket: one at a time. Others wait for the seat, in order.
//!
//! The seat is held for a whole operation, so that its holder alone decides from what it has seen of the socket
//! whether it must try again before it waits.
//!
//! 0 free, 1 held, 2 held and somebody may wait. As in Go a newcomer may be faster than who was woken.
//!
//! Go: internal/poll/fd_mutex.go `rwlock`, `rwunlock`.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::g::wait_reason::WaitReason;
use crate::wait::Monitor;

const FREE: u32 = 0;
const HELD: u32 = 1;
const WAITED_FOR: u32 = 2;

/// See the module.
pub(super) struct Seat {
    state: AtomicU32,
    /// How often waiters were told to look again.
    waiters: Monitor<u32>,
}

/// The holder.
pub(super) struct Seated<'a>(&'a Seat);

impl Seat {
    pub(super) const fn new() -> Self {
        Self { state: AtomicU32::new(FREE), waiters: Monitor::new(0) }
    }

    /// Takes the seat if it is free.
    #[inline]
    pub(super) fn try_take(&self) -> Option<Seated<'_>> {
        // Acquire: pairs with the Release in `drop`; what the last holder has seen is ours to know.
        let taken = self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok().then(|| Seated(self))
    }

    /// What [`Seat::wait`] wants to know: read before the deadline.
    pub(super) fn looks(&self) -> u32 {
        self.waiters.with(|looks| *looks)
    }

    /// Waits for the seat until `deadline`. None when the time came, or when [`Seat::look_again`] was called
    /// after `looks` was read: the caller looks at its deadline and comes again.
    #[cold]
    pub(super) fn wait(&self, deadline: u64, looks: u32) -> Option<Seated<'_>> {
        let mut taken = false;
        self.waiters.wait_if_until(deadline, WaitReason::IoWait, |now| {
            taken = self.state.swap(WAITED_FOR, Ordering::Acquire) == FREE;
            !taken && *now == looks
        });
        if !taken {
            // Others may wait beside us: the state says so from now on.
            taken = self.state.swap(WAITED_FOR, Ordering::Acquire) == FREE;
        }
        taken.then(|| Seated(self))
    }

    /// Ends all waits: a deadline was moved, or the socket closed.
    pub(super) fn look_again(&self) {
        self.waiters.wake_all_if(|looks| {
            *looks = looks.wrapping_add(1);
            true
        });
    }
}

impl Drop for Seated<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire of the next holder.
        if self.0.state.swap(FREE, Ordering::Release) == WAITED_FOR {
            self.0.waiters.wake_one_if(|_| true);
        }
    }
}
