//! Datagrams within the machine. Go: net/unixsock.go `UnixConn` of "unixgram".
//!
//! Such a send waits while the *receiver's* queue is full. The kernel tells the sender when there is room only
//! if the two are connected. For others there is no event to wait for: the send is tried again after pauses.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net as std_unix;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::calls;
use super::descriptor::{deadlines, delegate, descriptor};
use super::pauses::Pauses;
use super::socket::{Dir, Socket, View};
use crate::sys::clock::{self, NEVER};

/// A Unix datagram socket: [`std::os::unix::net::UnixDatagram`], whose operations make a goroutine wait and not its
/// thread.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// let (a, b) = gort::net::UnixDatagram::pair()?;
/// gort::go!(move || a.send(b"hello"));
/// let mut buf = [0; 8];
/// assert_eq!(b.recv(&mut buf)?, 5);
/// # Ok(())
/// # }).unwrap();
/// ```
/// Sockets with addresses:
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::os::linux::net::SocketAddrExt;
/// use gort::net::{Shutdown, UnixDatagram};
/// use gort::net::unix::SocketAddr;
///
/// let path = std::env::temp_dir().join(format!("gort-datagram-{}", std::process::id()));
/// let server = UnixDatagram::bind(&path)?;
/// // A name that is no file's.
/// let name = SocketAddr::from_abstract_name(format!("gort-datagram-{}", std::process::id()))?;
/// let client = UnixDatagram::bind_addr(&name)?;
/// let mut buf = [0; 8];
///
/// client.send_to(b"hello", &path)?;
/// let (n, sender) = server.recv_from(&mut buf)?;
/// assert_eq!((n, sender.as_abstract_name()), (5, name.as_abstract_name()));
/// server.send_to_addr(b"bye", &sender)?;
/// assert_eq!(client.recv(&mut buf)?, 3);
///
/// let other = UnixDatagram::unbound()?;
/// other.connect_addr(&name)?;
/// other.connect(&path)?;
/// assert_eq!(other.peer_addr()?.as_pathname(), Some(&*path));
/// assert!(other.local_addr()?.is_unnamed());
/// other.send(b"hello")?;
/// assert_eq!(server.recv(&mut buf)?, 5);
/// other.shutdown(Shutdown::Both)?;
/// assert!(other.send(b"hello").is_err());
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
/// use std::io::ErrorKind;
/// use std::time::{Duration, Instant};
///
/// let (a, b) = gort::net::UnixDatagram::pair()?;
///
/// a.set_read_timeout(Some(Duration::from_micros(50)))?;
/// a.set_write_timeout(Some(Duration::from_secs(1)))?;
/// assert_eq!(a.read_timeout()?, Some(Duration::from_micros(50)));
/// assert_eq!(a.write_timeout()?, Some(Duration::from_secs(1)));
/// assert_eq!(a.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
/// a.set_read_timeout(None)?;
///
/// a.set_read_deadline(Some(Instant::now()))?;
/// assert_eq!(a.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
/// a.set_write_deadline(Some(Instant::now()))?;
/// assert_eq!(a.send(b"late").unwrap_err().kind(), ErrorKind::TimedOut);
/// // Both at once: from now on there is none.
/// a.set_deadline(None)?;
///
/// a.set_nonblocking(true)?;
/// assert_eq!(a.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
/// a.set_nonblocking(false)?;
///
/// b.send(b"hello")?;
/// // Waiting needs no buffer.
/// a.wait_readable()?;
/// assert_eq!(a.recv(&mut [0; 8])?, 5);
///
/// let same = a.try_clone()?;
/// let receives = gort::spawn(move || same.recv(&mut [0; 8]));
/// a.close();
/// assert_eq!(receives.join().unwrap().unwrap_err().kind(), ErrorKind::NotConnected);
/// assert!(b.take_error()?.is_none());
/// # Ok(())
/// # }).unwrap();
/// ```
pub struct UnixDatagram(Socket);

descriptor!(UnixDatagram, std_unix::UnixDatagram, listens: false);
deadlines!(UnixDatagram);

impl UnixDatagram {
    /// A socket at a path, which must not exist yet and stays when the socket is dropped.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        crate::sched::current::require_runtime();
        Self::adopt(std_unix::UnixDatagram::bind(path)?.into())
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
        Self::adopt(std_unix::UnixDatagram::bind_addr(addr)?.into())
    }

    /// A socket without an address.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    pub fn unbound() -> io::Result<Self> {
        crate::sched::current::require_runtime();
        Self::adopt(std_unix::UnixDatagram::unbound()?.into())
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
        let (a, b) = std_unix::UnixDatagram::pair()?;
        Ok((Self::adopt(a.into())?, Self::adopt(b.into())?))
    }

    /// From now on datagrams go to the socket at a path.
    ///
    /// # Errors
    /// The kernel's.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.std().connect(path)
    }

    /// The next datagram, cut to the length of `buf`, and its sender; waits for one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Dir::Read, || match calls::recv_from(self.as_fd(), buf, 0) {
            Err(e) if self.is_at_end(&e) => {
                self.0.check_open()?;
                Ok((0, SocketAddr::from_pathname("")?))
            }
            other => other,
        })
    }

    /// The next datagram, cut to the length of `buf`; waits for one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Dir::Read, || match calls::recv(self.as_fd(), buf, 0) {
            Err(e) if self.is_at_end(&e) => self.0.check_open().map(|()| 0),
            other => other,
        })
    }

    /// Sends a datagram to the socket at a path; waits while that one's queue is full.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
    }

    /// [`send_to`](Self::send_to) an address.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        self.send_unconnected(|| calls::send_to(self.as_fd(), buf, addr))
    }

    /// Sends a datagram to the socket that this one is connected to; waits while that one's queue is full.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.run(Dir::Write, || calls::send(self.as_fd(), buf))
    }

    /// Ends one direction or both.
    ///
    /// # Errors
    /// The kernel's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.std().shutdown(how)
    }

    /// A socket that was shut down gives nothing, without an error, to who is ready to wait. To others the kernel
    /// does not tell the end from an empty queue.
    fn is_at_end(&self, e: &io::Error) -> bool {
        e.kind() == io::ErrorKind::WouldBlock && self.0.waits() && calls::is_shut(self.as_fd())
    }

    /// Sends without an event to wait for: see the module.
    fn send_unconnected(&self, send: impl Fn() -> io::Result<usize>) -> io::Result<usize> {
        let mut pauses = None;
        let until = match self.0.timeout(Dir::Write) {
            Some(timeout) => clock::after(timeout),
            None => NEVER,
        };
        loop {
            if let Some(sent) = self.0.attempt(Dir::Write, &send)? {
                return Ok(sent);
            }
            if clock::nanotime() >= until {
                return Err(io::Error::from_raw_os_error(libc::EAGAIN));
            }
            pauses.get_or_insert_with(Pauses::new).pause(until.min(self.0.deadline(Dir::Write)));
        }
    }
}

delegate! { UnixDatagram, "std::os::unix::net::UnixDatagram";
    connect_addr(addr: &SocketAddr) -> ();
    local_addr() -> SocketAddr;
    peer_addr() -> SocketAddr;
}
