//! TCP over loopback: what std does, several goroutines on one socket, plain threads, descriptors.

mod api_support;
mod net_support;

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api_support::{join_thread, limit, on_thread};
use gort::net::{Shutdown, TcpListener, TcpStream};
use net_support::{pair, wait_for_io_waiters};

fn echo_many(gomaxprocs: usize) {
    let _limit = limit();
    let before = gort::gomaxprocs(gomaxprocs);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = gort::spawn(move || {
        for _ in 0..50 {
            let (mut stream, _) = listener.accept().unwrap();
            gort::go!(move || {
                let mut buf = [0; 100];
                while let Ok(n @ 1..) = stream.read(&mut buf) {
                    stream.write_all(&buf[..n]).unwrap();
                }
            });
        }
    });
    let clients: Vec<_> = (0..50u8)
        .map(|i| {
            gort::spawn(move || {
                let mut stream = TcpStream::connect(addr).unwrap();
                for round in 0..100u8 {
                    let message = [i ^ round; 64];
                    stream.write_all(&message).unwrap();
                    let mut answer = [0; 64];
                    stream.read_exact(&mut answer).unwrap();
                    assert_eq!(answer, message);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    server.join().unwrap();
    gort::gomaxprocs(before);
}

#[gort::test]
fn echo_at_several_gomaxprocs() {
    for n in [1, 2, 3, 8] {
        echo_many(n);
    }
}

#[gort::test]
fn plain_threads_wait_too() {
    let _limit = limit();
    let (mut client, mut server) = pair();
    let (timed_out, times_out) = gort::channel::bounded(1);
    let thread = on_thread(move || {
        let mut buf = [0; 5];
        server.read_exact(&mut buf).unwrap();
        server.write_all(&buf).unwrap();
        server.set_read_timeout(Some(Duration::from_micros(300))).unwrap();
        assert_eq!(server.read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        server.set_read_timeout(None).unwrap();
        timed_out.send(()).unwrap();
        assert_eq!(server.read(&mut buf).unwrap(), 0);
    });
    client.write_all(b"hello").unwrap();
    let mut buf = [0; 5];
    client.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"hello");
    times_out.recv().unwrap();
    client.shutdown(Shutdown::Both).unwrap();
    join_thread(thread);
}

#[gort::test]
fn a_whole_exchange_between_plain_threads() {
    let _limit = limit();
    let server = on_thread(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let client = on_thread(move || {
            let mut text = String::new();
            TcpStream::connect(addr).unwrap().read_to_string(&mut text).unwrap();
            text
        });
        listener.accept().unwrap().0.write_all(b"from a thread").unwrap();
        client.join().unwrap()
    });
    assert_eq!(join_thread(server), "from a thread");
}

#[gort::test]
fn end_of_file_right_behind_data() {
    let _limit = limit();
    for _ in 0..200 {
        let (client, mut server) = pair();
        gort::go!(move || {
            (&client).write_all(b"last words").unwrap();
            drop(client);
        });
        let mut text = Vec::new();
        // Buffers larger than what there is: each read takes all and must not wait for more behind the end.
        server.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"last words");
    }
}

#[gort::test]
fn bytes_behind_urgent_data_are_read() {
    let _limit = limit();
    let (client, mut server) = pair();
    (&client).write_all(b"a").unwrap();
    let mut buf = [0; 16];
    assert_eq!(server.read(&mut buf).unwrap(), 1);
    // SAFETY: a live descriptor and a live byte.
    let n = unsafe { libc::send(client.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    assert_eq!(n, 1);
    (&client).write_all(b"bc").unwrap();
    let mut text = Vec::new();
    while text.len() < 2 {
        let n = server.read(&mut buf).unwrap();
        text.extend_from_slice(&buf[..n]);
    }
    assert_eq!(text, b"bc");
}

#[gort::test]
fn half_close() {
    let _limit = limit();
    let (mut client, mut server) = pair();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    server.write_all(b"answer").unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!((text.as_str(), answer.as_str()), ("question", "answer"));
    assert_eq!(client.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[gort::test]
fn a_large_write_waits_for_a_slow_reader() {
    let _limit = limit();
    let (client, mut server) = pair();
    let sent: Vec<u8> = (0..8_000_000u32).map(|i| (i * 7) as u8).collect();
    let expected = sent.clone();
    let writer = gort::spawn(move || (&client).write(&sent).unwrap());
    let mut got = Vec::new();
    let mut buf = vec![0; 10_000];
    loop {
        let n = server.read(&mut buf).unwrap();
        if n == 0 {
            break;
        }
        got.extend_from_slice(&buf[..n]);
        gort::yield_now();
    }
    assert_eq!(writer.join().unwrap(), expected.len(), "as in std, a write is taken whole");
    assert!(got == expected);
}

#[gort::test]
fn vectored() {
    let _limit = limit();
    let (client, mut server) = pair();
    let big = vec![7u8; 3_000_000];
    let expected = big.len() * 2 + 3;
    let writer = gort::spawn(move || {
        let bufs = [IoSlice::new(b"abc"), IoSlice::new(&big), IoSlice::new(&big)];
        (&client).write_vectored(&bufs).unwrap()
    });
    let (mut a, mut b) = ([0; 2], [0; 4]);
    let n = server.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).unwrap();
    assert!((1..=6).contains(&n));
    let mut rest = Vec::new();
    server.read_to_end(&mut rest).unwrap();
    assert_eq!(n + rest.len(), expected);
    assert_eq!(writer.join().unwrap(), expected);
    assert_eq!(&a[..n.min(2)], &b"abc"[..n.min(2)]);
}

#[gort::test]
fn several_readers_get_all_bytes_once() {
    let _limit = limit();
    let (client, server) = pair();
    let server = Arc::new(server);
    let sum = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (server, sum) = (server.clone(), sum.clone());
            gort::spawn(move || {
                let mut buf = [0; 3];
                loop {
                    match (&*server).read(&mut buf).unwrap() {
                        0 => return,
                        n => sum.fetch_add(n, Ordering::Relaxed),
                    };
                }
            })
        })
        .collect();
    for _ in 0..2000 {
        (&client).write_all(&[1; 11]).unwrap();
    }
    drop(client);
    for reader in readers {
        reader.join().unwrap();
    }
    assert_eq!(sum.load(Ordering::Relaxed), 22_000);
}

/// A write is taken whole before the next begins.
#[gort::test]
fn what_several_write_is_not_mixed() {
    let _limit = limit();
    const LENGTH: usize = 1_000_000;
    let (client, mut server) = pair();
    let client = Arc::new(client);
    let writers: Vec<_> = (0..6)
        .map(|i| {
            let client = client.clone();
            gort::spawn(move || {
                let half = vec![i; LENGTH / 2];
                let n = match i % 2 {
                    0 => (&*client).write(&half.repeat(2)),
                    _ => (&*client).write_vectored(&[IoSlice::new(&half), IoSlice::new(&half)]),
                };
                assert_eq!(n.unwrap(), LENGTH);
            })
        })
        .collect();
    let mut seen = [false; 6];
    for _ in 0..6 {
        let mut message = vec![0; LENGTH];
        server.read_exact(&mut message).unwrap();
        let i = message[0];
        assert!(message.iter().all(|&b| b == i), "two are mixed");
        assert!(!std::mem::replace(&mut seen[usize::from(i)], true));
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[gort::test]
fn several_acceptors() {
    let _limit = limit();
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let addr = listener.local_addr().unwrap();
    let acceptors: Vec<_> = (0..5)
        .map(|_| {
            let listener = listener.clone();
            gort::spawn(move || {
                for _ in 0..20 {
                    listener.accept().unwrap();
                }
            })
        })
        .collect();
    for _ in 0..100 {
        TcpStream::connect(addr).unwrap();
    }
    for acceptor in acceptors {
        acceptor.join().unwrap();
    }
}

#[gort::test]
fn wait_readable_takes_nothing() {
    let _limit = limit();
    let (mut client, mut server) = pair();
    server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(server.wait_readable().unwrap_err().kind(), ErrorKind::WouldBlock);
    server.set_read_timeout(None).unwrap();
    let writer = gort::spawn(move || {
        client.write_all(b"hi").unwrap();
        client
    });
    server.wait_readable().unwrap();
    server.wait_readable().unwrap();
    let mut buf = [0; 8];
    assert_eq!(server.peek(&mut buf).unwrap(), 2);
    assert_eq!(server.read(&mut buf).unwrap(), 2);
    drop(writer.join().unwrap());
    server.wait_readable().unwrap();
    assert_eq!(server.read(&mut buf).unwrap(), 0);
    server.wait_readable().unwrap();
}

#[gort::test]
fn nonblocking_mode() {
    let _limit = limit();
    let (mut client, mut server) = pair();
    let clone = server.try_clone().unwrap();
    clone.set_nonblocking(true).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.write_all(b"x").unwrap();
    server.set_nonblocking(false).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[gort::test]
fn from_std_and_back() {
    let _limit = limit();
    let (client, mut server) = pair();
    let clone = server.try_clone().unwrap();
    // One that has waited is registered.
    server.set_read_timeout(Some(Duration::from_micros(10))).unwrap();
    assert!(server.read(&mut [0; 1]).is_err());
    let mut std: std::net::TcpStream = server.into();
    drop(clone);
    // SAFETY: an open descriptor.
    let flags = unsafe { libc::fcntl(std.as_raw_fd(), libc::F_GETFL) };
    assert_eq!(flags & libc::O_NONBLOCK, 0, "in blocking mode");
    (&client).write_all(b"abc").unwrap();
    let mut buf = [0; 3];
    std.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"abc");
    let mut again = TcpStream::from(std);
    (&client).write_all(b"def").unwrap();
    again.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"def");
    let listener: std::net::TcpListener = TcpListener::bind("127.0.0.1:0").unwrap().into();
    // SAFETY: as above.
    let flags = unsafe { libc::fcntl(listener.as_raw_fd(), libc::F_GETFL) };
    assert_eq!(flags & libc::O_NONBLOCK, 0, "in blocking mode");
    let addr = listener.local_addr().unwrap();
    let listener = TcpListener::from(listener);
    let accept = gort::spawn(move || listener.accept().map(drop));
    TcpStream::connect(addr).unwrap();
    accept.join().unwrap().unwrap();
    assert!(again.as_fd().try_clone_to_owned().is_ok());
    let _: OwnedFd = again.into();
}

#[gort::test]
fn connecting() {
    let _limit = limit();
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    assert_eq!(TcpStream::connect(refused).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let e = TcpStream::connect_timeout(&refused, Duration::from_secs(5)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::ConnectionRefused);
    let e = TcpStream::connect_timeout(&refused, Duration::ZERO).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::InvalidInput);
    let listener = TcpListener::bind("localhost:0").unwrap();
    let addr = listener.local_addr().unwrap();
    // Addresses are tried in turn.
    let stream = TcpStream::connect(&[refused, addr][..]).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), addr);
    assert!(stream.take_error().unwrap().is_none());
    let none: &[std::net::SocketAddr] = &[];
    assert_eq!(TcpStream::connect(none).unwrap_err().kind(), ErrorKind::InvalidInput);
    stream.set_nodelay(true).unwrap();
    assert!(stream.nodelay().unwrap());
    stream.set_ttl(33).unwrap();
    assert_eq!(stream.ttl().unwrap(), 33);
}

#[gort::test]
fn a_reset_is_an_error() {
    let _limit = limit();
    let (client, mut server) = pair();
    (&client).write_all(b"unread").unwrap();
    server.wait_readable().unwrap();
    let reader = gort::spawn(move || {
        // Data is read before the reset arrives or lost with it.
        loop {
            match (&client).read(&mut [0; 8]) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(e) => return Some(e.kind()),
            }
        }
    });
    wait_for_io_waiters(1);
    // Closed with data unread: a reset.
    server.set_nonblocking(true).unwrap();
    let _ = server.flush();
    drop(server);
    assert_eq!(reader.join().unwrap(), Some(ErrorKind::ConnectionReset));
}

/// In a process of its own, of one P.
#[track_caller]
fn program(name: &str) {
    let mut command = std::process::Command::new("timeout");
    command.args(["60", env!("CARGO_BIN_EXE_prog_net"), name]).env("GOMAXPROCS", "1");
    let status = command.status().unwrap();
    assert!(status.success(), "{status}");
}

/// They are counted, and used up.
#[test]
fn descriptors() {
    program("descriptors");
}

#[test]
fn a_broken_pipe_is_an_error_and_no_signal() {
    program("broken_pipe");
}

#[test]
fn lookups_have_a_limit() {
    program("lookups");
}

#[test]
fn who_waits_for_a_unix_queue_has_no_thread() {
    program("unix_queues");
}

#[test]
fn who_connects_or_looks_up_a_name_stops_nobody() {
    program("nobody_stops");
}
