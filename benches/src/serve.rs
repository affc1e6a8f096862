//! The command line of a server in Rust: `SERVER echo` or `SERVER http`.

use std::env;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process;
use std::thread;

/// What every HTTP server here answers with, to whatever it is asked.
pub const BODY: &str = "Hello, World!";

/// What is served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Service {
    /// Sends back what it receives.
    Echo,
    /// Answers each request with [`BODY`].
    Http,
}

/// What the arguments ask for.
///
/// # Panics
///
/// If they ask for nothing that is served.
pub fn service() -> Service {
    match env::args().nth(1).as_deref() {
        Some("echo") => Service::Echo,
        Some("http") => Service::Http,
        other => panic!("echo or http, not {other:?}"),
    }
}

/// Tells the load generator where to connect, and ends this process when that
/// one is gone, which closes standard input.
///
/// # Panics
///
/// If nobody reads it.
pub fn announce(address: SocketAddr) {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    let mut stdout = io::stdout();
    writeln!(stdout, "{address}").and_then(|()| stdout.flush()).expect("standard output");
}
