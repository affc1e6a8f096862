//! How waits for a socket end without an event: timeouts, deadlines, a close.

mod api_support;
mod net_support;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api_support::limit;
use gort::net::unix::SocketAddr;
use gort::net::{Shutdown, TcpListener, TcpStream, UdpSocket, UnixDatagram};
use net_support::{pair, wait_for_io_waiters};

/// That they are not rounded up `netpoll::poller` tests.
#[gort::test]
fn timeouts_below_a_millisecond() {
    let _limit = limit();
    let (_client, mut server) = pair();
    assert_eq!(server.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    for micros in 1..50 {
        let timeout = Duration::from_micros(10 * micros);
        server.set_read_timeout(Some(timeout)).unwrap();
        assert_eq!(server.read_timeout().unwrap(), Some(timeout));
        let start = Instant::now();
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let took = start.elapsed();
        assert!(took >= timeout, "too early: {took:?}");
    }
}

/// Everything once more without `epoll_pwait2`, in a process of its own.
#[test]
fn the_fallback() {
    net_support::all_without_pwait2("the_fallback");
}

#[gort::test]
fn a_write_timeout_gives_what_was_sent() {
    let _limit = limit();
    let (client, _server) = pair();
    client.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
    let big = vec![0; 50_000_000];
    let sent = (&client).write(&big).unwrap();
    assert!(sent > 0 && sent < big.len());
    // What is under way between the two still makes room now and then.
    let full = std::iter::repeat_with(|| (&client).write(&big)).find_map(Result::err).unwrap();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
}

#[gort::test]
fn a_deadline_stays_expired_until_moved() {
    let _limit = limit();
    let (mut client, mut server) = pair();
    client.write_all(b"there").unwrap();
    server.set_read_deadline(Some(Instant::now())).unwrap();
    for _ in 0..3 {
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    }
    server.write_all(b"writes go on").unwrap();
    server.set_read_deadline(None).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 5);
    server.set_deadline(Some(Instant::now() + Duration::from_millis(2))).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(server.write(b"x").unwrap_err().kind(), ErrorKind::TimedOut);
}

/// `operation` of four goroutines waits for good; a deadline that is moved to now ends that.
fn a_moved_deadline_ends<S: Send + Sync + 'static>(
    socket: S,
    set_deadline: fn(&S, Option<Instant>) -> std::io::Result<()>,
    operation: fn(&S) -> std::io::Result<()>,
) {
    let socket = Arc::new(socket);
    set_deadline(&socket, Some(Instant::now() + Duration::from_secs(3600))).unwrap();
    // The first waits for an event, the others for their turn.
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let socket = socket.clone();
            gort::spawn(move || operation(&socket).unwrap_err().kind())
        })
        .collect();
    wait_for_io_waiters(4);
    // Later, and earlier than it was, but not yet.
    for hours in [2, 1] {
        set_deadline(&socket, Some(Instant::now() + Duration::from_secs(hours * 3600))).unwrap();
    }
    wait_for_io_waiters(4);
    set_deadline(&socket, Some(Instant::now())).unwrap();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), ErrorKind::TimedOut);
    }
}

#[gort::test]
fn moving_a_deadline_wakes_who_waits() {
    let _limit = limit();
    let (_client, server) = pair();
    a_moved_deadline_ends(server, TcpStream::set_read_deadline, |mut s| s.read(&mut [0; 8]).map(drop));
    let (_client, server) = pair();
    a_moved_deadline_ends(server, TcpStream::set_deadline, |s| s.wait_readable());

    let (_client, server) = pair();
    server.set_nonblocking(true).unwrap();
    while (&server).write(&[0; 1 << 16]).is_ok() {}
    server.set_nonblocking(false).unwrap();
    // What is under way between the two may make room once more.
    let write_all = |mut s: &TcpStream| loop {
        s.write(&[0; 1 << 16]).map(drop)?;
    };
    a_moved_deadline_ends(server, TcpStream::set_write_deadline, write_all);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    a_moved_deadline_ends(listener, TcpListener::set_deadline, |l| l.accept().map(drop));

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    a_moved_deadline_ends(socket, UdpSocket::set_read_deadline, |s| s.recv_from(&mut [0; 8]).map(drop));
    let (socket, _peer) = UnixDatagram::pair().unwrap();
    a_moved_deadline_ends(socket, UnixDatagram::set_deadline, |s| s.recv(&mut [0; 8]).map(drop));
    let (socket, _peer) = UnixDatagram::pair().unwrap();
    socket.set_nonblocking(true).unwrap();
    while socket.send(b"x").is_ok() {}
    socket.set_nonblocking(false).unwrap();
    a_moved_deadline_ends(socket, UnixDatagram::set_write_deadline, |s| s.send(b"x").map(drop));
}

