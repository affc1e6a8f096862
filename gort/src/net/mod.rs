//! Sockets in blocking style, event-driven underneath: std's API, and what waits is the goroutine.
//!
//! A program for [`std::net`] becomes one with a goroutine a connection by changing its `use` lines. All that
//! module has besides sockets is here too. On plain threads everything works as well, once a runtime runs.
//!
//! What differs from std
//! - Timeouts count nanoseconds, not the kernel's ticks.
//! - [`try_clone`](TcpStream::try_clone) uses no second descriptor.
//! - There are absolute deadlines ([`TcpStream::set_deadline`]), [`close`](TcpStream::close) from another
//!   goroutine, and [`wait_readable`](TcpStream::wait_readable).

mod calls;
mod descriptor;
mod resolve;
mod seat;
mod socket;
mod stream;
mod tcp_listener;
mod tcp_stream;
mod udp;
mod unix_datagram;
mod unix_listener;
mod unix_stream;

pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
    ToSocketAddrs,
};
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::{UnixIncoming, UnixListener};
pub use unix_stream::UnixStream;

/// Unix sockets, under the names of [`std::os::unix::net`].
pub mod unix {
    pub use super::{UnixDatagram, UnixIncoming as Incoming, UnixListener, UnixStream};
    pub use std::os::unix::net::SocketAddr;
}
