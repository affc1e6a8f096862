//! What the tests of sockets need.

#![allow(dead_code)]

use gort::net::{TcpListener, TcpStream};

/// The two ends of a connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

/// Waits until as many goroutines or threads wait in I/O.
pub(crate) fn wait_for_io_waiters(n: usize) {
    while gort::runtime::stack(true).matches("[IO wait").count() < n {
        gort::yield_now();
    }
}