/// One who sends to a full queue without being connected sleeps between two tries, and sees at the next what has happened.
#[gort::test]
fn a_deadline_ends_tries_to_send() {
    let _limit = limit();
    let name = SocketAddr::from_abstract_name(format!("gort-full-{}", std::process::id())).unwrap();
    let _receiver = UnixDatagram::bind_addr(&name).unwrap();
    let sender = Arc::new(UnixDatagram::unbound().unwrap());
    sender.set_nonblocking(true).unwrap();
    while sender.send_to_addr(b"x", &name).is_ok() {}
    sender.set_nonblocking(false).unwrap();
    let sends = |ends: fn(&UnixDatagram), expected: ErrorKind| {
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let (sender, name) = (sender.clone(), name.clone());
                gort::spawn(move || sender.send_to_addr(b"x", &name).unwrap_err().kind())
            })
            .collect();
        while gort::runtime::stack(true).matches("[sleep").count() < 3 {
            gort::yield_now();
        }
        ends(&sender);
        senders.into_iter().for_each(|sender| assert_eq!(sender.join().unwrap(), expected));
    };
    sends(|sender| sender.set_write_deadline(Some(Instant::now())).unwrap(), ErrorKind::TimedOut);
    sender.set_write_deadline(None).unwrap();
    sender.set_write_timeout(Some(Duration::from_micros(300))).unwrap();
    assert_eq!(sender.send_to_addr(b"x", &name).unwrap_err().kind(), ErrorKind::WouldBlock);
    sender.set_write_timeout(None).unwrap();
    sends(UnixDatagram::close, ErrorKind::NotConnected);
}

#[gort::test]
fn close_wakes_all_who_wait() {
    let _limit = limit();
    let (_client, server) = pair();
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let server = Arc::new(server);
    let mut waiters = Vec::new();
    for _ in 0..3 {
        let reader = server.clone();
        waiters.push(gort::spawn(move || (&*reader).read(&mut [0; 8]).unwrap_err().kind()));
        let listener = listener.clone();
        waiters.push(gort::spawn(move || listener.accept().map(drop).unwrap_err().kind()));
        // The first of these has filled the buffers, the others wait for their turn. What it has sent is no error.
        let writer = server.clone();
        waiters.push(gort::spawn(move || (&*writer).write_all(&vec![0; 50_000_000]).unwrap_err().kind()));
    }
    let (_sender, receiver) = gort::net::UnixDatagram::pair().unwrap();
    let receiver = Arc::new(receiver);
    waiters.push(gort::spawn({
        let receiver = receiver.clone();
        move || receiver.recv(&mut [0; 8]).unwrap_err().kind()
    }));
    waiters.push(gort::spawn({
        let receiver = receiver.clone();
        move || receiver.wait_readable().unwrap_err().kind()
    }));
    wait_for_io_waiters(11);
    receiver.close();
    server.close();
    server.close();
    listener.close();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), ErrorKind::NotConnected);
    }
    assert!((&*server).write(b"x").is_err());
    assert!(TcpStream::connect(listener.local_addr().unwrap()).is_err());
}

#[gort::test]
fn a_timeout_counts_while_another_reads() {
    let _limit = limit();
    let (_client, server) = pair();
    let server = Arc::new(server);
    let first = gort::spawn({
        let server = server.clone();
        move || (&*server).read(&mut [0; 8]).unwrap()
    });
    wait_for_io_waiters(1);
    server.set_read_timeout(Some(Duration::from_micros(500))).unwrap();
    assert_eq!((&*server).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    server.shutdown(Shutdown::Both).unwrap();
    assert_eq!(first.join().unwrap(), 0);
}

/// A listener whose queue of connections is full does not answer.
#[gort::test]
fn connect_timeout_comes() {
    let _limit = limit();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: shrinks the queue of a live listener.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let addr = listener.local_addr().unwrap();
    let mut held = Vec::new();
    let e = loop {
        match TcpStream::connect_timeout(&addr, Duration::from_millis(3)) {
            Ok(stream) => held.push(stream),
            Err(e) => break e,
        }
    };
    assert_eq!(e.kind(), ErrorKind::TimedOut);
}
