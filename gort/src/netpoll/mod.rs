//! The netpoller: which goroutines can go on because something has happened to their sockets.
//!
//! It *returns* those to be readied and never calls the scheduler, which asks from four places: an M that has
//! found nothing else, the M that falls asleep last, a busy P now and then, sysmon (`sched::net_wait`).
//!
//! Invariants
//! - A socket is registered once, for all events, edge-triggered, when it first has to wait; it is taken out
//!   before its descriptor is closed. A wait costs no system call of its own.
//! - Nothing here is made before the first such socket: a program without one pays a load of
//!   [`REGISTERED`](active) where the scheduler would poll.
//! - Descriptors are type-stable, and an event carries the generation of the socket that it is for.
//!
//! `mio` makes and registers; the wait itself is `epoll_pwait2` on mio's epoll descriptor, for two reasons:
//! mio rounds timeouts up to milliseconds, which timers must not be, and its `poll` wants `&mut`, while here
//! one M waits and others look in without waiting. Rejected: mio's `poll(0)` behind a `ppoll` of its
//! descriptor, which is two system calls for each batch.
//!
//! Go: netpoll.go, netpoll_epoll.go `netpollinit`, `netpollopen`, `netpollclose`, `netpollBreak`, `netpoll`.

#[cfg(not(loom))]
mod poller;
pub(crate) mod side;
#[cfg(not(loom))]
mod slab;
mod under_way;

#[cfg(not(loom))]
pub(crate) use poller::*;

use crate::g::G;

/// The goroutine that was taken off a [`side`], if it sleeps and must be readied; if it is still on its way to
/// sleep it is told.
pub(crate) fn taken(g: usize) -> Option<&'static G> {
    // SAFETY: only addresses of Gs are published, and Gs are never freed.
    let gp: &'static G = unsafe { &*(g as *const G) };
    gp.commit.notify_taken().then_some(gp)
}
