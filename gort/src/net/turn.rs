//! One operation by who is in the seat: it tries, and if the kernel has nothing for it waits for an event and tries again.
//!
//! Generic over what it tries and where it registers, so that models run it as it is.
//!
//! Go: internal/poll/fd_unix.go `FD.Read`, netpoll.go `netpollblock`, `netpollcheckerr`.

use std::io;

use crate::g::G;
use crate::g::wait_reason::WaitReason;
use crate::netpoll;
use crate::netpoll::side::{CLOSED, NO_DEADLINE, Publish, Side};
use crate::primitive::{AtomicBool, Ordering};
use crate::sched::park;
use crate::sys::clock::{self, NEVER};
use crate::timer::Target;

/// What an operation found out about the socket besides its result.
pub(super) enum Done<R> {
    /// It may have more to give, or room.
    More(R),
    /// It was emptied, or filled.
    Exhausted(R),
}

/// Tries `call` until it does not block, at most until `until` or the deadline. `register` makes sure that events are heard.
/// `exhausted` is the seat's.
#[inline]
pub(super) fn run<R>(
    side: &'static Side,
    exhausted: &AtomicBool,
    until: u64,
    call: &mut impl FnMut() -> io::Result<Done<R>>,
    register: impl Fn() -> io::Result<()>,
) -> io::Result<R> {
    loop {
        // Without registration nothing is ever heard: the first wait makes up for that.
        if !(exhausted.load(Ordering::Relaxed) && side.is_quiet()) {
            side.reset();
            exhausted.store(false, Ordering::Relaxed);
            match call() {
                Ok(Done::More(r)) => return Ok(r),
                Ok(Done::Exhausted(r)) => {
                    exhausted.store(true, Ordering::Relaxed);
                    return Ok(r);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(unless_closed(side, e)),
            }
        }
        register()?;
        wait(side, until)?;
        // Heard something, or not: only a try can tell, as long as the word is not asked.
        if !side.is_quiet() {
            exhausted.store(false, Ordering::Relaxed);
        }
    }
}

/// Waits for an event, or for nothing: the caller tries again. An error when `until` or the deadline has come.
fn wait(side: &'static Side, until: u64) -> io::Result<()> {
    let mut over = Ok(());
    let mut timers = None;
    let mut when = NEVER;
    park::park_commit(NEVER, WaitReason::IoWait, |gp, _| {
        let n = side.begin_wait();
        if side.publish(std::ptr::from_ref::<G>(gp) as usize) == Publish::Ready {
            return false;
        }
        // Looked at after the publication: see `netpoll::side`.
        let deadline = side.deadline();
        when = until.min(deadline);
        if when == NEVER {
            return true;
        }
        let now = clock::nanotime();
        if when <= now {
            over = if deadline <= now { check_slow(deadline) } else { Err(timed_out()) };
            return !side.withdraw();
        }
        timers = Some(park::start_timer(when, Target::Socket(side, n)));
        true
    });
    side.end_wait();
    if let Some(timers) = timers
        && clock::nanotime() < when
    {
        timers.count_stale();
    }
    over
}

/// Fails when the socket is closed or its deadline is over.
#[inline]
pub(super) fn check(side: &Side) -> io::Result<()> {
    let deadline = side.deadline();
    if deadline == NO_DEADLINE { Ok(()) } else { check_slow(deadline) }
}

#[cold]
fn check_slow(deadline: u64) -> io::Result<()> {
    if deadline == CLOSED {
        return Err(closed());
    }
    if deadline <= clock::nanotime() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"));
    }
    Ok(())
}

/// The kernel's error, unless it is what the kernel says of a socket that was closed here meanwhile.
#[cold]
pub(super) fn unless_closed(side: &Side, e: io::Error) -> io::Error {
    if side.deadline() == CLOSED { closed() } else { e }
}

/// Go: `net.ErrClosed`.
pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "use of closed network connection")
}

/// A time-out as the kernel tells of `SO_RCVTIMEO` and `SO_SNDTIMEO`, hence as std does.
pub(super) fn timed_out() -> io::Error {
    io::Error::from_raw_os_error(libc::EAGAIN)
}

/// Readies who was taken off a side, if anybody was.
pub(super) fn ready(g: Option<usize>) {
    if let Some(gp) = g.and_then(netpoll::taken) {
        park::goready(gp);
    }
}

#[cfg(all(test, loom))]
#[path = "turn_models.rs"]
#[allow(unsafe_code)]
mod models;
