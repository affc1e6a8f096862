//! Registration, and the wait. See the module above.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use mio::unix::SourceFd;
use mio::{Interest, Token};

use super::side::Side;
use super::slab;
use super::taken;
use super::under_way::UnderWay;
use crate::g::G;
use crate::sys::clock::{self, NEVER};

/// Events that are taken from the kernel at once.
const EVENTS: usize = 128;
/// The token of what ends a wait from outside.
const WAKE: Token = Token(usize::MAX);

struct Netpoll {
    poll: mio::Poll,
    waker: mio::Waker,
}

static NETPOLL: OnceLock<Netpoll> = OnceLock::new();
/// Sockets that are registered.
static REGISTERED: AtomicU32 = AtomicU32::new(0);
/// Polls that have found something and whose caller has not dealt with it yet.
static UNDER_WAY: UnderWay = UnderWay::new();
/// When an M last asked the kernel, or began to wait there.
static LAST_POLL: AtomicU64 = AtomicU64::new(0);
/// The kernel has no `epoll_pwait2` (Linux before 5.11), or is not to be asked (`GODEBUG=noepollpwait2=1`): timeouts are
/// rounded up to milliseconds.
static NO_PWAIT2: AtomicBool = AtomicBool::new(false);

/// A socket, as the netpoller knows it. Go: `pollDesc`.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct PollDesc {
    pub(crate) read: Side,
    pub(crate) write: Side,
    index: u32,
    registered: AtomicBool,
}

impl PollDesc {
    pub(super) fn new(index: u32) -> Self {
        Self { read: Side::new(), write: Side::new(), index, registered: AtomicBool::new(false) }
    }

    /// One for a new socket.
    pub(crate) fn alloc() -> io::Result<&'static Self> {
        slab::alloc().ok_or_else(|| io::Error::from_raw_os_error(libc::EMFILE))
    }

    /// Whether events come. Acquire: pairs with the Release in `register`.
    #[inline]
    pub(crate) fn is_registered(&self) -> bool {
        self.registered.load(Ordering::Acquire)
    }

    /// From now on events of `fd` come here. The caller sees to it that this happens once.
    pub(crate) fn register(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let netpoll = started()?;
        let token = Token(self.index as usize | usize::from(self.read.generation()) << 32);
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        netpoll.poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), token, interest)?;
        REGISTERED.fetch_add(1, Ordering::Relaxed);
        self.registered.store(true, Ordering::Release);
        Ok(())
    }

    /// The socket `fd` is about to be closed, and nobody waits.
    pub(crate) fn free(&'static self, fd: BorrowedFd<'_>) {
        if self.registered.swap(false, Ordering::Relaxed) {
            if let Some(netpoll) = NETPOLL.get() {
                // It cannot fail for a descriptor that is open and registered.
                let _ = netpoll.poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()));
            }
            REGISTERED.fetch_sub(1, Ordering::Relaxed);
        }
        self.read.renew();
        self.write.renew();
        slab::free(self);
    }
}

/// At boot.
pub(crate) fn init(no_pwait2: bool) {
    NO_PWAIT2.store(no_pwait2, Ordering::Relaxed);
}

/// Starts the netpoller at the first call. Go: `netpollGenericInit`.
fn started() -> io::Result<&'static Netpoll> {
    if let Some(netpoll) = NETPOLL.get() {
        return Ok(netpoll);
    }
    let poll = mio::Poll::new()?;
    let waker = mio::Waker::new(poll.registry(), WAKE)?;
    // Who comes second drops what it has made.
    Ok(NETPOLL.get_or_init(|| Netpoll { poll, waker }))
}

/// Whether any socket is registered.
#[inline]
pub(crate) fn active() -> bool {
    REGISTERED.load(Ordering::Relaxed) > 0
}

/// When an M last polled.
#[inline]
pub(crate) fn last_poll() -> u64 {
    LAST_POLL.load(Ordering::Relaxed)
}

/// An M polls now.
#[inline]
pub(crate) fn polled(now: u64) {
    LAST_POLL.store(now, Ordering::Relaxed);
}

/// Whether a goroutine or thread waits for a socket, or is on its way from there to a queue: one that was
/// taken off and is not readied yet counts.
pub(crate) fn has_waiter() -> bool {
    active() && UNDER_WAY.or_waits(|| slab::any(|desc| desc.read.has_waiter() || desc.write.has_waiter()))
}

/// Ends the wait of an M in [`poll`], now or the next one. Go: `netpollBreak`.
pub(crate) fn wake() {
    if let Some(netpoll) = NETPOLL.get() {
        // An eventfd: it cannot fail but by a full counter, which mio empties.
        let _ = netpoll.waker.wake();
    }
}

