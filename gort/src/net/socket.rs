//! What every socket is made of: a descriptor, its place in the netpoller, and who may wait in which direction.
//!
//! An operation takes the seat of its direction and has its [`turn`] there. It is registered with the
//! netpoller only when it first has to wait.
//!
//! - A stream's read that got less than it asked for has emptied the socket, and a write that was not taken
//!   whole has filled it (epoll(7)). The next operation then waits at once instead of asking the kernel for
//!   an EAGAIN, unless something was heard since, or the peer has hung up: `exhausted`. So a request
//!   costs one read and one write.
//! - The mode that the kernel knows is the user's, as the descriptor may be known to others too: each call says by
//!   itself that it does not want to wait. `accept` cannot say so: see `accept`.
//! - Clones share all of this, so that they agree on modes, timeouts and who waits.
//!
//! Go: internal/poll/fd_unix.go `FD.Read`, `FD.Write`, fd_poll_runtime.go.

use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::calls;
use super::seat::{Seat, Seated};
use super::turn::{self, Done, check, closed, ready, timed_out, unless_closed};
use crate::netpoll::PollDesc;
use crate::netpoll::side::{CLOSED, NO_DEADLINE, Side};
use crate::sched::{park, poller};
use crate::sys::clock::{self, NEVER};

/// Which half of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dir {
    Read,
    Write,
}

/// A half's own state.
struct Half {
    seat: Seat,
    /// Nanoseconds that an operation may take; 0 for any.
    timeout: AtomicU64,
    /// See the module. Written by who is in the seat.
    exhausted: AtomicBool,
}

impl Half {
    fn new() -> Self {
        Self { seat: Seat::new(), timeout: AtomicU64::new(0), exhausted: AtomicBool::new(false) }
    }
}

struct Inner {
    /// Closed after `desc` was freed.
    fd: ManuallyDrop<OwnedFd>,
    desc: &'static PollDesc,
    registering: Mutex<()>,
    read: Half,
    write: Half,
    nonblocking: AtomicBool,
    /// Of a listener, whether the kernel's mode is not ours any more. Held for reading by who relies on it.
    shared: RwLock<bool>,
}

impl Inner {
    /// Ends the runtime's part.
    fn release(&mut self) -> OwnedFd {
        self.desc.free(self.fd.as_fd());
        // SAFETY: called once, by `drop` or instead of it.
        unsafe { ManuallyDrop::take(&mut self.fd) }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.release());
    }
}

/// A socket and its clones.
#[derive(Clone)]
pub(super) struct Socket(Arc<Inner>);

// As std's. A panic leaves nothing half done: the seat is given up, and all else is a word at a time.
impl UnwindSafe for Socket {}
impl RefUnwindSafe for Socket {}

/// std's view of a socket that stays ours: for options and addresses, which gort adds nothing to.
pub(super) struct View<'a, T> {
    std: ManuallyDrop<T>,
    _socket: &'a Socket,
}

impl<T> Deref for View<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.std
    }
}

