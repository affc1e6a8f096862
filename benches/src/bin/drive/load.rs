//! A load generator: connections of which each has one request under way, all
//! served by one thread, so that the server has the rest of the machine.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use benches::lateness::quantile;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::exchange::{Exchange, LONGEST};

/// Connections to one server.
pub(super) struct Load {
    exchange: Exchange,
    poll: Poll,
    clients: Vec<Client>,
}

/// What a number of requests took.
pub(super) struct Taken {
    pub(super) elapsed: Duration,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    answer: [u8; LONGEST],
    got: usize,
    asked: Instant,
}

impl Load {
    /// Connects that often, and has one request answered on each connection,
    /// so that whatever the server does for one has been done.
    pub(super) fn connect(address: SocketAddr, connections: usize, exchange: Exchange) -> io::Result<Load> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(connections);
        for number in 0..connections {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let mut client = Client::first_exchange(stream, number as u64, exchange)?;
            poll.registry().register(&mut client.stream, Token(number), Interest::READABLE)?;
            clients.push(client);
        }
        Ok(Load { exchange, poll, clients })
    }

    /// Sends `requests`, spread over the first `active` connections, each of
    /// which waits for its answer before it sends the next.
    pub(super) fn run(&mut self, active: usize, requests: u64) -> io::Result<Taken> {
        let mut events = Events::with_capacity(1024);
        let mut latencies: Vec<Duration> = Vec::with_capacity(requests as usize);
        let mut sent = 0;
        let start = Instant::now();
        for client in self.clients.iter_mut().take(active.min(requests as usize)) {
            client.ask(sent, self.exchange)?;
            sent += 1;
        }
        while (latencies.len() as u64) < requests {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                let client = &mut self.clients[event.token().0];
                if client.hear(self.exchange)? {
                    latencies.push(client.asked.elapsed());
                    if sent < requests {
                        client.ask(sent, self.exchange)?;
                        sent += 1;
                    }
                }
            }
        }
        let elapsed = start.elapsed();
        latencies.sort_unstable();
        Ok(Taken { elapsed, p50: quantile(&latencies, 0.5), p99: quantile(&latencies, 0.99) })
    }
}

impl Client {
    fn first_exchange(stream: std::net::TcpStream, serial: u64, exchange: Exchange) -> io::Result<Client> {
        let mut client = Client {
            stream: TcpStream::from_std(stream.try_clone()?),
            request: Vec::new(),
            answer: [0; LONGEST],
            got: 0,
            asked: Instant::now(),
        };
        client.ask(serial, exchange)?;
        while !client.hear(exchange)? {}
        stream.set_nonblocking(true)?;
        Ok(client)
    }

    fn ask(&mut self, serial: u64, exchange: Exchange) -> io::Result<()> {
        exchange.ask(serial, &mut self.request);
        self.got = 0;
        self.asked = Instant::now();
        // Short enough for the socket's buffer, which is empty.
        (&self.stream).write_all(&self.request)
    }

    /// Reads what has come, and says whether the answer is whole.
    fn hear(&mut self, exchange: Exchange) -> io::Result<bool> {
        match (&self.stream).read(&mut self.answer[self.got..]) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
            Ok(n) => {
                self.got += n;
                exchange.answered(&self.request, &self.answer[..self.got])
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
