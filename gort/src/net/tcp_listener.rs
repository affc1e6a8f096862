//! Accepting TCP connections. Go: net/tcpsock.go `TCPListener`.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Instant;

use super::descriptor::descriptor;
use super::resolve::on_system_stack;
use super::socket::{Dir, Socket, View};
use super::tcp_stream::TcpStream;

/// A socket that accepts TCP connections: [`std::net::TcpListener`], whose operations make a goroutine wait and
/// not its thread.
///
/// ```no_run
/// use std::io::{Read, Write};
///
/// #[gort::main]
/// fn main() -> std::io::Result<()> {
///     let listener = gort::net::TcpListener::bind("127.0.0.1:7")?;
///     for stream in listener.incoming() {
///         let mut stream = stream?;
///         // A goroutine a connection, in straight lines.
///         gort::go!(move || {
///             let mut buf = [0; 4096];
///             while let Ok(n @ 1..) = stream.read(&mut buf) {
///                 if stream.write_all(&buf[..n]).is_err() { break }
///             }
///         });
///     }
///     Ok(())
/// }
/// ```
#[doc(alias = "TCPListener")]
pub struct TcpListener(Socket);

descriptor!(TcpListener, std::net::TcpListener, nonblocking: true);

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
        Self::adopt(on_system_stack(|| std::net::TcpListener::bind(addr))?.into())
    }

    /// The next connection and its peer's address; waits for one.
    ///
    /// # Errors
    /// The kernel's: also of a connection that was reset before it was accepted, or that the process has no
    /// descriptor for. The listener lives on, and the connection of the latter waits.
    #[doc(alias = "Accept")]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.run(Dir::Read, || self.std().accept())?;
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
