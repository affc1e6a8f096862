//! Connections within the machine. Go: net/unixsock.go `UnixConn`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net as std_unix;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::descriptor::{deadlines, delegate, descriptor, stream_io};
use super::resolve::on_system_stack;
use super::socket::{Dir, Socket, View};

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
#[doc(alias = "UnixConn")]
pub struct UnixStream(Socket);

descriptor!(UnixStream, std_unix::UnixStream, nonblocking: false);
deadlines!(UnixStream);
stream_io!(UnixStream, hints: false);

impl UnixStream {
    /// Connects to the listener at a path. While that one's queue is full the caller waits, and nobody else.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let path = path.as_ref();
        Self::adopt(on_system_stack(|| std_unix::UnixStream::connect(path))?.into())
    }

    /// [`connect`](Self::connect) to an address.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn connect_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::adopt(on_system_stack(|| std_unix::UnixStream::connect_addr(addr))?.into())
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// The kernel's.
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