/// Who is to be readied: goroutines and plain threads, each chosen for its waker, none of them runnable yet.
#[must_use]
pub(crate) struct Ready {
    gs: [Option<&'static G>; 2 * EVENTS],
    len: usize,
    counted: bool,
    /// Whether [`wake`] was noticed.
    pub(crate) woken: bool,
}

impl Ready {
    pub(crate) fn new() -> Self {
        Self { gs: [None; 2 * EVENTS], len: 0, counted: false, woken: false }
    }

    fn push(&mut self, g: Option<usize>) {
        if let Some(g) = g
            && let Some(gp) = taken(g)
        {
            self.gs[self.len] = Some(gp);
            self.len += 1;
        }
    }

    /// Before the first is taken off.
    fn count(&mut self) {
        if !std::mem::replace(&mut self.counted, true) {
            UNDER_WAY.begin();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static G> + '_ {
        self.gs[..self.len].iter().copied().flatten()
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if self.counted {
            UNDER_WAY.end();
        }
    }
}

/// Asks the kernel what has happened, and waits for it until `until` (0: not at all, [`NEVER`]: as long as it
/// takes, or until [`wake`]). `ready` is dropped when those in it are readied. Go: `netpoll`.
pub(crate) fn poll(until: u64, ready: &mut Ready) {
    let Some(netpoll) = NETPOLL.get() else { return };
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
    let n = wait(netpoll.poll.as_raw_fd(), &mut events, until);
    for event in &events[..n] {
        let (flags, token) = (event.events as i32, event.u64);
        if token == WAKE.0 as u64 {
            ready.woken = true;
            continue;
        }
        let Some(desc) = slab::get(token as u32) else { continue };
        ready.count();
        let generation = (token >> 32) as u16;
        // No further event need come after one of these; `EPOLLPRI`: bytes after urgent data raise none.
        let last = flags & (libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP | libc::EPOLLPRI) != 0;
        if flags & libc::EPOLLIN != 0 || last {
            ready.push(desc.read.event(generation, last));
        }
        let last = flags & (libc::EPOLLHUP | libc::EPOLLERR) != 0;
        if flags & libc::EPOLLOUT != 0 || last {
            ready.push(desc.write.event(generation, last));
        }
    }
}

/// A time for `epoll_wait`, never shorter than `nanos`.
fn whole_millis(nanos: u64) -> i32 {
    i32::try_from(nanos.div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

/// The number of events that have come.
fn wait(epoll: i32, events: &mut [libc::epoll_event; EVENTS], until: u64) -> usize {
    loop {
        let left = match until {
            0 | NEVER => 0,
            _ => until.saturating_sub(clock::nanotime()),
        };
        let n = if until == 0 || NO_PWAIT2.load(Ordering::Relaxed) {
            let millis = match until {
                0 => 0,
                NEVER => -1,
                _ => whole_millis(left),
            };
            // SAFETY: `events` is valid for writes of its length.
            i64::from(unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), EVENTS as i32, millis) })
        } else {
            let timeout = clock::timespec(left);
            let timeout = if until == NEVER { std::ptr::null() } else { &raw const timeout };
            // SAFETY: as above; the time is null or valid, and so is a null signal mask.
            unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    epoll,
                    events.as_mut_ptr(),
                    EVENTS,
                    timeout,
                    std::ptr::null::<libc::sigset_t>(),
                    0usize,
                )
            }
        };
        if n >= 0 {
            return n as usize;
        }
        match io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) if until != 0 => {}
            Some(libc::ENOSYS | libc::EPERM) => NO_PWAIT2.store(true, Ordering::Relaxed),
            _ => return 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// How long a wait for nothing took, which may be long on a busy machine.
    fn waited(epoll: &mio::Poll, timeout: Duration) -> Duration {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let begun = Instant::now();
        assert_eq!(wait(epoll.as_raw_fd(), &mut events, clock::after(timeout)), 0);
        let took = begun.elapsed();
        assert!(took >= timeout, "{took:?} instead of {timeout:?}");
        took
    }

    #[test]
    fn milliseconds_are_rounded_up() {
        let rounded = [(0, 0), (1, 1), (200_000, 1), (1_000_000, 1), (1_000_001, 2), (u64::MAX, i32::MAX)];
        for (nanos, millis) in rounded {
            assert_eq!(whole_millis(nanos), millis, "{nanos}");
        }
    }

    /// One test, as it changes what holds of the process.
    #[test]
    fn waits_are_exact_or_rounded_up() {
        let epoll = mio::Poll::new().unwrap();
        let timeout = Duration::from_micros(200);
        // Once is enough: a wait that was rounded up is never as short. Where the kernel knows no better, all are.
        let exact = (0..1_000).any(|_| waited(&epoll, timeout) < Duration::from_millis(1));
        assert!(exact || NO_PWAIT2.load(Ordering::Relaxed), "all are rounded up");
        init(true);
        waited(&epoll, timeout);
        waited(&epoll, Duration::from_micros(1_200));
        init(false);
    }
}
