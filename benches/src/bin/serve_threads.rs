//! The echo server with a thread a connection.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use benches::serve::{Service, announce, service};

fn main() -> io::Result<()> {
    assert_eq!(service(), Service::Echo, "only that");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || echo(stream));
    }
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
