//! `http_server [ADDRESS [CONNECTIONS [SECONDS]]]`: an HTTP/1.1 server, a goroutine a connection.
//!
//! ```text
//! $ cargo run --release -p examples --bin http_server 127.0.0.1:8080
//! listening on 127.0.0.1:8080
//! ```
//!
//! It serves at most CONNECTIONS clients at a time (the others wait to be accepted), each of which may be
//! silent for SECONDS, and has as long to take an answer. `GET /` greets, `POST /echo` sends the body back,
//! `GET /slow/MS` takes a while.
//!
//! Everything is written as if each client had the machine for itself: read, parse, answer, again. Requests
//! may come in one packet (pipelining) or byte by byte; what is wrong with one is told in the answer, and the
//! connection ends. On SIGTERM or ^C no more connections are accepted, idle ones end, and requests that have
//! begun are answered; a second ^C ends the process at once.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use gort::context::Context;
use gort::net::{Shutdown, TcpListener, TcpStream};
use gort::signal::{self, Signal};
use gort::sync::{Mutex, Semaphore};
use gort::{go, scope};

const MAX_HEAD: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
const MAX_BODY: usize = 1 << 20;
/// How long requests may take to be answered after SIGTERM.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a client may take to hang up after the last answer.
const LINGER: Duration = Duration::from_secs(1);

#[gort::main]
fn main() -> ExitCode {
    let usage = "http_server [ADDRESS [CONNECTIONS [SECONDS]]]";
    let (address, connections, patience) = examples::arguments(usage, |args| {
        let address = args.first().map_or(Some("127.0.0.1:8080".to_owned()), |arg| examples::address(arg))?;
        let connections = args.get(1).map_or(Some(10_000), |arg| examples::parse(arg))?;
        let patience = args.get(2).map_or(Some(Duration::from_secs(60)), |arg| examples::seconds(arg))?;
        (args.len() <= 3 && connections > 0).then_some((address, connections, patience))
    });
    match serve(&address, connections, patience) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("http_server: {address}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Listens until a signal says that it is enough, and for as long as it then takes.
fn serve(address: &str, connections: usize, patience: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let (ctx, stop) = signal::notify_context(&Context::background(), &[Signal::SIGTERM, Signal::SIGINT]);
    println!("listening on {}", listener.local_addr()?);
    let clients = listener.try_clone()?;
    let (drained, all_drained) = gort::channel::bounded::<()>(0);
    let for_clients = ctx.clone();
    go! {
        accept(&clients, &for_clients, connections, patience);
        drop(drained);
    }
    let _ = ctx.done().recv();
    stop.cancel(); // from here on the signals have their usual effect again
    println!("draining");
    listener.close();
    match all_drained.recv_timeout(DRAIN) {
        Err(e) if e.is_timeout() => Err(io::Error::other("some requests were not answered in time")),
        _ => Ok(()),
    }
}

/// Accepts clients until the end, and returns when all have left: the scope waits for its goroutines.
fn accept(listener: &TcpListener, ctx: &Context, connections: usize, patience: Duration) {
    let free = Semaphore::new(connections);
    scope(|s| {
        loop {
            let permit = free.acquire();
            match listener.accept() {
                Ok((stream, _)) => drop(s.spawn(move || {
                    let _permit = permit;
                    // A client that hangs up, or is silent for too long, is no concern of ours.
                    let _ = Connection::new(stream, patience).and_then(|client| client.serve(ctx));
                })),
                Err(_) if ctx.err().is_some() => return, // the listener is closed
                // Too many open files, say: the listener lives on.
                Err(e) => {
                    eprintln!("http_server: accept: {e}");
                    gort::sleep(Duration::from_millis(10));
                }
            }
        }
    });
}

struct Connection {
    stream: TcpStream,
    patience: Duration,
    /// Whether the client has nothing under way.
    idle: Mutex<bool>,
}

impl Connection {
    fn new(stream: TcpStream, patience: Duration) -> io::Result<Arc<Self>> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Arc::new(Self { stream, patience, idle: Mutex::new(false) }))
    }

    /// Serves the client, and has an eye on the end meanwhile.
    fn serve(self: &Arc<Self>, ctx: &Context) -> io::Result<()> {
        let client = self.clone();
        let at_end = ctx.after_func(move || client.end());
        let result = self.talk(ctx);
        at_end.stop();
        result
    }

    /// Answers requests until one side has had enough.
    fn talk(&self, ctx: &Context) -> io::Result<()> {
        let (mut input, mut output, mut chunk) = (Vec::new(), Vec::new(), vec![0; 16 << 10]);
        let mut begun = Instant::now();
        loop {
            match parse(&input) {
                Ok(Parsed::Whole(request, length)) => {
                    if request.is_slow() {
                        self.send(&mut output)?; // the answers to those before it
                    }
                    let last = !request.keep_alive || ctx.err().is_some();
                    request.answer(last, &mut output);
                    input.drain(..length);
                    if last {
                        break;
                    }
                    if output.len() < MAX_BODY {
                        continue; // there may be another one that has come with it
                    }
                }
                Ok(Parsed::Part { wants_continue: false }) => {}
                Ok(Parsed::Part { wants_continue: true }) => {
                    output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                Err(problem) => {
                    problem.answer(&mut output);
                    break;
                }
            }
            if !output.is_empty() {
                self.send(&mut output)?;
                begun = Instant::now();
            }
            let idle = input.is_empty();
            // First this, then a look at `ctx`: see `end`.
            *self.idle.lock().unwrap() = idle;
            if idle && ctx.err().is_some() || self.read(&mut chunk, &mut input)? == 0 {
                break;
            }
            *self.idle.lock().unwrap() = false;
            if idle {
                begun = Instant::now();
            } else if begun.elapsed() > self.patience {
                Problem("408 Request Timeout", "the request took too long").answer(&mut output);
                break;
            }
        }
        self.send(&mut output)?;
        // What the client has yet to send is read, or the kernel would take our last words back.
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.set_read_timeout(Some(LINGER))?;
        let begun = Instant::now();
        while begun.elapsed() < LINGER && self.read(&mut chunk, &mut input)? > 0 {
            input.clear();
        }
        Ok(())
    }

    /// Sends the answers that are there, all within the time that there is for it.
    fn send(&self, output: &mut Vec<u8>) -> io::Result<()> {
        self.stream.set_write_deadline(Some(Instant::now() + self.patience))?;
        (&self.stream).write_all(output)?;
        output.clear();
        Ok(())
    }

    /// Appends what has come to what is there; nothing at the end.
    fn read(&self, chunk: &mut [u8], input: &mut Vec<u8>) -> io::Result<usize> {
        let n = (&self.stream).read(chunk)?;
        input.extend_from_slice(&chunk[..n]);
        Ok(n)
    }

    /// The end has come: a client that waits for a request waits no longer. One that is not idle now will look at the
    /// context before it waits again.
    fn end(&self) {
        if *self.idle.lock().unwrap() {
            let _ = self.stream.shutdown(Shutdown::Read);
        }
    }
}

/// What is wrong with a request: the status, and a line for the reader.
struct Problem(&'static str, &'static str);

impl Problem {
    fn answer(&self, output: &mut Vec<u8>) {
        write_response(self.0, &[self.1.as_bytes(), b"\n"].concat(), true, true, output);
    }
}

struct Request<'a> {
    method: &'a str,
    path: &'a str,
    body: &'a [u8],
    keep_alive: bool,
}

