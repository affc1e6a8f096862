//! Accepting TCP connections. Go: net/tcpsock.go `TCPListener`.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Instant;

use super::calls;
use super::descriptor::descriptor;
use super::resolve::each_address;
use super::socket::{Dir, Socket, View};
use super::tcp_stream::TcpStream;

/// A socket that accepts TCP connections: [`std::net::TcpListener`], whose operations make a goroutine wait and
/// not its thread.
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
///     for stream in listener.incoming() {
///         let mut stream = stream.unwrap();
///         // A goroutine a connection, in straight lines.
///         gort::go!(move || {
///             let mut buf = [0; 4096];
///             while let Ok(n @ 1..) = stream.read(&mut buf) {
///                 if stream.write_all(&buf[..n]).is_err() { break }
///             }
///         });
///     }
/// });
/// let mut client = TcpStream::connect(address)?;
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
/// use std::time::{Duration, Instant};
/// use gort::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
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
///
/// listener.set_ttl(64)?;
/// assert_eq!(listener.ttl()?, 64);
/// assert!(listener.take_error()?.is_none());
/// # Ok(())
/// # }).unwrap();
/// ```
#[doc(alias = "TCPListener")]
pub struct TcpListener(Socket);

descriptor!(TcpListener, std::net::TcpListener, listens: true);

impl TcpListener {
    /// Listens at the first of the addresses that is free. Port 0 has the kernel choose one.
    ///
    /// # Errors
    /// That of the last address, or of the look-up.
    ///
    /// # Panics
    /// When no runtime runs.
    ///
    /// ```
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// assert_ne!(listener.local_addr().unwrap().port(), 0);
    /// ```
    #[doc(alias = "Listen")]
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        let listener = each_address(addr, std::net::TcpListener::bind)?;
        calls::listen_long(listener.as_fd())?;
        Self::adopt(listener.into())
    }

    /// The next connection and its peer's address; waits for one.
    ///
    /// # Errors
    /// The kernel's: also of a connection that was reset before it was accepted, or that the process has no
    /// descriptor for. The listener lives on, and the connection of the latter waits.
    #[doc(alias = "Accept")]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.accept(|| self.std().accept())?;
        Ok((TcpStream::adopt(stream.into())?, peer))
    }

    /// Connections, one after the other, without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.std().local_addr()
    }

    /// The time after which every [`accept`](Self::accept) fails with [`TimedOut`](io::ErrorKind::TimedOut), until
    /// it is moved; `None`: never. It holds for those that wait already too.
    ///
    /// Go: `TCPListener.SetDeadline`.
    ///
    /// # Errors
    /// None at present.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(Dir::Read, deadline);
        Ok(())
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

    /// Whether an IPv6 socket takes IPv6 only. std has it still, and gort for its sake.
    ///
    /// # Errors
    /// The kernel's: of a socket that is bound, as every listener is.
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// # unsafe { gort::boot(gort::Options::default()).unwrap() };
    /// # gort::run(|| {
    /// let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// assert!(listener.set_only_v6(true).is_err());
    /// // Nor has an IPv4 socket the option.
    /// assert!(listener.only_v6().is_err());
    /// # });
    /// ```
    #[deprecated(since = "0.1.0", note = "this option can only be set before the socket is bound")]
    #[allow(deprecated)]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.std().set_only_v6(only_v6)
    }

    /// Whether an IPv6 socket takes IPv6 only.
    ///
    /// # Errors
    /// The kernel's.
    #[deprecated(since = "0.1.0", note = "this option can only be set before the socket is bound")]
    #[allow(deprecated)]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.std().only_v6()
    }
}

/// See [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}
