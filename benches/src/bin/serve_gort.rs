//! The servers on gort: a goroutine a connection, in straight lines. HTTP by
//! httparse.

use std::io::{self, Read, Write};
use std::time::SystemTime;

use benches::serve::{BODY, Service, announce, service};
use gort::go;
use gort::net::{TcpListener, TcpStream};
use httparse::{EMPTY_HEADER, Request, Status};

#[gort::main]
fn main() -> io::Result<()> {
    let service = service();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        match service {
            Service::Echo => go!(echo(stream)),
            Service::Http => go!(http(stream)),
        }
    }
}

/// Until the other side is gone.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

/// Answers whatever requests have come by now in one write, until the other
/// side is gone or sends what is no request.
fn http(mut stream: TcpStream) -> io::Result<()> {
    let mut date = Date::default();
    let mut buffer = [0; 4096];
    let mut filled = 0;
    let mut answers = Vec::with_capacity(512);
    loop {
        match stream.read(&mut buffer[filled..])? {
            0 => return Ok(()),
            n => filled += n,
        }
        let mut start = 0;
        while let Some(length) = request_length(&buffer[start..filled])? {
            start += length;
            write!(
                answers,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nDate: {}\r\n\r\n{BODY}",
                BODY.len(),
                date.now(),
            )?;
        }
        stream.write_all(&answers)?;
        answers.clear();
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

/// The length of the request at the beginning, if all of it has come. Those
/// that have a body are refused: nobody sends any here.
fn request_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut headers = [EMPTY_HEADER; 32];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes).map_err(io::Error::other)? {
        Status::Complete(_) if request.headers.iter().any(|header| has_body(header.name)) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        Status::Complete(length) => Ok(Some(length)),
        Status::Partial => Ok(None),
    }
}

fn has_body(header: &str) -> bool {
    header.eq_ignore_ascii_case("content-length") || header.eq_ignore_ascii_case("transfer-encoding")
}

/// The text of a second, made once in it.
#[derive(Default)]
struct Date {
    second: u64,
    text: String,
}

impl Date {
    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.second != second || self.text.is_empty() {
            self.text = httpdate::fmt_http_date(now);
            self.second = second;
        }
        &self.text
    }
}
