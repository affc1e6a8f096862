//! The system calls that std does not offer in this shape: reads and writes that do not wait whatever mode the
//! descriptor is in, and raise no SIGPIPE.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::addr::{Address, Raw};

fn check(n: isize) -> io::Result<usize> {
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n as usize) }
}

/// recv(2). `flags`: beside `MSG_DONTWAIT`.
#[inline]
pub(super) fn recv(fd: BorrowedFd<'_>, buf: &mut [u8], flags: i32) -> io::Result<usize> {
    let flags = flags | libc::MSG_DONTWAIT;
    // SAFETY: the buffer is valid for writes of its length.
    check(unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
}

/// send(2).
#[inline]
pub(super) fn send(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the buffer is valid for reads of its length.
    check(unsafe { libc::send(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len(), flags) })
}

/// recvfrom(2).
pub(super) fn recv_from<A: Address>(
    fd: BorrowedFd<'_>,
    buf: &mut [u8],
    flags: i32,
) -> io::Result<(usize, A)> {
    let flags = flags | libc::MSG_DONTWAIT;
    let mut raw = Raw::zeroed();
    let mut length = size_of::<Raw>() as libc::socklen_t;
    // SAFETY: the buffer is valid for writes of its length, and so is the room for the address.
    let n = check(unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            buf.as_mut_ptr().cast(),
            buf.len(),
            flags,
            (&raw mut raw).cast(),
            &raw mut length,
        )
    })?;
    Ok((n, A::from_raw(&raw, length as usize)?))
}

/// sendto(2).
pub(super) fn send_to(fd: BorrowedFd<'_>, buf: &[u8], addr: &impl Address) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let (raw, length) = addr.to_raw();
    // SAFETY: the buffer is valid for reads of its length, and so is the address.
    check(unsafe {
        libc::sendto(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len(), flags, (&raw const raw).cast(), length)
    })
}

/// A Unix stream socket in non-blocking mode.
pub(super) fn unix_stream() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    check(fd as isize)?;
    // SAFETY: a new descriptor, which is ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// connect(2).
pub(super) fn connect(fd: BorrowedFd<'_>, addr: &impl Address) -> io::Result<()> {
    let (raw, length) = addr.to_raw();
    // SAFETY: the address is valid for reads of its length.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const raw).cast(), length) } as isize).map(drop)
}

/// How many descriptors the process may have open.
pub(super) fn descriptor_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: valid for writes.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } as isize).ok()?;
    Some(limit.rlim_cur)
}

/// As many connections as the kernel allows may wait for `accept`, as in Go: std's 128 are not enough for thousands that
/// come at once, of which the kernel then loses first packets. Go: sock_linux.go `maxListenerBacklog`.
pub(super) fn listen_long(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no memory is passed. The kernel clamps the number to `net.core.somaxconn`.
    check(unsafe { libc::listen(fd.as_raw_fd(), libc::c_int::MAX) } as isize).map(drop)
}

/// The most buffers that one call takes; std passes no more either.
pub(super) const IOV_MAX: usize = 1024;

fn message(buffers: *mut libc::iovec, n: usize) -> libc::msghdr {
    // SAFETY: all zero is a valid message: no address, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers;
    message.msg_iovlen = n.min(IOV_MAX) as _;
    message
}

/// readv(2) that does not wait.
pub(super) fn recv_vectored(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut message = message(bufs.as_mut_ptr().cast(), bufs.len());
    // SAFETY: `IoSliceMut` has the layout of an iovec of a buffer that is valid for writes.
    check(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })
}

/// writev(2) that does not wait.
pub(super) fn send_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let message = message(bufs.as_ptr().cast_mut().cast(), bufs.len());
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `IoSlice` has the layout of an iovec of a buffer that is valid for reads; sendmsg only reads.
    check(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) })
}

/// Whether the socket can be read without waiting: it has data, or is at its end, or has an error.
pub(super) fn is_readable(fd: BorrowedFd<'_>) -> io::Result<bool> {
    poll(fd, libc::POLLIN | libc::POLLRDHUP)
}

/// Whether nothing more will come.
pub(super) fn is_shut(fd: BorrowedFd<'_>) -> bool {
    poll(fd, libc::POLLRDHUP).unwrap_or(false)
}

fn poll(fd: BorrowedFd<'_>, events: i16) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
    // SAFETY: one valid pollfd.
    Ok(check(unsafe { libc::poll(&raw mut poll, 1, 0) } as isize)? > 0)
}

/// shutdown(2) of both directions, as far as the socket has any.
pub(super) fn shutdown(fd: BorrowedFd<'_>) {
    // SAFETY: no memory is involved. It fails for a socket that is not connected, which is as good.
    unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RDWR) };
}

pub(super) fn is_nonblocking(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: no memory is involved.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}

pub(super) fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let mut on = libc::c_int::from(on);
    // SAFETY: FIONBIO reads one int.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &raw mut on) } as isize).map(drop)
}

/// `TCP_QUICKACK`, which std has since 1.89 only.
pub(super) fn set_quickack(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let on = libc::c_int::from(on);
    // SAFETY: the kernel reads one int.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_QUICKACK,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    check(done as isize).map(drop)
}

pub(super) fn quickack(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut on: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes one int, and its length.
    let done = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_QUICKACK,
            (&raw mut on).cast(),
            &raw mut length,
        )
    };
    check(done as isize)?;
    Ok(on != 0)
}
