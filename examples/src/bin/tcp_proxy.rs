//! `tcp_proxy ADDRESS UPSTREAM [SECONDS]`: passes each connection on to UPSTREAM, byte for byte.
//!
//! ```text
//! $ cargo run --release -p examples --bin tcp_proxy 127.0.0.1:8081 127.0.0.1:8080
//! listening on 127.0.0.1:8081
//! ```
//!
//! A connection is two goroutines, one a direction, each a loop of read and write. The end of one direction is
//! passed on as just that (half close): a client that has said all it has to say still gets its answer. What
//! goes wrong on one side ends the other as well. UPSTREAM has SECONDS (10) to accept a connection; its name is
//! looked up once.
//!
//! Not for the open internet: any number of clients may be silent for as long as they like.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gort::go;
use gort::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

#[gort::main]
fn main() -> ExitCode {
    let usage = "tcp_proxy ADDRESS UPSTREAM [SECONDS]";
    let (address, upstream, patience) = examples::arguments(usage, |args| match args {
        [at, to] => Some((examples::address(at)?, examples::address(to)?, Duration::from_secs(10))),
        [at, to, time] => Some((examples::address(at)?, examples::address(to)?, examples::seconds(time)?)),
        _ => None,
    });
    let Err(e) = serve(&address, &upstream, patience);
    eprintln!("tcp_proxy: {address} to {upstream}: {e}");
    ExitCode::FAILURE
}

fn serve(address: &str, upstream: &str, patience: Duration) -> io::Result<std::convert::Infallible> {
    let upstream: Arc<[SocketAddr]> = upstream.to_socket_addrs()?.collect();
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((client, _)) => {
                let upstream = upstream.clone();
                go! {
                    // If nobody is there, the client sees its connection end.
                    if let Err(e) = pass_on(&client, &upstream, patience) {
                        eprintln!("tcp_proxy: upstream: {e}");
                    }
                }
            }
            // Too many open files, say: those that are connected go on.
            Err(e) => {
                eprintln!("tcp_proxy: accept: {e}");
                gort::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn pass_on(client: &TcpStream, upstream: &[SocketAddr], patience: Duration) -> io::Result<()> {
    let server = connect(upstream, patience)?;
    // What comes is passed on at once.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    gort::scope(|s| {
        s.spawn(|| copy(client, &server));
        copy(&server, client);
    });
    Ok(())
}

/// Tries the addresses in turn.
fn connect(addresses: &[SocketAddr], patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in addresses {
        match TcpStream::connect_timeout(address, patience) {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// One direction, from its beginning to its end.
fn copy(from: &TcpStream, to: &TcpStream) {
    if pump(from, to).and_then(|()| to.shutdown(Shutdown::Write)).is_err() {
        // One of them is gone. The other direction waits in a read that only this ends.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn pump(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut chunk = vec![0; 32 << 10];
    while let n @ 1.. = from.read(&mut chunk)? {
        to.write_all(&chunk[..n])?;
    }
    Ok(())
}
