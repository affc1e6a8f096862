//! Accepting connections within the machine. Go: net/unixsock.go `UnixListener`.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net as std_unix;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use super::calls;
use super::descriptor::{delegate, descriptor};
use super::socket::{Dir, Socket, View};
use super::unix_stream::UnixStream;

/// A Unix socket that accepts connections: [`std::os::unix::net::UnixListener`], whose operations make a goroutine
/// wait and not its thread.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::io::{Read, Write};
/// use gort::net::{UnixListener, UnixStream};
///
/// let path = std::env::temp_dir().join(format!("gort-listener-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// gort::go!(move || {
///     for stream in listener.incoming() {
///         let stream = stream.unwrap();
///         gort::go!(move || std::io::copy(&mut &stream, &mut &stream));
///     }
/// });
/// let mut client = UnixStream::connect(&path)?;
/// std::fs::remove_file(&path)?;
/// client.write_all(b"hello")?;
/// let mut echo = [0; 5];
/// client.read_exact(&mut echo)?;
/// assert_eq!(&echo, b"hello");
/// # Ok(())
/// # }).unwrap();
/// ```
///
/// Ways not to wait for a connection for good:
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::io::ErrorKind;
/// use std::os::linux::net::SocketAddrExt;
/// use std::time::{Duration, Instant};
/// use gort::net::UnixListener;
/// use gort::net::unix::SocketAddr;
///
/// // A name that is no file's.
/// let name = format!("gort-listener-{}", std::process::id());
/// let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
/// assert_eq!(listener.local_addr()?.as_abstract_name(), Some(name.as_bytes()));
/// listener.set_nonblocking(true)?;
/// assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
/// listener.set_nonblocking(false)?;
///
/// listener.set_deadline(Some(Instant::now() + Duration::from_millis(1)))?;
/// assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
/// listener.set_deadline(None)?;
///
/// let same = listener.try_clone()?;
/// let accepts = gort::spawn(move || same.accept().map(drop));
/// listener.close();
/// assert_eq!(accepts.join().unwrap().unwrap_err().kind(), ErrorKind::NotConnected);
/// assert!(listener.take_error()?.is_none());
/// # Ok(())
/// # }).unwrap();
/// ```
pub struct UnixListener(Socket);

descriptor!(UnixListener, std_unix::UnixListener, listens: true);

impl UnixListener {
    /// Listens at a path, which must not exist yet and stays when the listener is dropped.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        crate::sched::current::require_runtime();
        let listener = std_unix::UnixListener::bind(path)?;
        calls::listen_long(listener.as_fd())?;
        Self::adopt(listener.into())
    }

    /// [`bind`](Self::bind) to an address.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        crate::sched::current::require_runtime();
        let listener = std_unix::UnixListener::bind_addr(addr)?;
        calls::listen_long(listener.as_fd())?;
        Self::adopt(listener.into())
    }

    /// The next connection and its peer's address; waits for one.
    ///
    /// # Errors
    /// The kernel's. The listener lives on.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.0.accept(|| self.std().accept())?;
        Ok((UnixStream::adopt(stream.into())?, peer))
    }

    /// Connections, one after the other, without end.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    /// The time after which every [`accept`](Self::accept) fails; see
    /// [`TcpListener::set_deadline`](super::TcpListener::set_deadline).
    ///
    /// # Errors
    /// None at present.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(Dir::Read, deadline);
        Ok(())
    }
}

delegate! { UnixListener, "std::os::unix::net::UnixListener";
    local_addr() -> SocketAddr;
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> UnixIncoming<'a> {
        self.incoming()
    }
}

/// See [`UnixListener::incoming`].
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for UnixIncoming<'_> {}
