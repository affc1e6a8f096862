//! How waits for a socket end without an event: timeouts, deadlines, a close.

mod api_support;
mod net_support;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api_support::limit;
use gort::net::{Shutdown, TcpListener, TcpStream};
use net_support::{pair, wait_for_io_waiters};

#[gort::test]
fn timeouts_below_a_millisecond() {
    let _limit = limit();
    let (_client, mut server) = pair();
    assert_eq!(server.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    let timeout = Duration::from_micros(200);
    server.set_read_timeout(Some(timeout)).unwrap();
    assert_eq!(server.read_timeout().unwrap(), Some(timeout));
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let start = Instant::now();
        let e = server.read(&mut [0; 8]).unwrap_err();
        let took = start.elapsed();
        assert_eq!(e.kind(), ErrorKind::WouldBlock);
        assert!(took >= timeout, "too early: {took:?}");
        best = best.min(took);
    }
    assert!(best < Duration::from_micros(900), "rounded up to milliseconds: {best:?}");
}

#[gort::test]
fn a_write_timeout_gives_what_was_sent() {
    let _limit = limit();
    let (client, _server) = pair();
    client.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
    let big = vec![0; 50_000_000];
    let sent = (&client).write(&big).unwrap();
    assert!(sent > 0 && sent < big.len());
    assert_eq!((&client).write(&big).unwrap_err().kind(), ErrorKind::WouldBlock);
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

#[gort::test]
fn moving_a_deadline_wakes_who_waits() {
    let _limit = limit();
    let (_client, server) = pair();
    let server = Arc::new(server);
    server.set_read_deadline(Some(Instant::now() + Duration::from_secs(3600))).unwrap();
    // The first waits for data, the others for their turn.
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let server = server.clone();
            gort::spawn(move || (&*server).read(&mut [0; 8]).unwrap_err().kind())
        })
        .collect();
    wait_for_io_waiters(4);
    server.set_read_deadline(Some(Instant::now())).unwrap();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), ErrorKind::TimedOut);
    }
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
