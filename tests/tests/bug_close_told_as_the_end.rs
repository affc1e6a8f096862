//! Bug: who waited in an operation while another goroutine closed the socket was told what the kernel says of the
//! shutdown that goes with it: the end of a Unix datagram socket, `wait_readable` without an error, EINVAL of
//! `accept`. Now it is that the socket is closed.

mod api_support;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use api_support::limit;
use gort::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

/// Closes while `operation` begins, waits or is woken.
#[track_caller]
fn closed_during<S: Send + Sync + 'static>(
    socket: S,
    close: fn(&S),
    operation: fn(&S) -> io::Result<()>,
    round: usize,
) {
    let socket = Arc::new(socket);
    let same = socket.clone();
    let operates = gort::spawn(move || operation(&same));
    for _ in 0..round % 4 {
        gort::yield_now();
    }
    close(&socket);
    let e = operates.join().unwrap().unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotConnected, "{e}");
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (a, listener.accept().unwrap().0)
}

#[gort::test]
fn bug_close_told_as_the_end() {
    let _limit = limit();
    let before = gort::gomaxprocs(2);
    let path = std::env::temp_dir().join(format!("gort-close-{}", std::process::id()));
    for round in 0..200 {
        let (a, _b) = UnixDatagram::pair().unwrap();
        closed_during(a, UnixDatagram::close, |s| s.recv(&mut [0; 8]).map(drop), round);
        let (a, _b) = UnixDatagram::pair().unwrap();
        closed_during(a, UnixDatagram::close, |s| s.recv_from(&mut [0; 8]).map(drop), round);
        let (a, _b) = UnixDatagram::pair().unwrap();
        closed_during(a, UnixDatagram::close, |s| s.wait_readable(), round);
        let (a, _b) = UnixStream::pair().unwrap();
        closed_during(a, UnixStream::close, |mut s| s.read(&mut [0; 8]).map(drop), round);
        let (a, _b) = UnixStream::pair().unwrap();
        closed_during(a, UnixStream::close, |s| s.wait_readable(), round);
        let (a, _b) = tcp();
        closed_during(a, TcpStream::close, |mut s| s.read(&mut [0; 8]).map(drop), round);
        let (a, _b) = tcp();
        closed_during(a, TcpStream::close, |s| s.peek(&mut [0; 8]).map(drop), round);
        let (a, _b) = tcp();
        closed_during(a, TcpStream::close, |mut s| s.write_all(&[0; 1 << 23]), round);
        let a = UdpSocket::bind("127.0.0.1:0").unwrap();
        a.connect(a.local_addr().unwrap()).unwrap();
        closed_during(a, UdpSocket::close, |s| s.recv(&mut [0; 8]).map(drop), round);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        closed_during(listener, TcpListener::close, |l| l.accept().map(drop), round);
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        closed_during(listener, UnixListener::close, |l| l.accept().map(drop), round);
    }
    gort::gomaxprocs(before);
}
