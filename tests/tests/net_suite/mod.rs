//! A program for std's sockets that tells what it sees. It is compiled with std's `use` lines and with gort's;
//! what it sees must be the same.
//!
//! `super::net` is std's or gort's module, `super::unix` that of Unix sockets, `super::spawn` starts a thread or a
//! goroutine.

use std::fmt::Debug;
use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::path::Path;
use std::time::Duration;

use super::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use super::spawn;
use super::unix::{UnixDatagram, UnixListener, UnixStream};

/// What a program saw, line by line.
pub(crate) type Seen = Vec<String>;

fn tell<T: Debug>(seen: &mut Seen, what: &str, value: T) {
    seen.push(format!("{what}: {value:?}"));
}

/// A result with the parts of an error that a program can go by.
fn outcome<T>(result: io::Result<T>) -> Result<T, (io::ErrorKind, Option<i32>)> {
    result.map_err(|e| (e.kind(), e.raw_os_error()))
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

const SHORT: Option<Duration> = Some(Duration::from_millis(20));

fn tcp_lines(seen: &mut Seen) {
    let listener = TcpListener::bind(("localhost", 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let server = spawn(move || {
        for stream in listener.incoming().take(2) {
            let stream = stream.unwrap();
            for line in BufReader::new(&stream).lines() {
                writeln!(&stream, "{}!", line.unwrap()).unwrap();
            }
        }
    });
    for text in ["one\ntwo\n", "three\n"] {
        let mut stream = TcpStream::connect(addr).unwrap();
        tell(seen, "peer", stream.peer_addr().unwrap() == addr);
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        tell(seen, "answer", answer);
    }
    server();
}

fn tcp_timeouts(seen: &mut Seen) {
    let (client, mut server) = pair();
    tell(seen, "zero", outcome(server.set_read_timeout(Some(Duration::ZERO))));
    tell(seen, "zero", outcome(server.set_write_timeout(Some(Duration::ZERO))));
    tell(seen, "none", outcome(server.read_timeout()));
    server.set_read_timeout(SHORT).unwrap();
    tell(seen, "set", outcome(server.read_timeout()));
    let clone = server.try_clone().unwrap();
    tell(seen, "the clone's", outcome(clone.read_timeout()));
    tell(seen, "read", outcome(server.read(&mut [0; 4])));
    tell(seen, "peek", outcome(server.peek(&mut [0; 4])));
    tell(seen, "read_exact", outcome(server.read_exact(&mut [0; 4])));
    (&client).write_all(b"ab").unwrap();
    tell(seen, "part of an exact read", outcome(server.read_exact(&mut [0; 4])));
    client.set_write_timeout(SHORT).unwrap();
    let big = vec![0; 1 << 26];
    let sent = outcome((&client).write(&big)).unwrap();
    tell(seen, "part of a write", sent > 0 && sent < big.len());
    // What is under way between the two still makes room now and then.
    let full = loop {
        if let Err(e) = outcome((&client).write(&big)) {
            break e;
        }
    };
    tell(seen, "full", full);
    tell(seen, "write_all", outcome((&client).write_all(&big)));
}

fn tcp_ends(seen: &mut Seen) {
    let (mut client, mut server) = pair();
    client.shutdown(Shutdown::Write).unwrap();
    tell(seen, "write after shutdown", outcome(client.write(b"x")));
    tell(seen, "end", outcome(server.read(&mut [0; 4])));
    tell(seen, "end again", outcome(server.read(&mut [0; 4])));
    tell(seen, "peek at the end", outcome(server.peek(&mut [0; 4])));
    server.write_all(b"still").unwrap();
    drop(server);
    let mut rest = Vec::new();
    tell(seen, "rest", outcome(client.read_to_end(&mut rest)));
    tell(seen, "shutdown when all is over", outcome(client.shutdown(Shutdown::Both)));
    tell(seen, "peer", outcome(client.peer_addr()).is_err());

    let (client, server) = pair();
    client.shutdown(Shutdown::Read).unwrap();
    tell(seen, "read after shutdown", outcome((&client).read(&mut [0; 4])));
    (&server).write_all(b"x").unwrap();

    // Closed with data unread: a reset.
    let (client, server) = pair();
    (&client).write_all(b"unread").unwrap();
    server.peek(&mut [0; 1]).unwrap();
    drop(server);
    tell(seen, "reset", outcome((&client).read(&mut [0; 4])));
    tell(seen, "broken", outcome((&client).write(b"x")));
    tell(seen, "no error left", client.take_error().unwrap().is_none());
}

fn tcp_modes(seen: &mut Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    tell(seen, "accept", outcome(listener.accept().map(drop)));
    listener.set_nonblocking(false).unwrap();
    tell(seen, "error", listener.take_error().unwrap().is_none());
    let (client, mut server) = pair();
    server.set_nonblocking(true).unwrap();
    tell(seen, "read", outcome(server.read(&mut [0; 4])));
    tell(seen, "peek", outcome(server.peek(&mut [0; 4])));
    let big = vec![0; 1 << 26];
    let sent = server.write(&big).unwrap();
    tell(seen, "part of a write", sent > 0 && sent < big.len());
    let full = loop {
        if let Err(e) = outcome(server.write(&big)) {
            break e;
        }
    };
    tell(seen, "write", full);
    let mut clone = server.try_clone().unwrap();
    tell(seen, "the clone's mode", outcome(clone.read(&mut [0; 4])));
    (&client).write_all(b"abc").unwrap();
    clone.set_nonblocking(false).unwrap();
    let (mut a, mut b) = ([0; 1], [0; 8]);
    let n = clone.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).unwrap();
    tell(seen, "vectored", (n, a, &b[..2]));
    tell(seen, "vectored", outcome((&client).write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")])));
    tell(seen, "nothing", outcome((&client).write(&[])));
    let mut buf = [0; 8];
    tell(seen, "read", outcome(clone.read(&mut buf)));
    client.set_nodelay(true).unwrap();
    client.set_ttl(17).unwrap();
    tell(seen, "options", (client.nodelay().unwrap(), client.ttl().unwrap(), clone.nodelay().unwrap()));
    let text = format!("{client:?}");
    tell(seen, "debug", (text.starts_with("TcpStream { addr: 127.0.0.1:"), text.contains(", peer: ")));
    tell(seen, "debug", format!("{listener:?}").starts_with("TcpListener { addr: 127.0.0.1:"));
}

fn tcp_connecting(seen: &mut Seen) {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    tell(seen, "refused", outcome(TcpStream::connect(gone).map(drop)));
    tell(seen, "refused", outcome(TcpStream::connect_timeout(&gone, Duration::from_secs(9)).map(drop)));
    tell(seen, "zero", outcome(TcpStream::connect_timeout(&gone, Duration::ZERO).map(drop)));
    let none: &[SocketAddr] = &[];
    tell(seen, "no address", outcome(TcpStream::connect(none).map(drop)));
    tell(seen, "no port", outcome(TcpStream::connect("localhost").map(drop)));
    tell(seen, "no address", outcome(TcpListener::bind(none).map(drop)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    tell(seen, "in use", outcome(TcpListener::bind(addr).map(drop)));
    tell(seen, "in turn", TcpStream::connect(&[gone, addr][..]).unwrap().peer_addr().unwrap() == addr);
    let v6 = "[::1]:0".to_socket_addrs().unwrap().next().unwrap();
    tell(seen, "v6", outcome(TcpListener::bind(v6).map(|l| l.local_addr().unwrap().is_ipv6())));
}

fn udp(seen: &mut Seen) {
    let a = UdpSocket::bind("127.0.0.1:0").unwrap();
    let b = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (at_a, at_b) = (a.local_addr().unwrap(), b.local_addr().unwrap());
    tell(seen, "not connected", outcome(a.send(b"x")));
    tell(seen, "not connected", outcome(a.peer_addr()));
    tell(seen, "sent", outcome(a.send_to(b"hello", at_b)));
    let mut buf = [0; 3];
    tell(seen, "peek, cut", outcome(b.peek_from(&mut buf)).map(|(n, from)| (n, from == at_a)));
    tell(seen, "cut", outcome(b.recv_from(&mut buf)).map(|(n, from)| (n, from == at_a)));
    b.set_read_timeout(SHORT).unwrap();
    tell(seen, "gone", outcome(b.recv_from(&mut buf)));
    tell(seen, "gone", outcome(b.peek(&mut buf)));
    let receiver = b.try_clone().unwrap();
    receiver.set_read_timeout(None).unwrap();
    let waits = spawn(move || {
        let mut buf = [0; 8];
        assert_eq!(receiver.recv(&mut buf).unwrap(), 2);
    });
    a.connect(at_b).unwrap();
    tell(seen, "connected", outcome(a.send(b"hi")));
    waits();
    tell(seen, "empty", outcome(a.send(b"")));
    tell(seen, "empty", outcome(b.recv(&mut buf)));
    drop(b);
    let _ = a.send(b"x");
    tell(seen, "refused", outcome(a.recv(&mut buf)));
    tell(seen, "too large", outcome(a.send(&vec![0; 70_000])));
    a.set_broadcast(true).unwrap();
    a.set_multicast_ttl_v4(3).unwrap();
    a.set_multicast_loop_v4(false).unwrap();
    a.set_ttl(9).unwrap();
    tell(seen, "options", (a.broadcast().unwrap(), a.multicast_ttl_v4().unwrap(), a.ttl().unwrap()));
    tell(seen, "options", a.multicast_loop_v4().unwrap());
    a.set_nonblocking(true).unwrap();
    tell(seen, "recv", outcome(a.recv(&mut buf)));
    let none: &[SocketAddr] = &[];
    tell(seen, "no address", outcome(a.send_to(b"x", none)));
}

fn unix_streams(seen: &mut Seen, dir: &Path) {
    let path = dir.join("listener");
    tell(seen, "nobody", outcome(UnixStream::connect(&path).map(drop)));
    let listener = UnixListener::bind(&path).unwrap();
    tell(seen, "in use", outcome(UnixListener::bind(&path).map(drop)));
    tell(seen, "address", listener.local_addr().unwrap().as_pathname() == Some(&path));
    let server = spawn(move || {
        let mut streams = (&listener).into_iter();
        let mut stream = streams.next().unwrap().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        stream.write_all(text.to_uppercase().as_bytes()).unwrap();
        assert!(stream.peer_addr().unwrap().is_unnamed());
    });
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"shout").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    tell(seen, "answer", answer);
    server();
    tell(seen, "refused", outcome(UnixStream::connect(&path).map(drop)));
    let (a, mut b) = UnixStream::pair().unwrap();
    b.set_read_timeout(SHORT).unwrap();
    tell(seen, "time-out", outcome(b.read(&mut [0; 4])));
    a.set_nonblocking(true).unwrap();
    tell(seen, "non-blocking", outcome((&a).read(&mut [0; 4])));
    tell(seen, "error", a.take_error().unwrap().is_none());
    drop(a);
    tell(seen, "end", outcome(b.read(&mut [0; 4])));
    tell(seen, "broken", outcome(b.write(b"x")));
    let long = dir.join("x".repeat(200));
    tell(seen, "too long", outcome(UnixStream::connect(long).map(drop)));
}

fn unix_datagrams(seen: &mut Seen, dir: &Path) {
    let path = dir.join("datagrams");
    let a = UnixDatagram::unbound().unwrap();
    tell(seen, "nobody", outcome(a.send_to(b"x", &path)));
    tell(seen, "not connected", outcome(a.send(b"x")));
    let b = UnixDatagram::bind(&path).unwrap();
    tell(seen, "sent", outcome(a.send_to(b"hello", &path)));
    let mut buf = [0; 3];
    tell(seen, "cut", outcome(b.recv_from(&mut buf)).map(|(n, from)| (n, from.is_unnamed())));
    a.connect(&path).unwrap();
    a.set_write_timeout(SHORT).unwrap();
    let full = loop {
        if let Err(e) = outcome(a.send(b"fill")) {
            break e;
        }
    };
    tell(seen, "full", full);
    let c = UnixDatagram::unbound().unwrap();
    c.set_write_timeout(SHORT).unwrap();
    tell(seen, "full for others", outcome(c.send_to(b"x", &path)));
    c.set_write_timeout(None).unwrap();
    let waits = spawn(move || {
        assert_eq!(c.send_to(b"last", &path).unwrap(), 4);
    });
    let mut buf = [0; 8];
    let mut n = 0;
    while &buf[..n] != b"last" {
        n = b.recv(&mut buf).unwrap();
    }
    waits();
    b.set_read_timeout(SHORT).unwrap();
    tell(seen, "time-out", outcome(b.recv(&mut buf)));
    let (x, y) = UnixDatagram::pair().unwrap();
    tell(seen, "pair", outcome(x.send(b"ab")));
    tell(seen, "pair", outcome(y.recv(&mut buf)));
    y.shutdown(Shutdown::Both).unwrap();
    tell(seen, "broken", outcome(x.send(b"ab")));
    tell(seen, "end", outcome(y.recv(&mut buf)));
}

/// Descriptors go from hand to hand, and what was set stays with them.
fn conversions(seen: &mut Seen) {
    let (client, server) = pair();
    server.set_read_timeout(SHORT).unwrap();
    server.set_nodelay(true).unwrap();
    let mut server = TcpStream::from(OwnedFd::from(server));
    tell(seen, "timeouts", (outcome(server.read_timeout()), outcome(server.write_timeout())));
    tell(seen, "nodelay", outcome(server.nodelay()));
    tell(seen, "time-out", outcome(server.read(&mut [0; 4])));
    server.set_read_timeout(None).unwrap();
    // SAFETY: the descriptor was given up the moment before.
    let mut server = unsafe { TcpStream::from_raw_fd(server.into_raw_fd()) };
    tell(seen, "none", outcome(server.read_timeout()));
    (&client).write_all(b"ab").unwrap();
    tell(seen, "a read for nothing", outcome(server.read(&mut [])));
    tell(seen, "read", outcome(server.read_exact(&mut [0; 2])));
    tell(seen, "duplicate", server.as_fd().try_clone_to_owned().is_ok());
    let (a, b) = UnixDatagram::pair().unwrap();
    b.set_read_timeout(SHORT).unwrap();
    let (a, b) = (UnixDatagram::from(OwnedFd::from(a)), UnixDatagram::from(OwnedFd::from(b)));
    tell(seen, "time-out", outcome(b.recv(&mut [0; 4])));
    tell(seen, "sent", outcome(a.send(b"x")));
    tell(seen, "received", outcome(b.recv(&mut [0; 4])));
    let listener = TcpListener::from(OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap()));
    let addr = listener.local_addr().unwrap();
    let connects = spawn(move || drop(TcpStream::connect(addr).unwrap()));
    tell(seen, "accepted", outcome(listener.accept().map(drop)));
    connects();
}

/// The mode is the descriptor's own, as long as nobody listens: who goes round the types, and who gets the descriptor
/// from them, finds what was set.
fn modes_of_descriptors(seen: &mut Seen) {
    fn nonblocking(socket: &impl AsFd) -> bool {
        // SAFETY: an open descriptor.
        let flags = unsafe { libc::fcntl(socket.as_fd().as_raw_fd(), libc::F_GETFL) };
        flags & libc::O_NONBLOCK != 0
    }
    let (client, _server) = pair();
    let (unix, _peer) = UnixStream::pair().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (datagrams, _peer_of_datagrams) = UnixDatagram::pair().unwrap();
    for on in [false, true, false, true] {
        client.set_nonblocking(on).unwrap();
        unix.set_nonblocking(on).unwrap();
        udp.set_nonblocking(on).unwrap();
        datagrams.set_nonblocking(on).unwrap();
        let modes = [nonblocking(&client), nonblocking(&unix), nonblocking(&udp), nonblocking(&datagrams)];
        tell(seen, "modes", modes);
    }
    let fds = [OwnedFd::from(client), OwnedFd::from(unix), OwnedFd::from(udp), OwnedFd::from(datagrams)];
    tell(seen, "kept", fds.each_ref().map(nonblocking));
    let [client, unix, udp, datagrams] = fds;
    let (client, unix) = (TcpStream::from(client), UnixStream::from(unix));
    let (udp, datagrams) = (UdpSocket::from(udp), UnixDatagram::from(datagrams));
    tell(seen, "client", outcome((&client).read(&mut [0; 4])));
    tell(seen, "unix", outcome((&unix).read(&mut [0; 4])));
    tell(seen, "udp", outcome(udp.recv(&mut [0; 4])));
    tell(seen, "datagrams", outcome(datagrams.recv(&mut [0; 4])));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    tell(seen, "listener", nonblocking(&OwnedFd::from(listener.try_clone().unwrap())));
    listener.set_nonblocking(true).unwrap();
    let fd = OwnedFd::from(listener);
    tell(seen, "listener", nonblocking(&fd));
    tell(seen, "accept", outcome(TcpListener::from(fd).accept().map(drop)));
}

/// What is refused, and how.
fn refusals(seen: &mut Seen) {
    let (client, server) = pair();
    tell(seen, "ttl", outcome(client.set_ttl(0)));
    tell(seen, "ttl", outcome(client.set_ttl(256)));
    tell(seen, "shutdown", outcome(client.shutdown(Shutdown::Both)));
    tell(seen, "write", outcome((&client).write(b"x")));
    tell(seen, "write", outcome((&client).write_vectored(&[IoSlice::new(b"x")])));
    tell(seen, "read", outcome((&client).read(&mut [0; 4])));
    drop(server);
    tell(seen, "shutdown", outcome(client.shutdown(Shutdown::Write)));
    let broadcast = SocketAddr::from(([255, 255, 255, 255], 9));
    tell(seen, "broadcast", outcome(TcpStream::connect(broadcast).map(drop)));
    tell(seen, "not mine", outcome(TcpListener::bind("192.0.2.1:0").map(drop)));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    tell(seen, "in use", outcome(UdpSocket::bind(socket.local_addr().unwrap()).map(drop)));
    tell(seen, "broadcast", outcome(socket.send_to(b"x", broadcast)));
    tell(seen, "no v6", outcome(socket.send_to(b"x", "[::1]:9")));
    tell(seen, "no v6", outcome(socket.multicast_loop_v6()));
    tell(seen, "no group", outcome(socket.join_multicast_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::LOCALHOST)));
    let group = Ipv4Addr::new(224, 0, 0, 251);
    tell(seen, "no member", outcome(socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)));
    tell(seen, "zero", outcome(socket.set_read_timeout(Some(Duration::ZERO))));
    let none: &[SocketAddr] = &[];
    tell(seen, "no address", outcome(socket.connect(none)));
    tell(seen, "unconnected", outcome(socket.peer_addr()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    tell(seen, "its ttl", (outcome(listener.set_ttl(7)), outcome(listener.ttl())));
    let name = "no such host.invalid:80";
    tell(seen, "no such name", outcome(TcpStream::connect(name).map(drop)).is_err());
    for e in [
        TcpStream::connect_timeout(&broadcast, Duration::ZERO).unwrap_err(),
        socket.set_write_timeout(Some(Duration::ZERO)).unwrap_err(),
    ] {
        tell(seen, "text", e.to_string());
    }
    tell(seen, "text", TcpStream::connect(none).unwrap_err().to_string());
    tell(seen, "text", socket.send_to(b"x", none).unwrap_err().to_string());
}

/// Names that are no files'.
fn unix_names(seen: &mut Seen, dir: &Path) {
    let name = |what: &str| {
        let text = format!("{}-{what}", dir.display());
        (super::unix::SocketAddr::from_abstract_name(&text).unwrap(), text)
    };
    let (addr, text) = name("listener");
    let listener = UnixListener::bind_addr(&addr).unwrap();
    tell(seen, "in use", outcome(UnixListener::bind_addr(&addr).map(drop)));
    let at = listener.local_addr().unwrap();
    tell(seen, "name", at.as_abstract_name() == Some(text.as_bytes()));
    let mut client = UnixStream::connect_addr(&addr).unwrap();
    let (mut server, from) = listener.accept().unwrap();
    tell(seen, "from", from.is_unnamed());
    tell(seen, "peer", client.peer_addr().unwrap().as_abstract_name() == Some(text.as_bytes()));
    client.write_all(b"by name").unwrap();
    let mut buf = [0; 7];
    tell(seen, "read", outcome(server.read_exact(&mut buf)).map(|()| buf));
    tell(seen, "debug", format!("{server:?}").starts_with("UnixStream { fd: "));
    tell(seen, "debug", format!("{listener:?}").contains(" local: "));
    tell(seen, "timeouts", (outcome(server.read_timeout()), outcome(server.write_timeout())));
    listener.set_nonblocking(true).unwrap();
    tell(seen, "accept", outcome(listener.try_clone().unwrap().accept().map(drop)));

    let (addr, _) = name("datagrams");
    let receiver = UnixDatagram::bind_addr(&addr).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    tell(seen, "unconnected", outcome(sender.peer_addr().map(drop)));
    tell(seen, "sent", outcome(sender.send_to_addr(b"one", &addr)));
    tell(seen, "connected", outcome(sender.connect_addr(&addr)));
    tell(seen, "sent", outcome(sender.send(b"two")));
    for _ in 0..2 {
        let got = outcome(receiver.recv_from(&mut buf)).map(|(n, from)| (n, from.is_unnamed()));
        tell(seen, "received", (got, &buf[..3]));
    }
    drop(receiver);
    tell(seen, "nobody", outcome(sender.send(b"three")));
    tell(seen, "nobody", outcome(sender.send_to_addr(b"three", &addr)));
    tell(seen, "debug", format!("{sender:?}").starts_with("UnixDatagram { fd: "));
}

/// All programs, one after the other.
pub(crate) fn run() -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = Seen::new();
    let mut program = |name: &str, program: &dyn Fn(&mut Seen)| {
        seen.push(format!("== {name}"));
        program(&mut seen);
    };
    program("tcp_lines", &tcp_lines);
    program("tcp_timeouts", &tcp_timeouts);
    program("tcp_ends", &tcp_ends);
    program("tcp_modes", &tcp_modes);
    program("tcp_connecting", &tcp_connecting);
    program("conversions", &conversions);
    program("modes_of_descriptors", &modes_of_descriptors);
    program("refusals", &refusals);
    program("udp", &udp);
    program("unix_streams", &|seen| unix_streams(seen, dir.path()));
    program("unix_names", &|seen| unix_names(seen, dir.path()));
    program("unix_datagrams", &|seen| unix_datagrams(seen, dir.path()));
    seen
}
