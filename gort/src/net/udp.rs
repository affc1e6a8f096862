//! UDP. Go: net/udpsock.go `UDPConn`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use super::calls;
use super::descriptor::{deadlines, delegate, descriptor};
use super::resolve::{each_address, look_up};
use super::socket::{Dir, Socket, View};

/// A UDP socket: [`std::net::UdpSocket`], whose operations make a goroutine wait and not its thread.
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use gort::net::UdpSocket;
///
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?;
/// gort::go!(move || {
///     let mut buf = [0; 1500];
///     let (n, peer) = server.recv_from(&mut buf).unwrap();
///     server.send_to(&buf[..n], peer).unwrap();
/// });
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"ping", address)?;
/// let mut buf = [0; 8];
/// assert_eq!(client.recv(&mut buf)?, 4);
/// # Ok(())
/// # }).unwrap();
/// ```
/// Sockets that are connected to each other:
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use gort::net::UdpSocket;
///
/// let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// a.connect(b.local_addr()?)?;
/// b.connect(a.local_addr()?)?;
/// assert_eq!(a.peer_addr()?, b.local_addr()?);
/// a.send(b"hello")?;
/// let mut buf = [0; 8];
/// // The datagram stays until it is received.
/// assert_eq!(b.peek(&mut buf)?, 5);
/// assert_eq!(b.peek_from(&mut buf)?, (5, a.local_addr()?));
/// assert_eq!(b.recv(&mut buf)?, 5);
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
/// use gort::net::UdpSocket;
///
/// let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// a.connect(b.local_addr()?)?;
/// b.connect(a.local_addr()?)?;
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
///
/// Options, which are std's:
///
/// ```
/// # unsafe { gort::boot(gort::Options::default()).unwrap() };
/// # gort::run(|| -> std::io::Result<()> {
/// use gort::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
///
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// socket.set_broadcast(true)?;
/// assert!(socket.broadcast()?);
/// socket.set_ttl(64)?;
/// assert_eq!(socket.ttl()?, 64);
/// socket.set_multicast_loop_v4(false)?;
/// assert!(!socket.multicast_loop_v4()?);
/// socket.set_multicast_ttl_v4(2)?;
/// assert_eq!(socket.multicast_ttl_v4()?, 2);
/// let group = Ipv4Addr::new(224, 0, 0, 123);
/// socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
/// socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
///
/// // Machines without IPv6 exist.
/// if let Ok(socket) = UdpSocket::bind("[::1]:0") {
///     socket.set_multicast_loop_v6(false)?;
///     assert!(!socket.multicast_loop_v6()?);
///     let group = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 0x123);
///     socket.join_multicast_v6(&group, 1)?;
///     socket.leave_multicast_v6(&group, 1)?;
/// }
/// # Ok(())
/// # }).unwrap();
/// ```
#[doc(alias = "UDPConn")]
pub struct UdpSocket(Socket);

descriptor!(UdpSocket, std::net::UdpSocket, listens: false);
deadlines!(UdpSocket);

impl UdpSocket {
    /// Binds to the first of the addresses that is free.
    ///
    /// # Errors
    /// That of the last address, or of the look-up.
    ///
    /// # Panics
    /// When no runtime runs.
    #[doc(alias = "ListenPacket")]
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        Self::adopt(each_address(addr, std::net::UdpSocket::bind)?.into())
    }

    /// The next datagram, cut to the length of `buf`, and its sender; waits for one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Dir::Read, || calls::recv_from(self.as_fd(), buf, 0))
    }

    /// As [`recv_from`](Self::recv_from); the datagram stays.
    ///
    /// # Errors
    /// The kernel's.
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Dir::Read, || calls::recv_from(self.as_fd(), buf, libc::MSG_PEEK))
    }

    /// Sends a datagram to the first of the addresses.
    ///
    /// # Errors
    /// The kernel's; [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let addr = look_up(&addr, |mut addresses| addresses.next())?;
        let Some(addr) = addr else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to"));
        };
        self.0.run(Dir::Write, || calls::send_to(self.as_fd(), buf, &addr))
    }

    /// From now on datagrams go to, and come from, the first of the addresses that can be.
    ///
    /// # Errors
    /// That of the last address, or of the look-up.
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        each_address(addr, |addr| self.std().connect(addr))
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.run(Dir::Write, || calls::send(self.as_fd(), buf))
    }

    /// The next datagram, cut to the length of `buf`; waits for one.
    ///
    /// # Errors
    /// The kernel's; of a connected socket also that an earlier datagram was refused.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Dir::Read, || calls::recv(self.as_fd(), buf, 0))
    }

    /// As [`recv`](Self::recv); the datagram stays.
    ///
    /// # Errors
    /// The kernel's.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Dir::Read, || calls::recv(self.as_fd(), buf, libc::MSG_PEEK))
    }
}

delegate! { UdpSocket, "std::net::UdpSocket";
    peer_addr() -> SocketAddr;
    local_addr() -> SocketAddr;
    set_broadcast(on: bool) -> ();
    broadcast() -> bool;
    set_multicast_loop_v4(on: bool) -> ();
    multicast_loop_v4() -> bool;
    set_multicast_ttl_v4(ttl: u32) -> ();
    multicast_ttl_v4() -> u32;
    set_multicast_loop_v6(on: bool) -> ();
    multicast_loop_v6() -> bool;
    set_ttl(ttl: u32) -> ();
    ttl() -> u32;
    join_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    join_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
    leave_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    leave_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
}
