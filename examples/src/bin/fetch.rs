//! `fetch [-c CONCURRENCY] [-t SECONDS] [URL…]`: fetches many URLs at the same time.
//!
//! ```text
//! $ cargo run --release -p examples --bin fetch http://127.0.0.1:8080/ http://127.0.0.1:8080/nowhere
//! 200       14 http://127.0.0.1:8080/
//! 404       13 http://127.0.0.1:8080/nowhere
//! ```
//!
//! A line for each URL, in their order: status, bytes of the body, URL; from standard input, one a line, if
//! none is an argument. What could not be fetched is told on standard error, and the status is 1. At most
//! CONCURRENCY (20) are under way at a time, and each may take SECONDS (10).
//!
//! One goroutine a URL, all started at once, each of which waits for its turn in a semaphore. That is all there
//! is to it: no pool, no queue, and the fetch itself is a function from top to bottom.

use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gort::net::{TcpStream, ToSocketAddrs};
use gort::sync::Semaphore;

const MAX_HEAD: usize = 64 << 10;

struct Options {
    concurrency: usize,
    patience: Duration,
    urls: Vec<String>,
}

fn options() -> Option<Options> {
    let (mut concurrency, mut seconds, mut urls) = (20, 10.0, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-c" => concurrency = args.next()?.parse().ok().filter(|&n| n > 0)?,
            "-t" => seconds = args.next()?.parse().ok()?,
            _ if arg.starts_with('-') => return None,
            _ => urls.push(arg),
        }
    }
    let patience = Duration::try_from_secs_f64(seconds).ok().filter(|d| !d.is_zero())?;
    Some(Options { concurrency, patience, urls })
}

#[gort::main]
fn main() -> ExitCode {
    let Some(Options { concurrency, patience, mut urls }) = options() else {
        eprintln!("usage: fetch [-c CONCURRENCY] [-t SECONDS] [URL…]");
        return ExitCode::from(2);
    };
    if urls.is_empty() {
        match io::stdin().lock().lines().collect() {
            Ok(lines) => urls = lines,
            Err(e) => {
                eprintln!("fetch: standard input: {e}");
                return ExitCode::FAILURE;
            }
        }
    }
    let free = Semaphore::new(concurrency);
    let mut status = ExitCode::SUCCESS;
    gort::scope(|s| {
        let fetch = |url| {
            let free = &free;
            s.spawn(move || {
                let _turn = free.acquire();
                fetch(url, Instant::now() + patience)
            })
        };
        let fetches: Vec<_> = urls.iter().map(|url| fetch(url.as_str())).collect();
        for (url, fetch) in urls.iter().zip(fetches) {
            match fetch.join().expect("fetch does not panic") {
                Ok((code, bytes)) => println!("{code} {bytes:8} {url}"),
                Err(e) => {
                    eprintln!("fetch: {url}: {e}");
                    status = ExitCode::FAILURE;
                }
            }
        }
    });
    status
}

/// Status and length of the body.
fn fetch(url: &str, deadline: Instant) -> io::Result<(u16, usize)> {
    let invalid = |why: &'static str| io::Error::new(io::ErrorKind::InvalidData, why);
    let rest = url.strip_prefix("http://").ok_or_else(|| invalid("not an http:// URL"))?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (host, path) = (&rest[..slash], if slash < rest.len() { &rest[slash..] } else { "/" });
    if host.is_empty() || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(invalid("not a URL"));
    }
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };

    let mut stream = connect(&address, deadline)?;
    // With version 1.0 the server closes when it is done, and sends no chunks.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: gort-fetch\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    read_to_end(&mut stream, &mut reply, deadline)?;

    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(&reply[..reply.len().min(MAX_HEAD)]) {
        Ok(httparse::Status::Complete(head)) => head,
        _ => return Err(invalid("the answer is not HTTP")),
    };
    let body = reply.len() - head;
    for header in response.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("content-length")) {
        let expected = std::str::from_utf8(header.value).ok().and_then(|v| v.trim().parse::<usize>().ok());
        if expected != Some(body) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is cut off"));
        }
    }
    Ok((response.code.expect("it is complete"), body))
}

/// Until `deadline`; an error when that has come.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::Error::new(io::ErrorKind::TimedOut, "timed out")) } else { Ok(left) }
}

/// Tries the addresses of the name in turn.
fn connect(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn read_to_end(stream: &mut TcpStream, reply: &mut Vec<u8>, deadline: Instant) -> io::Result<()> {
    let mut chunk = vec![0; 16 << 10];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => reply.extend_from_slice(&chunk[..n]),
            // The kernel's word for it.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}
