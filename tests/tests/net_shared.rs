//! Sockets that the kernel knows by several descriptors, of which some are in std's hands: they have one mode.

mod api_support;
mod net_support;

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::os::linux::net::SocketAddrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api_support::{join_thread, limit, on_thread};
use gort::net::unix::SocketAddr;
use gort::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use net_support::wait_for_io_waiters;

fn blocks(socket: impl AsFd) -> bool {
    // SAFETY: an open descriptor.
    let flags = unsafe { libc::fcntl(socket.as_fd().as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_NONBLOCK == 0
}

/// A clone of it was turned into std's type. `waits` is to wait for what `serve` does.
fn goes_on(
    set_nonblocking: impl Fn(bool),
    set_deadline: impl Fn(Option<Instant>),
    waits: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    serve: impl Fn(),
) {
    let before = gort::gomaxprocs(1);
    set_nonblocking(true);
    assert_eq!(waits().unwrap_err().kind(), ErrorKind::WouldBlock);
    set_nonblocking(false);
    set_deadline(Some(Instant::now() + Duration::from_millis(2)));
    assert_eq!(waits().unwrap_err().kind(), ErrorKind::TimedOut);
    set_deadline(None);
    serve();
    waits().unwrap();
    let waits = gort::spawn(waits);
    // Nobody could go on to serve it if it kept its thread.
    wait_for_io_waiters(1);
    serve();
    waits.join().unwrap().unwrap();
    gort::gomaxprocs(before);
}

macro_rules! goes_on {
    ($socket:expr, waits: $waits:expr, serve: $serve:expr) => {
        let socket = $socket;
        assert!(blocks(&socket));
        let clone = Arc::new(socket);
        let waiting = clone.clone();
        goes_on(
            |on| clone.set_nonblocking(on).unwrap(),
            |when| clone.set_deadline(when).unwrap(),
            move || $waits(&waiting),
            $serve,
        );
    };
}

#[gort::test]
fn clones_of_what_has_become_stds_wait_as_before() {
    let _limit = limit();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let std: std::net::UdpSocket = socket.try_clone().unwrap().into();
    assert!(blocks(&std));
    let sends = || assert_eq!(std.send_to(b"x", addr).unwrap(), 1);
    goes_on!(socket, waits: |socket: &UdpSocket| socket.recv(&mut [0; 8]).map(drop), serve: sends);

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let std: std::net::UdpSocket = socket.try_clone().unwrap().into();
    let sends = || assert_eq!(std.send_to(b"x", addr).unwrap(), 1);
    goes_on!(socket, waits: |socket: &UdpSocket| socket.recv_from(&mut [0; 8]).map(drop), serve: sends);

    let (socket, peer) = UnixDatagram::pair().unwrap();
    let _std: std::os::unix::net::UnixDatagram = socket.try_clone().unwrap().into();
    let sends = || assert_eq!(peer.send(b"x").unwrap(), 1);
    goes_on!(socket, waits: |socket: &UnixDatagram| socket.recv(&mut [0; 8]).map(drop), serve: sends);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let _std: std::net::TcpListener = listener.try_clone().unwrap().into();
    let connects = || drop(TcpStream::connect(addr).unwrap());
    goes_on!(listener, waits: |listener: &TcpListener| listener.accept().map(drop), serve: connects);

    let addr = SocketAddr::from_abstract_name(format!("gort-shared-{}", std::process::id())).unwrap();
    let listener = UnixListener::bind_addr(&addr).unwrap();
    let _std: std::os::unix::net::UnixListener = listener.try_clone().unwrap().into();
    let connects = || drop(UnixStream::connect_addr(&addr).unwrap());
    goes_on!(listener, waits: |listener: &UnixListener| listener.accept().map(drop), serve: connects);
}

#[gort::test]
fn clones_of_what_has_become_stds_send_as_before() {
    let _limit = limit();
    let before = gort::gomaxprocs(1);
    let (socket, peer) = UnixDatagram::pair().unwrap();
    let _std: std::os::unix::net::UnixDatagram = socket.try_clone().unwrap().into();
    socket.set_nonblocking(true).unwrap();
    while socket.send(b"x").is_ok() {}
    socket.set_nonblocking(false).unwrap();
    assert!(blocks(&socket));
    socket.set_write_timeout(Some(Duration::from_micros(100))).unwrap();
    assert_eq!(socket.send(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
    socket.set_write_timeout(None).unwrap();
    let sends = gort::spawn(move || socket.send(b"x").unwrap());
    wait_for_io_waiters(1);
    peer.set_nonblocking(true).unwrap();
    while peer.recv(&mut [0; 8]).is_ok() {}
    assert_eq!(sends.join().unwrap(), 1);
    gort::gomaxprocs(before);
}

/// Who takes a connection is left open. Who has seen one that std's handle takes sits in the kernel, but stops nobody,
/// and a close gets it out.
#[gort::test]
fn std_accepts_beside_a_clone() {
    let _limit = limit();
    let before = gort::gomaxprocs(1);
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let addr = listener.local_addr().unwrap();
    let std: std::net::TcpListener = listener.try_clone().unwrap().into();
    let std = Arc::new(std);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let std = std.clone();
            on_thread(move || std::iter::from_fn(|| std.accept().ok()).count())
        })
        .collect();
    let goroutines: Vec<_> = (0..2)
        .map(|_| {
            let listener = listener.clone();
            gort::spawn(move || std::iter::from_fn(|| listener.accept().ok()).count())
        })
        .collect();
    for _ in 0..500 {
        TcpStream::connect(addr).unwrap();
    }
    listener.close();
    let accepted: usize = threads.into_iter().map(join_thread).sum();
    let accepted = accepted + goroutines.into_iter().map(|g| g.join().unwrap()).sum::<usize>();
    // Some were not accepted yet.
    assert!((1..=500).contains(&accepted));
    gort::gomaxprocs(before);
}

/// std's handles on a socket stay as they are when gort gets another one.
#[gort::test]
fn a_duplicate_of_stds_leaves_std_its_mode() {
    let _limit = limit();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let ours = UdpSocket::from(udp.try_clone().unwrap());
    assert!(blocks(&udp));
    ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(ours.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(blocks(&udp));
    let (unix, _peer) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let _ours = UnixDatagram::from(unix.try_clone().unwrap());
    assert!(blocks(&unix));
    let (unix, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let _ours = UnixStream::from(unix.try_clone().unwrap());
    assert!(blocks(&unix));
    // Of a listener they do not: this is documented.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpListener::from(listener.try_clone().unwrap());
    assert!(!blocks(&listener));
    // It remembers the mode, and gives it back.
    let std: std::net::TcpListener = ours.into();
    assert!(blocks(&std) && blocks(&listener));
}
