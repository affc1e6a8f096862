//! `tcp_proxy ADDRESS UPSTREAM`: passes each connection on to UPSTREAM, byte for byte.
//!
//! ```text
//! $ cargo run --release -p examples --bin tcp_proxy 127.0.0.1:8081 127.0.0.1:8080
//! listening on 127.0.0.1:8081
//! ```
//!
//! A connection is two goroutines, one a direction, each a loop of read and write. The end of one direction is
//! passed on as just that (half close): a client that has said all it has to say still gets its answer. What
//! goes wrong on one side ends the other as well.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use gort::go;
use gort::net::{Shutdown, TcpListener, TcpStream};

#[gort::main]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, upstream] = args.as_slice() else {
        eprintln!("usage: tcp_proxy ADDRESS UPSTREAM");
        return ExitCode::from(2);
    };
    let Err(e) = serve(address, upstream);
    eprintln!("tcp_proxy: {address}: {e}");
    ExitCode::FAILURE
}

fn serve(address: &str, upstream: &str) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((client, _)) => go!(pass_on(client, upstream.to_owned())),
            // Too many open files, say: those that are connected go on.
            Err(e) => {
                eprintln!("tcp_proxy: accept: {e}");
                gort::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn pass_on(client: TcpStream, upstream: String) {
    // If nobody is there, the client sees its connection end.
    match TcpStream::connect(&upstream) {
        Ok(server) => gort::scope(|s| {
            s.spawn(|| copy(&client, &server));
            copy(&server, &client);
        }),
        Err(e) => eprintln!("tcp_proxy: {upstream}: {e}"),
    }
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
