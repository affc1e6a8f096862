//! The echo server as one loop over epoll: what the kernel asks for each
//! request is a read and a write, and its share of a wait.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};

use benches::serve::{Service, announce, service};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);

fn main() -> io::Result<()> {
    assert_eq!(service(), Service::Echo, "only that");
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address"))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    announce(listener.local_addr()?);
    let mut streams = HashMap::new();
    let mut last = LISTENER;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != LISTENER {
                if let Some(stream) = streams.get_mut(&event.token())
                    && !echo(stream).unwrap_or(false)
                {
                    streams.remove(&event.token());
                }
                continue;
            }
            while let Ok((mut stream, _)) = listener.accept() {
                stream.set_nodelay(true)?;
                last = Token(last.0 + 1);
                poll.registry().register(&mut stream, last, Interest::READABLE)?;
                streams.insert(last, stream);
            }
        }
    }
}

/// Sends back what is there, and says whether the other side is, too. What is
/// received is short, so that the socket's buffer always takes the answer. A
/// short read empties the socket, which spares the read that would find nothing.
fn echo(stream: &mut TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(n) => {
                stream.write_all(&buffer[..n])?;
                if n < buffer.len() {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
