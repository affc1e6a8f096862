//! Connections within the machine. Go: net/unixsock.go `UnixConn`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net as std_unix;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::calls;
use super::descriptor::{deadlines, delegate, descriptor, stream_io};
use super::pauses::Pauses;
use super::socket::{Dir, Socket, View};
use crate::sys::clock::NEVER;

/// A Unix stream socket: [`std::os::unix::net::UnixStream`], whose operations make a goroutine wait and not its
/// thread.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::io::{Read, Write};
///
/// let (mut a, mut b) = gort::net::UnixStream::pair()?;
/// gort::go!(move || a.write_all(b"hello"));
/// let mut text = String::new();
/// b.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }).unwrap();
/// ```
/// Addresses and half a shutdown:
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::io::{Read, Write};
/// use gort::net::{Shutdown, UnixListener, UnixStream};
/// use gort::net::unix::SocketAddr;
///
/// let path = std::env::temp_dir().join(format!("gort-stream-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let mut a = UnixStream::connect(&path)?;
/// let (mut b, _) = listener.accept()?;
/// assert_eq!(a.peer_addr()?.as_pathname(), Some(&*path));
/// assert!(a.local_addr()?.is_unnamed());
///
/// a.write_all(b"hello")?;
/// a.shutdown(Shutdown::Write)?;
/// let mut text = String::new();
/// b.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
///
/// UnixStream::connect_addr(&SocketAddr::from_pathname(&path)?)?;
/// std::fs::remove_file(&path)?;
/// # Ok(())
/// # }).unwrap();
/// ```
///
/// Timeouts, deadlines and the end by another goroutine:
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::io::{ErrorKind, Read, Write};
/// use std::time::{Duration, Instant};
///
/// let (mut a, mut b) = gort::net::UnixStream::pair()?;
///
/// a.set_read_timeout(Some(Duration::from_micros(50)))?;
/// a.set_write_timeout(Some(Duration::from_secs(1)))?;
/// assert_eq!(a.read_timeout()?, Some(Duration::from_micros(50)));
/// assert_eq!(a.write_timeout()?, Some(Duration::from_secs(1)));
/// assert_eq!(a.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
/// a.set_read_timeout(None)?;
///
/// a.set_read_deadline(Some(Instant::now()))?;
/// assert_eq!(a.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
/// a.set_write_deadline(Some(Instant::now()))?;
/// assert_eq!(a.write(b"late").unwrap_err().kind(), ErrorKind::TimedOut);
/// // Both at once: from now on there is none.
/// a.set_deadline(None)?;
///
/// a.set_nonblocking(true)?;
/// assert_eq!(a.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
/// a.set_nonblocking(false)?;
///
/// let mut same = a.try_clone()?;
/// let reads = gort::spawn(move || same.read(&mut [0; 8]));
/// a.close();
/// assert_eq!(reads.join().unwrap().unwrap_err().kind(), ErrorKind::NotConnected);
/// // The peer sees the end. Waiting for that needs no buffer.
/// b.wait_readable()?;
/// assert_eq!(b.read(&mut [0; 8])?, 0);
/// assert!(b.take_error()?.is_none());
/// # Ok(())
/// # }).unwrap();
/// ```
#[doc(alias = "UnixConn")]
pub struct UnixStream(Socket);

descriptor!(UnixStream, std_unix::UnixStream, listens: false);
deadlines!(UnixStream);
stream_io!(UnixStream, hints: false);

impl UnixStream {
    /// Connects to the listener at a path. While that one's queue is full the caller waits: it tries again after pauses
    /// that grow, as the kernel does not tell when there is room.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// [`connect`](Self::connect) to an address.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn connect_addr(addr: &SocketAddr) -> io::Result<Self> {
        crate::sched::current::require_runtime();
        let fd = calls::unix_stream()?;
        let mut pauses = None;
        loop {
            match calls::connect(fd.as_fd(), addr) {
                Ok(()) => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    pauses.get_or_insert_with(Pauses::new).pause(NEVER);
                }
                Err(e) => return Err(e),
            }
        }
        calls::set_nonblocking(fd.as_fd(), false)?;
        Self::adopt(fd)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn pair() -> io::Result<(Self, Self)> {
        crate::sched::current::require_runtime();
        let (a, b) = std_unix::UnixStream::pair()?;
        Ok((Self::adopt(a.into())?, Self::adopt(b.into())?))
    }

    /// Ends one direction or both.
    ///
    /// # Errors
    /// The kernel's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.std().shutdown(how)
    }
}

delegate! { UnixStream, "std::os::unix::net::UnixStream";
    local_addr() -> SocketAddr;
    peer_addr() -> SocketAddr;
}
