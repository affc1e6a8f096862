//! Many goroutines on the same socket for datagrams, each of which arrives once, whatever time-outs strike; nothing is left
//! over. `NET_SEED` runs one seed again.

mod api_support;
mod net_support;

use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api_support::limit;
use gort::net::{UdpSocket, UnixDatagram, unix};
use net_support::{Rand, for_each_seed};
use tests::open_descriptors;

/// What sockets for datagrams of either kind have alike.
trait Datagrams: Sized + Send + Sync + 'static {
    type Addr: Send + 'static;
    /// How many may be under way to one: UDP loses what finds no room.
    const WINDOW: usize;

    fn new() -> Self;
    fn addr(&self) -> Self::Addr;
    fn connect(&self, to: &Self::Addr);
    fn recv(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, Self::Addr)>;
    fn send(&self, buf: &[u8]) -> io::Result<usize>;
    fn send_to(&self, buf: &[u8], to: &Self::Addr) -> io::Result<usize>;
    fn set_timeouts(&self, timeout: Option<Duration>);
    fn close(&self);
}

macro_rules! datagrams {
    ($name:ty, $addr:ty, window: $window:expr, new: $new:expr, connect: $connect:ident, send_to: $send_to:ident) => {
        impl Datagrams for $name {
            type Addr = $addr;
            const WINDOW: usize = $window;

            fn new() -> Self {
                $new
            }

            fn addr(&self) -> $addr {
                self.local_addr().unwrap()
            }

            fn connect(&self, to: &$addr) {
                self.$connect(to).unwrap();
            }

            fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.recv(buf)
            }

            fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $addr)> {
                self.recv_from(buf)
            }

            fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.send(buf)
            }

            fn send_to(&self, buf: &[u8], to: &$addr) -> io::Result<usize> {
                self.$send_to(buf, to)
            }

            fn set_timeouts(&self, timeout: Option<Duration>) {
                self.set_read_timeout(timeout).unwrap();
                self.set_write_timeout(timeout).unwrap();
            }

            fn close(&self) {
                self.close();
            }
        }
    };
}

datagrams!(UdpSocket, std::net::SocketAddr, window: 20, new: UdpSocket::bind("127.0.0.1:0").unwrap(),
    connect: connect, send_to: send_to);
datagrams!(UnixDatagram, unix::SocketAddr, window: MESSAGES, new: unix_datagram(),
    connect: connect_addr, send_to: send_to_addr);

/// One with a name of its own.
fn unix_datagram() -> UnixDatagram {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("gort-stress-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
    UnixDatagram::bind_addr(&unix::SocketAddr::from_abstract_name(name).unwrap()).unwrap()
}

const CLIENTS: usize = 6;
const MESSAGES: usize = 150;

/// Again when the time was up.
fn again<R>(mut operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match operation() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

/// Numbers from two goroutines to the hub, and back to three.
fn client<S: Datagrams>(hub: &S, seed: u64) {
    let socket = Arc::new(S::new());
    socket.connect(&hub.addr());
    let seen: Arc<Vec<AtomicUsize>> = Arc::new((0..MESSAGES).map(|_| AtomicUsize::new(0)).collect());
    let window = Arc::new(gort::sync::Semaphore::new(S::WINDOW));
    let all = gort::sync::WaitGroup::new();
    all.add(MESSAGES as i64);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let (socket, seen, window, all) = (socket.clone(), seen.clone(), window.clone(), all.clone());
            gort::spawn(move || {
                let mut buf = [0; 16];
                loop {
                    match again(|| socket.recv(&mut buf)) {
                        Ok(n) => {
                            assert_eq!(n, 8);
                            let number = u64::from_le_bytes(buf[..8].try_into().unwrap());
                            seen[number as usize].fetch_add(1, Ordering::Relaxed);
                            window.add_permits(1);
                            all.done();
                        }
                        Err(e) => return assert_eq!(e.kind(), ErrorKind::NotConnected, "{e}"),
                    }
                }
            })
        })
        .collect();
    gort::scope(|s| {
        for half in 0..2 {
            let (socket, window) = (&socket, &window);
            s.spawn(move || {
                let mut rand = Rand::new(seed * 2 + half);
                for number in (half as usize..MESSAGES).step_by(2) {
                    match rand.below(8) {
                        0 => socket.set_timeouts(Some(Duration::from_nanos(1 + rand.below(200_000)))),
                        1 => socket.set_timeouts(None),
                        2 => gort::sleep(Duration::from_micros(rand.below(100))),
                        3 => gort::yield_now(),
                        _ => {}
                    }
                    window.acquire().forget();
                    let n = again(|| socket.send(&number.to_le_bytes())).unwrap();
                    assert_eq!(n, 8);
                }
            });
        }
    });
    all.wait();
    socket.close();
    receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1), "each arrives once");
}

fn round<S: Datagrams>(seed: u64) {
    let hub = Arc::new(S::new());
    let echoes: Vec<_> = (0..4)
        .map(|i| {
            let hub = hub.clone();
            gort::spawn(move || {
                let mut rand = Rand::new(seed * 4 + i);
                let mut buf = [0; 16];
                loop {
                    if rand.below(10) == 0 {
                        hub.set_timeouts(Some(Duration::from_nanos(1 + rand.below(200_000))));
                    }
                    let (n, from) = match again(|| hub.recv_from(&mut buf)) {
                        Ok(got) => got,
                        Err(e) => return assert_eq!(e.kind(), ErrorKind::NotConnected, "{e}"),
                    };
                    assert_eq!(again(|| hub.send_to(&buf[..n], &from)).unwrap(), n);
                }
            })
        })
        .collect();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|i| {
            let hub = hub.clone();
            gort::spawn(move || client(&*hub, seed * 100 + i as u64))
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    hub.close();
    echoes.into_iter().for_each(|echo| echo.join().unwrap());
}

#[gort::test]
fn each_datagram_arrives_once() {
    let _limit = limit();
    round::<UdpSocket>(0);
    round::<UnixDatagram>(0);
    let before = (open_descriptors(), gort::num_goroutine());
    for_each_seed(8, |seed| {
        round::<UdpSocket>(seed);
        round::<UnixDatagram>(seed);
    });
    assert_eq!((open_descriptors(), gort::num_goroutine()), before, "descriptors, goroutines");
}
