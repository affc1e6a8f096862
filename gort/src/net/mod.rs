//! Sockets in blocking style, event-driven underneath: std's API, and what waits is the goroutine.
//!
//! A program for [`std::net`] becomes one with a goroutine a connection by changing its `use` lines. All that
//! module has besides sockets is here too. On plain threads everything works as well, once a runtime runs.
//!
//! What differs from std
//! - Timeouts count nanoseconds, not the kernel's ticks.
//! - [`try_clone`](TcpStream::try_clone) uses no second descriptor.
//! - Code that goes round the types, by `as_raw_fd` or a duplicate, finds two things otherwise than in std. The kernel
//!   is told of timeouts only when a socket is turned into std's type. And a listener's descriptor is in non-blocking mode,
//!   whatever was set, until then; if clones of the listener stay, they get on with what std's handle does.
//! - [`ToSocketAddrs`] is std's: [`to_socket_addrs`](ToSocketAddrs::to_socket_addrs) called by a program, unlike the
//!   look-ups of `connect`, `bind` and `send_to`, runs the C library on the goroutine's own stack. See
//!   [below](#looking-up-names).
//! - There are absolute deadlines ([`TcpStream::set_deadline`]), [`close`](TcpStream::close) from another
//!   goroutine, and [`wait_readable`](TcpStream::wait_readable).
//!
//! # Looking up names
//!
//! The C library looks up names, on the system stack of a thread, while other goroutines go on. 500 look-ups may be under
//! way at a time, as in Go, or fewer if the process may not open as many descriptors; who comes then waits for its turn.
//!
//! A program that wants the addresses themselves does well to use [`blocking_on_system_stack`]. On a goroutine's own stack
//! glibc 2.36 takes 16 KiB for `files` and `dns` of nsswitch.conf, which is no problem, but what other modules take is
//! theirs to say, and other goroutines wait until sysmon has noticed.
//!
//! ```
//! # unsafe { gort::boot(gort::Options::default()).unwrap() };
//! # gort::run(|| {
//! use gort::net::ToSocketAddrs;
//!
//! let addresses = gort::blocking_on_system_stack(|| "localhost:80".to_socket_addrs());
//! assert!(addresses.unwrap().all(|address| address.port() == 80));
//! # });
//! ```
//!
//! [`blocking_on_system_stack`]: crate::blocking_on_system_stack

mod accept;
mod addr;
mod calls;
mod descriptor;
mod pauses;
mod resolve;
mod seat;
mod socket;
mod stream;
mod tcp_listener;
mod tcp_stream;
mod turn;
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
