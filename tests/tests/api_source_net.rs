//! The same source compiles against `std::net` with `std::os::unix::net` and against gort: every stable item of Rust
//! 1.95, by its signature. What they do is compared in `net_conformance`.

// What is compared is the std of Rust 1.95. Lifetimes are used by the types inside.
#![allow(clippy::incompatible_msrv, clippy::extra_unused_lifetimes)]

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::iter::FusedIterator;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};

fn send_sync<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
fn descriptor<T: AsFd + AsRawFd + IntoRawFd + FromRawFd + From<OwnedFd> + Into<OwnedFd> + Debug>() {}
fn stream<T: Read + Write>()
where
    for<'a> &'a T: Read + Write,
{
}
fn incoming<T: FusedIterator<Item = io::Result<S>> + Debug, S>() {}
fn into_iter<'a, T: 'a, I, S>()
where
    &'a T: IntoIterator<IntoIter = I, Item = io::Result<S>>,
{
}

macro_rules! source {
    ($module:ident, $net:path, $unix:path, $($quickack:tt)*) => {
        mod $module {
            use std::io::{Error, Result};
            use std::path::Path;
            use std::time::Duration;

            $($quickack)*
            use $net as net;
            use $unix as unix;

            use net::{
                AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener,
                TcpStream, ToSocketAddrs, UdpSocket,
            };
            use unix::{UnixDatagram, UnixListener, UnixStream};

            use super::*;

            type Set<S, T> = fn(&S, T) -> Result<()>;
            type Get<S, T> = fn(&S) -> Result<T>;
            type Timeout = Option<Duration>;

            pub(super) fn addresses(text: &str) -> std::result::Result<[SocketAddr; 2], AddrParseError> {
                let (v4, v6): (Ipv4Addr, Ipv6Addr) = ("127.0.0.1".parse()?, text.parse()?);
                assert!(IpAddr::from(v4).is_loopback());
                Ok([SocketAddrV4::new(v4, 1).into(), SocketAddrV6::new(v6, 1, 0, 0).into()])
            }

            #[allow(deprecated)]
            pub(super) fn tcp<'a, A: ToSocketAddrs>() {
                let _: fn(A) -> Result<TcpListener> = TcpListener::bind;
                let _: Get<TcpListener, (TcpStream, SocketAddr)> = TcpListener::accept;
                let _: fn(&'a TcpListener) -> net::Incoming<'a> = TcpListener::incoming;
                let _: Get<TcpListener, SocketAddr> = TcpListener::local_addr;
                let _: Get<TcpListener, TcpListener> = TcpListener::try_clone;
                let _: Get<TcpListener, Option<Error>> = TcpListener::take_error;
                let _: (Set<TcpListener, u32>, Get<TcpListener, u32>) = (TcpListener::set_ttl, TcpListener::ttl);
                let _: (Set<TcpListener, bool>, Get<TcpListener, bool>) =
                    (TcpListener::set_only_v6, TcpListener::only_v6);
                let _: Set<TcpListener, bool> = TcpListener::set_nonblocking;

                let _: fn(A) -> Result<TcpStream> = TcpStream::connect;
                let _: fn(&SocketAddr, Duration) -> Result<TcpStream> = TcpStream::connect_timeout;
                let _: [Get<TcpStream, SocketAddr>; 2] = [TcpStream::peer_addr, TcpStream::local_addr];
                let _: Set<TcpStream, Shutdown> = TcpStream::shutdown;
                let _: Get<TcpStream, TcpStream> = TcpStream::try_clone;
                let _: [Set<TcpStream, Timeout>; 2] = [TcpStream::set_read_timeout, TcpStream::set_write_timeout];
                let _: [Get<TcpStream, Timeout>; 2] = [TcpStream::read_timeout, TcpStream::write_timeout];
                let _: fn(&TcpStream, &mut [u8]) -> Result<usize> = TcpStream::peek;
                let _: [Set<TcpStream, bool>; 3] =
                    [TcpStream::set_nodelay, TcpStream::set_nonblocking, TcpStream::set_quickack];
                let _: [Get<TcpStream, bool>; 2] = [TcpStream::nodelay, TcpStream::quickack];
                let _: (Set<TcpStream, u32>, Get<TcpStream, u32>) = (TcpStream::set_ttl, TcpStream::ttl);
                let _: Get<TcpStream, Option<Error>> = TcpStream::take_error;
            }

            pub(super) fn udp<A: ToSocketAddrs>() {
                let _: fn(A) -> Result<UdpSocket> = UdpSocket::bind;
                let _: [fn(&UdpSocket, &mut [u8]) -> Result<(usize, SocketAddr)>; 2] =
                    [UdpSocket::recv_from, UdpSocket::peek_from];
                let _: fn(&UdpSocket, &[u8], A) -> Result<usize> = UdpSocket::send_to;
                let _: Set<UdpSocket, A> = UdpSocket::connect;
                let _: fn(&UdpSocket, &[u8]) -> Result<usize> = UdpSocket::send;
                let _: [fn(&UdpSocket, &mut [u8]) -> Result<usize>; 2] = [UdpSocket::recv, UdpSocket::peek];
                let _: [Get<UdpSocket, SocketAddr>; 2] = [UdpSocket::peer_addr, UdpSocket::local_addr];
                let _: Get<UdpSocket, UdpSocket> = UdpSocket::try_clone;
                let _: [Set<UdpSocket, Timeout>; 2] = [UdpSocket::set_read_timeout, UdpSocket::set_write_timeout];
                let _: [Get<UdpSocket, Timeout>; 2] = [UdpSocket::read_timeout, UdpSocket::write_timeout];
                let _: [Set<UdpSocket, bool>; 4] = [
                    UdpSocket::set_broadcast,
                    UdpSocket::set_multicast_loop_v4,
                    UdpSocket::set_multicast_loop_v6,
                    UdpSocket::set_nonblocking,
                ];
                let _: [Get<UdpSocket, bool>; 3] =
                    [UdpSocket::broadcast, UdpSocket::multicast_loop_v4, UdpSocket::multicast_loop_v6];
                let _: [Set<UdpSocket, u32>; 2] = [UdpSocket::set_ttl, UdpSocket::set_multicast_ttl_v4];
                let _: [Get<UdpSocket, u32>; 2] = [UdpSocket::ttl, UdpSocket::multicast_ttl_v4];
                let _: [fn(&UdpSocket, &Ipv4Addr, &Ipv4Addr) -> Result<()>; 2] =
                    [UdpSocket::join_multicast_v4, UdpSocket::leave_multicast_v4];
                let _: [fn(&UdpSocket, &Ipv6Addr, u32) -> Result<()>; 2] =
                    [UdpSocket::join_multicast_v6, UdpSocket::leave_multicast_v6];
                let _: Get<UdpSocket, Option<Error>> = UdpSocket::take_error;
            }

            pub(super) fn unix<'a, P: AsRef<Path>>() {
                let _: fn(P) -> Result<UnixListener> = UnixListener::bind;
                let _: fn(&unix::SocketAddr) -> Result<UnixListener> = UnixListener::bind_addr;
                let _: Get<UnixListener, (UnixStream, unix::SocketAddr)> = UnixListener::accept;
                let _: Get<UnixListener, UnixListener> = UnixListener::try_clone;
                let _: Get<UnixListener, unix::SocketAddr> = UnixListener::local_addr;
                let _: Set<UnixListener, bool> = UnixListener::set_nonblocking;
                let _: Get<UnixListener, Option<Error>> = UnixListener::take_error;
                let _: fn(&'a UnixListener) -> unix::Incoming<'a> = UnixListener::incoming;

                let _: fn(P) -> Result<UnixStream> = UnixStream::connect;
                let _: fn(&unix::SocketAddr) -> Result<UnixStream> = UnixStream::connect_addr;
                let _: fn() -> Result<(UnixStream, UnixStream)> = UnixStream::pair;
                let _: Get<UnixStream, UnixStream> = UnixStream::try_clone;
                let _: [Get<UnixStream, unix::SocketAddr>; 2] = [UnixStream::local_addr, UnixStream::peer_addr];
                let _: [Set<UnixStream, Timeout>; 2] = [UnixStream::set_read_timeout, UnixStream::set_write_timeout];
                let _: [Get<UnixStream, Timeout>; 2] = [UnixStream::read_timeout, UnixStream::write_timeout];
                let _: Set<UnixStream, bool> = UnixStream::set_nonblocking;
                let _: Get<UnixStream, Option<Error>> = UnixStream::take_error;
                let _: Set<UnixStream, Shutdown> = UnixStream::shutdown;
            }

            pub(super) fn unix_datagrams<P: AsRef<Path>>() {
                let _: fn(P) -> Result<UnixDatagram> = UnixDatagram::bind;
                let _: fn(&unix::SocketAddr) -> Result<UnixDatagram> = UnixDatagram::bind_addr;
                let _: fn() -> Result<UnixDatagram> = UnixDatagram::unbound;
                let _: fn() -> Result<(UnixDatagram, UnixDatagram)> = UnixDatagram::pair;
                let _: Set<UnixDatagram, P> = UnixDatagram::connect;
                let _: Set<UnixDatagram, &unix::SocketAddr> = |socket, addr| socket.connect_addr(addr);
                let _: Get<UnixDatagram, UnixDatagram> = UnixDatagram::try_clone;
                let _: [Get<UnixDatagram, unix::SocketAddr>; 2] = [UnixDatagram::local_addr, UnixDatagram::peer_addr];
                let _: fn(&UnixDatagram, &mut [u8]) -> Result<(usize, unix::SocketAddr)> = UnixDatagram::recv_from;
                let _: fn(&UnixDatagram, &mut [u8]) -> Result<usize> = UnixDatagram::recv;
                let _: fn(&UnixDatagram, &[u8], P) -> Result<usize> = UnixDatagram::send_to;
                let _: fn(&UnixDatagram, &[u8], &unix::SocketAddr) -> Result<usize> = UnixDatagram::send_to_addr;
                let _: fn(&UnixDatagram, &[u8]) -> Result<usize> = UnixDatagram::send;
                let _: [Set<UnixDatagram, Timeout>; 2] =
                    [UnixDatagram::set_read_timeout, UnixDatagram::set_write_timeout];
                let _: [Get<UnixDatagram, Timeout>; 2] = [UnixDatagram::read_timeout, UnixDatagram::write_timeout];
                let _: Set<UnixDatagram, bool> = UnixDatagram::set_nonblocking;
                let _: Get<UnixDatagram, Option<Error>> = UnixDatagram::take_error;
                let _: Set<UnixDatagram, Shutdown> = UnixDatagram::shutdown;
            }

            pub(super) fn traits<'a>() {
                send_sync::<TcpListener>();
                send_sync::<TcpStream>();
                send_sync::<UdpSocket>();
                send_sync::<UnixListener>();
                send_sync::<UnixStream>();
                send_sync::<UnixDatagram>();
                send_sync::<net::Incoming<'a>>();
                send_sync::<unix::Incoming<'a>>();
                descriptor::<TcpListener>();
                descriptor::<TcpStream>();
                descriptor::<UdpSocket>();
                descriptor::<UnixListener>();
                descriptor::<UnixStream>();
                descriptor::<UnixDatagram>();
                stream::<TcpStream>();
                stream::<UnixStream>();
                incoming::<net::Incoming<'a>, TcpStream>();
                into_iter::<'a, UnixListener, unix::Incoming<'a>, UnixStream>();
            }
        }
    };
}

source!(with_std, std::net, std::os::unix::net, use std::os::linux::net::TcpStreamExt as _;);
source!(with_gort, gort::net, gort::net::unix,);

#[test]
fn the_same_items_are_there() {
    with_std::tcp::<&str>();
    with_gort::tcp::<&str>();
    with_std::udp::<&str>();
    with_gort::udp::<&str>();
    with_std::unix::<&str>();
    with_gort::unix::<&str>();
    with_std::unix_datagrams::<&str>();
    with_gort::unix_datagrams::<&str>();
    with_std::traits();
    with_gort::traits();
    assert_eq!(with_std::addresses("::1"), with_gort::addresses("::1"));
}
