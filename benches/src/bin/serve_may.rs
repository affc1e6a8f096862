//! The servers on may, HTTP by may_minihttp.

use std::io::{self, Read, Write};

use benches::peer;
use benches::serve::{BODY, Service, announce, service};
use may::go;
use may::net::{TcpListener, TcpStream};
use may_minihttp::{HttpServer, HttpService, Request, Response};

fn main() -> io::Result<()> {
    may::config().set_workers(peer::procs());
    match service() {
        Service::Echo => serve_echo(),
        Service::Http => serve_http(),
    }
}

fn serve_echo() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?);
    let serve = go!(move || -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept()?;
            go!(move || echo(stream));
        }
    });
    serve.join().expect("no panic")
}

/// Until the other side is gone.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

#[derive(Clone)]
struct Hello;

impl HttpService for Hello {
    fn call(&mut self, _: Request, response: &mut Response) -> io::Result<()> {
        response.header("Content-Type: text/plain").body(BODY);
        Ok(())
    }
}

/// may_minihttp does not say which port it got, and so is told one that was
/// free a moment before.
fn serve_http() -> io::Result<()> {
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let server = HttpServer(Hello).start(address)?;
    announce(address);
    server.join().expect("no panic");
    Ok(())
}
