//! A TCP connection. Go: net/tcpsock.go `TCPConn`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use super::descriptor::{deadlines, descriptor, stream_io};
use super::resolve::each_address;
use super::socket::{Dir, Socket, View};
use crate::sys::clock::{self, NEVER};

/// A TCP connection: [`std::net::TcpStream`], whose operations make a goroutine wait and not its thread.
///
/// Any number of goroutines and plain threads may use one connection at a time. Those that read, and those that
/// write, wait for each other; a read and a write do not.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::io::{Read, Write};
/// use gort::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// gort::go!(move || {
///     let (mut stream, _) = listener.accept().unwrap();
///     stream.write_all(b"hello").unwrap();
/// });
/// let mut text = String::new();
/// TcpStream::connect(address)?.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }).unwrap();
/// ```
///
/// Addresses, options, `peek` and half a shutdown:
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use std::io::{Read, Write};
/// use std::time::Duration;
/// use gort::net::{Shutdown, TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut a = TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(5))?;
/// let (mut b, peer) = listener.accept()?;
/// assert_eq!((a.local_addr()?, a.peer_addr()?), (peer, b.local_addr()?));
///
/// a.set_nodelay(true)?;
/// assert!(a.nodelay()?);
/// a.set_ttl(64)?;
/// assert_eq!(a.ttl()?, 64);
/// a.set_quickack(true)?;
/// a.quickack()?;
///
/// a.write_all(b"hello")?;
/// a.shutdown(Shutdown::Write)?;
/// let mut first = [0];
/// b.peek(&mut first)?;
/// assert_eq!(&first, b"h");
/// let mut text = String::new();
/// b.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// // The other direction is open still.
/// b.write_all(b"bye")?;
/// a.read_exact(&mut [0; 3])?;
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
/// use gort::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut a = TcpStream::connect(listener.local_addr()?)?;
/// let (mut b, _) = listener.accept()?;
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
#[doc(alias = "TCPConn")]
pub struct TcpStream(Socket);

descriptor!(TcpStream, std::net::TcpStream, listens: false);
deadlines!(TcpStream);
stream_io!(TcpStream, hints: true);

impl TcpStream {
    /// Connects to the first of the addresses that answers. Neither looking up a name nor connecting stops other
    /// goroutines.
    ///
    /// # Errors
    /// That of the last address, or of the look-up.
    ///
    /// # Panics
    /// When no runtime runs.
    #[doc(alias = "Dial")]
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        each_address(addr, |addr| Self::connect_until(addr, NEVER))
    }

    /// Connects to one address, within `timeout`.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a timeout of zero, [`TimedOut`](io::ErrorKind::TimedOut)
    /// when the time is up, else the kernel's.
    ///
    /// # Panics
    /// When no runtime runs.
    #[doc(alias = "DialTimeout")]
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            // As std does, which looks at the time when it has to wait: the kernel's refusal comes first.
            mio::net::TcpStream::connect(*addr)?;
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout"));
        }
        Self::connect_until(*addr, clock::after(timeout)).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "connection timed out"),
            _ => e,
        })
    }

    fn connect_until(addr: SocketAddr, deadline: u64) -> io::Result<Self> {
        crate::sched::current::require_runtime();
        let connecting = mio::net::TcpStream::connect(addr)?;
        // SAFETY: mio has given up the descriptor.
        let stream = Self::adopt(unsafe { OwnedFd::from_raw_fd(connecting.into_raw_fd()) })?;
        stream.0.run_until(Dir::Write, deadline, || {
            if let Some(e) = stream.take_error()? {
                return Err(e);
            }
            match stream.peer_addr() {
                // Neither an error nor a peer: still on its way.
                Err(e) if e.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
                other => other.map(drop),
            }
        })?;
        super::calls::set_nonblocking(stream.as_fd(), false)?;
        Ok(stream)
    }

    /// The peer's address.
    ///
    /// # Errors
    /// The kernel's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.std().peer_addr()
    }

    /// The own address.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.std().local_addr()
    }

    /// Ends one direction or both: who waits in a read gets the end, the peer sees it too.
    ///
    /// # Errors
    /// The kernel's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.std().shutdown(how)
    }

    /// Reads and leaves what was read where it is.
    ///
    /// # Errors
    /// As a read's.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buf)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`). Off at first, as std has it and unlike Go.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.std().set_nodelay(nodelay)
    }

    /// What [`set_nodelay`](Self::set_nodelay) has set.
    ///
    /// # Errors
    /// The kernel's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.std().nodelay()
    }

    /// Hops that a packet may take (`IP_TTL`).
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.std().set_ttl(ttl)
    }

    /// What [`set_ttl`](Self::set_ttl) has set.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.std().ttl()
    }

    /// Whether the kernel acknowledges at once (`TCP_QUICKACK`); it may go back to its own ways later. In std a method
    /// of `std::os::linux::net::TcpStreamExt`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        super::calls::set_quickack(self.as_fd(), quickack)
    }

    /// What holds now of [`set_quickack`](Self::set_quickack).
    ///
    /// # Errors
    /// The kernel's.
    pub fn quickack(&self) -> io::Result<bool> {
        super::calls::quickack(self.as_fd())
    }
}