enum Parsed<'a> {
    /// A request, and the bytes that it takes.
    Whole(Request<'a>, usize),
    Part {
        wants_continue: bool,
    },
}

fn parse(input: &[u8]) -> Result<Parsed<'_>, Problem> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(input) {
        Ok(httparse::Status::Complete(head)) if head <= MAX_HEAD => head,
        Ok(httparse::Status::Partial) if input.len() <= MAX_HEAD => {
            return Ok(Parsed::Part { wants_continue: false });
        }
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Problem("431 Request Header Fields Too Large", "the head is too large"));
        }
        Err(_) => return Err(Problem("400 Bad Request", "this is not HTTP")),
    };
    let (mut length, mut hosts) = (None, 0);
    let (mut keep_alive, mut expects) = (request.version == Some(1), false);
    for header in request.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let says = |word: &str| {
            std::str::from_utf8(header.value)
                .is_ok_and(|v| v.split(',').any(|v| v.trim().eq_ignore_ascii_case(word)))
        };
        if is("content-length") {
            let digits =
                std::str::from_utf8(header.value).ok().filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
            match digits.and_then(|v| v.parse::<usize>().ok()) {
                Some(n) if length.is_none_or(|length| length == n) => length = Some(n),
                _ => return Err(Problem("400 Bad Request", "Content-Length makes no sense")),
            }
        } else if is("transfer-encoding") {
            return Err(Problem(
                "501 Not Implemented",
                "Transfer-Encoding is not supported: send Content-Length",
            ));
        } else if is("connection") {
            keep_alive = (keep_alive || says("keep-alive")) && !says("close");
        } else if is("expect") {
            expects = says("100-continue");
        } else if is("host") {
            hosts += 1;
        }
    }
    if hosts > 1 || hosts == 0 && request.version == Some(1) {
        return Err(Problem("400 Bad Request", "there must be one Host"));
    }
    let end = head + length.unwrap_or(0).min(MAX_BODY + 1);
    if end - head > MAX_BODY {
        return Err(Problem("413 Content Too Large", "the body is too large"));
    }
    let Some(body) = input.get(head..end) else {
        return Ok(Parsed::Part { wants_continue: expects && input.len() == head });
    };
    let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    Ok(Parsed::Whole(Request { method, path, body, keep_alive }, end))
}

impl Request<'_> {
    /// The path without the query, and without the server's name if that comes first.
    fn path(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        match path.strip_prefix("http://") {
            Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => path,
        }
    }

    fn is_slow(&self) -> bool {
        self.path().starts_with("/slow/")
    }

    fn answer(&self, last: bool, output: &mut Vec<u8>) {
        let path = self.path();
        let slow = path.strip_prefix("/slow/").and_then(|ms| ms.parse().ok());
        let (status, body) = match (self.method, path) {
            ("GET" | "HEAD", "/") => ("200 OK", &b"Hello, World!\n"[..]),
            ("POST", "/echo") => ("200 OK", self.body),
            (_, "/") => ("405 Method Not Allowed\r\nAllow: GET, HEAD", &b"not this way\n"[..]),
            (_, "/echo") => ("405 Method Not Allowed\r\nAllow: POST", &b"not this way\n"[..]),
            ("GET", _) if slow.is_some() => {
                gort::sleep(Duration::from_millis(slow.unwrap_or_default()));
                ("200 OK", &b"at last\n"[..])
            }
            _ => ("404 Not Found", &b"nothing here\n"[..]),
        };
        write_response(status, body, self.method != "HEAD", last, output);
    }
}

/// `status`: with the headers that only this one has.
fn write_response(status: &str, body: &[u8], with_body: bool, last: bool, output: &mut Vec<u8>) {
    let (date, length) = (httpdate::fmt_http_date(SystemTime::now()), body.len());
    let connection = if last { "Connection: close\r\n" } else { "" };
    let _ = write!(
        output,
        "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n{connection}\r\n"
    );
    if with_body {
        output.extend_from_slice(body);
    }
}
