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
//! CONCURRENCY (20) are under way at a time, and each may take SECONDS (10). Redirects are not followed.
//!
//! One goroutine a URL, all started at once, each of which waits for its turn in a semaphore. That is all there
//! is to it: no pool, no queue, and the fetch itself is a function from top to bottom.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gort::channel::bounded;
use gort::go;
use gort::net::{SocketAddr, TcpStream, ToSocketAddrs};
use gort::sync::Semaphore;

const MAX_HEAD: u64 = 64 << 10;

struct Options {
    concurrency: usize,
    patience: Duration,
    urls: Vec<String>,
}

fn options(args: &[OsString]) -> Option<Options> {
    let (mut concurrency, mut patience, mut urls) = (20, Duration::from_secs(10), Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.to_str()? {
            "-c" => concurrency = examples::parse(args.next()?).filter(|&n| n > 0)?,
            "-t" => patience = examples::seconds(args.next()?)?,
            option if option.starts_with('-') => return None,
            url => urls.push(url.to_owned()),
        }
    }
    Some(Options { concurrency, patience, urls })
}

#[gort::main]
fn main() -> ExitCode {
    let usage = "fetch [-c CONCURRENCY] [-t SECONDS] [URL…]";
    let Options { concurrency, patience, mut urls } = examples::arguments(usage, options);
    if urls.is_empty() {
        match io::stdin().lines().collect() {
            Ok(lines) => urls = lines,
            Err(e) => {
                eprintln!("fetch: standard input: {e}");
                return ExitCode::FAILURE;
            }
        }
    }
    let free = Arc::new(Semaphore::new(concurrency));
    let start = |url: String| {
        let free = free.clone();
        gort::spawn(move || {
            let _turn = free.acquire();
            fetch(&url, Instant::now() + patience)
        })
    };
    let fetches: Vec<_> = urls.iter().cloned().map(start).collect();
    let mut status = ExitCode::SUCCESS;
    for (url, fetch) in urls.iter().zip(fetches) {
        match fetch.join().expect("fetch does not panic") {
            Ok((code, bytes)) => {
                if writeln!(io::stdout(), "{code} {bytes:8} {url}").is_err() {
                    break; // nobody reads on: `| head`
                }
            }
            Err(e) => {
                eprintln!("fetch: {url}: {e}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status // the end of main ends the goroutines, as in Go
}

/// Status and length of the body.
fn fetch(url: &str, deadline: Instant) -> io::Result<(u16, u64)> {
    let invalid = |why: &'static str| io::Error::new(io::ErrorKind::InvalidData, why);
    let rest = url.strip_prefix("http://").ok_or_else(|| invalid("not an http:// URL"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    if host.is_empty() || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(invalid("not a URL"));
    }
    // The colons of `[::1]` are before its bracket.
    let has_port = host.rfind(':') > host.rfind(']');
    let mut stream = connect(if has_port { host.to_owned() } else { format!("{host}:80") }, deadline)?;
    stream.set_deadline(Some(deadline))?;

    // With version 1.0 the server closes when it is done, and sends no chunks.
    let request = format!("GET {slash}{path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: gort-fetch\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reply = BufReader::new(stream);
    let (mut head, mut lines) = (Vec::new(), reply.by_ref().take(MAX_HEAD));
    while lines.read_until(b'\n', &mut head)? > 0 && !head.ends_with(b"\n\r\n") {}

    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    if !response.parse(&head).is_ok_and(|status| status.is_complete()) {
        return Err(invalid("the answer is not HTTP"));
    }
    let length = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|h| std::str::from_utf8(h.value).ok()?.parse().ok());
    // Counted, not kept.
    let body = io::copy(&mut reply.take(length.unwrap_or(u64::MAX)), &mut io::sink())?;
    if length.is_some_and(|length| body < length) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is cut off"));
    }
    Ok((response.code.expect("it is complete"), body))
}

/// Tries the addresses of the name in turn. The look-up cannot be called off: one that takes too long is left to itself.
fn connect(name: String, deadline: Instant) -> io::Result<TcpStream> {
    let (found, addresses) = bounded(1);
    go! {
        let addresses = gort::blocking_on_system_stack(|| name.to_socket_addrs());
        let _ = found.send(addresses.map(Vec::from_iter));
    }
    let in_time = addresses.recv_deadline(deadline);
    let addresses: Vec<SocketAddr> =
        in_time.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the name was not found in time"))??;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        match TcpStream::connect_timeout(&address, left.max(Duration::from_nanos(1))) {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(last)
}