impl Socket {
    /// Takes over a descriptor.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let desc = PollDesc::alloc()?;
        Ok(Self(Arc::new(Inner {
            fd: ManuallyDrop::new(fd),
            desc,
            registering: Mutex::new(()),
            read: Half::new(),
            write: Half::new(),
            nonblocking: AtomicBool::new(false),
            shared: RwLock::new(false),
        })))
    }

    /// Takes over a descriptor whose mode and timeouts are the user's choice. `listens`: the kernel's mode is ours.
    ///
    /// # Panics
    /// When there is no descriptor that the netpoller could give: a million are open.
    pub(super) fn from_std(fd: OwnedFd, listens: bool) -> Self {
        let mode = calls::is_nonblocking(fd.as_fd());
        if listens {
            let _ = calls::set_nonblocking(fd.as_fd(), true);
        }
        let socket = Self::new(fd).expect("as many sockets as descriptors");
        socket.0.nonblocking.store(mode, Ordering::Relaxed);
        // Of any socket: the options are the same for all.
        let kernel = socket.view::<std::net::UdpSocket>();
        for (dir, timeout) in [(Dir::Read, kernel.read_timeout()), (Dir::Write, kernel.write_timeout())] {
            let _ = socket.set_timeout(dir, timeout.ok().flatten());
        }
        socket
    }

    /// The descriptor in the user's mode, with the timeouts: this one if no clone needs it, else another of the same
    /// socket.
    pub(super) fn into_fd(self, listens: bool) -> io::Result<OwnedFd> {
        let timeouts = [self.timeout(Dir::Read), self.timeout(Dir::Write)];
        let nonblocking = !self.waits();
        let fd = match Arc::try_unwrap(self.0) {
            Ok(inner) => ManuallyDrop::new(inner).release(),
            Err(clones) => {
                // The other descriptor has the same mode.
                *clones.shared.write().unwrap_or_else(PoisonError::into_inner) = true;
                clones.fd.as_fd().try_clone_to_owned()?
            }
        };
        if listens {
            calls::set_nonblocking(fd.as_fd(), nonblocking)?;
        }
        // As above. No socket refuses them.
        let kernel = std::net::UdpSocket::from(fd);
        let _ = kernel.set_read_timeout(timeouts[0]);
        let _ = kernel.set_write_timeout(timeouts[1]);
        Ok(kernel.into())
    }

    /// [`Socket::into_fd`] for conversions that cannot fail.
    ///
    /// # Panics
    /// When a clone needs the descriptor and the process may open no other.
    pub(super) fn into_std<T: From<OwnedFd>>(self, listens: bool) -> T {
        T::from(self.into_fd(listens).expect("a descriptor for a socket that has clones"))
    }

    /// std's view of it.
    pub(super) fn view<T: From<OwnedFd>>(&self) -> View<'_, T> {
        // SAFETY: the descriptor is open while we are, and the view never drops its owner.
        let fd = unsafe { OwnedFd::from_raw_fd(self.0.fd.as_raw_fd()) };
        View { std: ManuallyDrop::new(T::from(fd)), _socket: self }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }

    fn half(&self, dir: Dir) -> (&Half, &'static Side) {
        match dir {
            Dir::Read => (&self.0.read, &self.0.desc.read),
            Dir::Write => (&self.0.write, &self.0.desc.write),
        }
    }

    pub(super) fn set_nonblocking(&self, on: bool) {
        self.0.nonblocking.store(on, Ordering::Relaxed);
    }

    /// Whether it is in blocking mode.
    pub(super) fn waits(&self) -> bool {
        !self.0.nonblocking.load(Ordering::Relaxed)
    }

    /// As std has it: zero is no time-out.
    pub(super) fn set_timeout(&self, dir: Dir, timeout: Option<Duration>) -> io::Result<()> {
        let nanos = match timeout {
            None => 0,
            Some(Duration::ZERO) => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout"));
            }
            Some(d) => u64::try_from(d.as_nanos()).unwrap_or(u64::MAX),
        };
        self.half(dir).0.timeout.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn timeout(&self, dir: Dir) -> Option<Duration> {
        match self.half(dir).0.timeout.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Go: `SetReadDeadline`, `SetWriteDeadline`.
    pub(super) fn set_deadline(&self, dir: Dir, deadline: Option<Instant>) {
        let when = deadline.map_or(NO_DEADLINE, |when| clock::at(when).clamp(CLOSED + 1, NO_DEADLINE - 1));
        let (half, side) = self.half(dir);
        ready(side.set_deadline(when));
        half.seat.look_again();
    }

    pub(super) fn deadline(&self, dir: Dir) -> u64 {
        self.half(dir).1.deadline()
    }

    /// Every operation under way, and every later one, fails. Go: `FD.Close`, but that the number of the
    /// descriptor is free only when the socket is dropped.
    pub(super) fn close(&self) {
        for dir in [Dir::Read, Dir::Write] {
            let (half, side) = self.half(dir);
            ready(side.close());
            half.seat.look_again();
        }
        calls::shutdown(self.fd());
    }

    /// What the kernel tells is of the peer, unless the socket was closed here meanwhile.
    #[cold]
    pub(super) fn check_open(&self) -> io::Result<()> {
        let (_, side) = self.half(Dir::Read);
        if side.deadline() == CLOSED { Err(closed()) } else { Ok(()) }
    }

    /// Runs `call` until it does not block. `timeout` is that of the half, or the operation's own.
    #[inline]
    pub(super) fn run<R>(&self, dir: Dir, mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let mut more = move || call().map(Done::More);
        self.operate(dir, Timeout::OfHalf, &mut more)
    }

    /// [`Socket::run`] for a call that can tell when the socket is exhausted.
    #[inline]
    pub(super) fn run_stream<R>(
        &self,
        dir: Dir,
        mut call: impl FnMut() -> io::Result<Done<R>>,
    ) -> io::Result<R> {
        self.operate(dir, Timeout::OfHalf, &mut call)
    }

    /// Runs `call` once; none when it would block, unless the socket is in non-blocking mode.
    pub(super) fn attempt<R>(
        &self,
        dir: Dir,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> io::Result<Option<R>> {
        let waits = self.waits();
        self.run(dir, || match call() {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && waits => Ok(None),
            other => other.map(Some),
        })
    }

    /// While this is held the kernel's mode is ours; none when it is shared. See `accept`.
    pub(super) fn ours_alone(&self) -> Option<RwLockReadGuard<'_, bool>> {
        let shared = self.0.shared.read().unwrap_or_else(PoisonError::into_inner);
        (!*shared).then_some(shared)
    }

    /// Runs `call` until it does not block or until `deadline`.
    pub(super) fn run_until<R>(
        &self,
        dir: Dir,
        deadline: u64,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        let mut more = move || call().map(Done::More);
        self.operate(dir, Timeout::Until(deadline), &mut more)
    }

    fn operate<R>(
        &self,
        dir: Dir,
        timeout: Timeout,
        call: &mut impl FnMut() -> io::Result<Done<R>>,
    ) -> io::Result<R> {
        park::check_preempt();
        let (half, side) = self.half(dir);
        check(side)?;
        if !self.waits() && matches!(timeout, Timeout::OfHalf) {
            return loop {
                match call() {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Ok(Done::More(r) | Done::Exhausted(r)) => break Ok(r),
                    Err(e) => break Err(unless_closed(side, e)),
                }
            };
        }
        let until = timeout.start(half);
        let _seated = match half.seat.try_take() {
            Some(seated) => seated,
            None => self.take_seat(dir, until)?,
        };
        turn::run(side, &half.exhausted, until, call, || self.register())
    }

    #[cold]
    fn take_seat(&self, dir: Dir, until: u64) -> io::Result<Seated<'_>> {
        let (half, side) = self.half(dir);
        loop {
            let looks = half.seat.looks();
            check(side)?;
            if let Some(seated) = half.seat.wait(until.min(side.deadline()), looks) {
                return Ok(seated);
            }
            if until != NEVER && clock::nanotime() >= until {
                return Err(timed_out());
            }
        }
    }

    #[inline]
    fn register(&self) -> io::Result<()> {
        if self.0.desc.is_registered() { Ok(()) } else { self.register_slow() }
    }

    #[cold]
    fn register_slow(&self) -> io::Result<()> {
        let _registering = self.0.registering.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.0.desc.is_registered() {
            self.0.desc.register(self.fd())?;
            poller::registered();
        }
        Ok(())
    }
}

/// How long an operation may take.
#[derive(Clone, Copy)]
enum Timeout {
    OfHalf,
    Until(u64),
}

impl Timeout {
    #[inline]
    fn start(self, half: &Half) -> u64 {
        match self {
            Timeout::Until(until) => until,
            Timeout::OfHalf => match half.timeout.load(Ordering::Relaxed) {
                0 => NEVER,
                nanos => clock::nanotime().saturating_add(nanos),
            },
        }
    }
}
