//! Many connections, peers that vanish in the middle of something or reset it, slow ones, and deadlines that strike at any
//! moment: nothing hangs, nothing arrives wrong, no descriptor and no goroutine is left over.
//!
//! What happens is decided by a seed, which a failure tells; `NET_SEED` runs one again. `NET_CONNECTIONS` sets the
//! number of connections, 2,000 else. The two ends are in processes of their own, so that `ulimit -n` bounds it; with one
//! of 20,000, all but a few dozen:
//!
//! ```text
//! $ NET_CONNECTIONS=19900 cargo test --release -p tests --test net_stress -- --nocapture
//! 19900 connections, each answered thrice: 4.0 s
//! ```

mod api_support;
mod net_support;

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api_support::limit;
use gort::net::unix::SocketAddr;
use gort::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use gort::sync::Mutex;
use net_support::{Rand, for_each_seed};
use tests::open_descriptors;

/// The byte at a place of a stream: what arrives can be checked wherever it is cut off.
fn byte(at: usize) -> u8 {
    (at as u8) ^ ((at >> 8) as u8).wrapping_mul(31)
}

/// What TCP and Unix streams have alike.
trait Stream: Send + Sync + 'static {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    fn wait_readable(&self) -> io::Result<()>;
    fn set_read_timeout(&self, timeout: Option<Duration>);
    fn set_write_deadline(&self, deadline: Option<Instant>);
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    fn close(&self);
    /// Ends it in a hurry: at once, or when the descriptor is closed.
    fn reset(&self, at_once: bool);
}

macro_rules! stream {
    ($name:ty, reset: $reset:expr) => {
        impl Stream for $name {
            fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                let mut stream = self;
                Read::read(&mut stream, buf)
            }

            fn write(&self, buf: &[u8]) -> io::Result<usize> {
                let mut stream = self;
                Write::write(&mut stream, buf)
            }

            fn wait_readable(&self) -> io::Result<()> {
                self.wait_readable()
            }

            fn set_read_timeout(&self, timeout: Option<Duration>) {
                self.set_read_timeout(timeout).unwrap();
            }

            fn set_write_deadline(&self, deadline: Option<Instant>) {
                self.set_write_deadline(deadline).unwrap();
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.shutdown(how)
            }

            fn close(&self) {
                self.close();
            }

            fn reset(&self, at_once: bool) {
                $reset(self, at_once);
            }
        }
    };
}

stream!(TcpStream, reset: reset);
// There is no such thing within a machine.
stream!(UnixStream, reset: |stream: &UnixStream, _| stream.close());

fn reset(stream: &TcpStream, at_once: bool) {
    let fd = stream.as_raw_fd();
    if at_once {
        let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
        // SAFETY: a live descriptor, and an address of this length.
        unsafe { libc::connect(fd, &raw const nowhere, size_of_val(&nowhere) as libc::socklen_t) };
        return;
    }
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = size_of_val(&linger) as libc::socklen_t;
    // SAFETY: a live descriptor, and a value of this length.
    let done = unsafe {
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), length)
    };
    assert_eq!(done, 0);
    stream.close();
}

/// Ends in a hurry that were drawn, and resets that somebody has seen.
static HURRIES: AtomicUsize = AtomicUsize::new(0);
static RESETS: AtomicUsize = AtomicUsize::new(0);

/// A half that ended early.
fn failed(e: &io::Error) -> Option<usize> {
    if e.kind() == ErrorKind::ConnectionReset {
        RESETS.fetch_add(1, Ordering::Relaxed);
    }
    None
}

/// Sends what `byte` says, with pauses and deadlines; unless it is to be `calm` ends in a hurry at any point. Gives how
/// much was sent before an orderly end.
fn write_side(stream: &impl Stream, rand: &mut Rand, calm: bool) -> Option<usize> {
    let length = rand.below(400_000) as usize;
    let mut at = 0;
    while at < length {
        let n = (1 + rand.below(20_000) as usize).min(length - at);
        let part: Vec<u8> = (at..at + n).map(byte).collect();
        match rand.below(60) {
            0 => break,
            how @ 1..=3 if !calm => {
                HURRIES.fetch_add(1, Ordering::Relaxed);
                match how {
                    1 => stream.close(),
                    _ => stream.reset(how == 2),
                }
                return None;
            }
            4 => gort::sleep(Duration::from_micros(rand.below(500))),
            5 => gort::yield_now(),
            6 => stream.set_write_deadline(Some(Instant::now() + Duration::from_micros(rand.below(300)))),
            _ => {}
        }
        match stream.write(&part) {
            Ok(n) => at += n,
            Err(e) if e.kind() == ErrorKind::TimedOut => stream.set_write_deadline(None),
            // The other side, or another goroutine of ours, has ended it.
            Err(e) => return failed(&e),
        }
    }
    stream.shutdown(Shutdown::Write).ok().map(|()| at)
}

/// Reads to an end of any kind and checks each byte. Gives how many came before an orderly end.
fn read_side(stream: &impl Stream, rand: &mut Rand, calm: bool) -> Option<usize> {
    let mut at = 0;
    let mut buf = vec![0; 1 + rand.below(30_000) as usize];
    loop {
        match rand.below(80) {
            // Both, or the two writers might wait for each other's readers.
            0 if !calm => {
                let _ = stream.shutdown(Shutdown::Both);
                return None;
            }
            1 if !calm => {
                stream.close();
                return None;
            }
            2 => gort::sleep(Duration::from_micros(rand.below(500))),
            3 => stream.set_read_timeout(Some(Duration::from_nanos(1 + rand.below(400_000)))),
            4 if stream.wait_readable().is_err() => stream.set_read_timeout(None),
            _ => {}
        }
        match stream.read(&mut buf) {
            Ok(0) => return Some(at),
            Ok(n) => {
                for &b in &buf[..n] {
                    assert_eq!(b, byte(at), "at {at}");
                    at += 1;
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => stream.set_read_timeout(None),
            Err(e) => return failed(&e),
        }
    }
}

/// One connection whose four halves each meet a fate of their own. One in three has no accidents: all of it arrives.
fn connection<S: Stream>((client, server): (S, S), seed: u64) {
    let calm = seed.is_multiple_of(3);
    let (client, server) = (Arc::new(client), Arc::new(server));
    let half = |stream: &Arc<S>, i, half: fn(&S, &mut Rand, bool) -> Option<usize>| {
        let stream = stream.clone();
        gort::spawn(move || half(&stream, &mut Rand::new(seed * 4 + i), calm))
    };
    let halves = [
        half(&client, 0, read_side),
        half(&client, 1, write_side),
        half(&server, 2, read_side),
        half(&server, 3, write_side),
    ];
    drop((client, server));
    let [came_back, sent, came, sent_back] = halves.map(|half| half.join().unwrap());
    if calm {
        assert!(sent.is_some() && sent_back.is_some(), "an error without an accident");
        assert_eq!((came, came_back), (sent, sent_back), "what was sent has arrived");
    }
}

fn random_ends_by_seed() {
    // One after the other, or the two might not be each other's ends.
    let tcp = Arc::new(Mutex::new(TcpListener::bind("127.0.0.1:0").unwrap()));
    let tcp_pair = move || {
        let listener = tcp.lock().unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    };
    let name = SocketAddr::from_abstract_name(format!("gort-stress-{}", std::process::id())).unwrap();
    let unix = Arc::new(Mutex::new(UnixListener::bind_addr(&name).unwrap()));
    let unix_pair = move || {
        let listener = unix.lock().unwrap();
        let client = UnixStream::connect_addr(&name).unwrap();
        (client, listener.accept().unwrap().0)
    };
    connection(tcp_pair(), 0);
    connection(unix_pair(), 0);
    let before = (open_descriptors(), gort::num_goroutine());
    for_each_seed(12, |seed| {
        let all: Vec<_> = (0..20)
            .map(|i| {
                let (tcp_pair, unix_pair) = (tcp_pair.clone(), unix_pair.clone());
                let seed = seed * 1000 + i;
                gort::spawn(
                    move || if i < 14 { connection(tcp_pair(), seed) } else { connection(unix_pair(), seed) },
                )
            })
            .collect();
        for one in all {
            one.join().unwrap();
        }
    });
    assert_eq!((open_descriptors(), gort::num_goroutine()), before, "descriptors, goroutines");
    let [hurries, resets] = [&HURRIES, &RESETS].map(|count| count.load(Ordering::Relaxed));
    println!("{hurries} ended in a hurry, {resets} have seen a reset");
    assert!(resets > 0 || std::env::var("NET_SEED").is_ok());
}

/// The far end of [`many_connections`], in a process of its own.
fn far_end(addr: &str, connections: usize) -> std::io::Result<()> {
    let status = Command::new(env!("CARGO_BIN_EXE_prog_net"))
        .args(["connect", addr, &connections.to_string()])
        .status()?;
    assert!(status.success());
    Ok(())
}

fn many_connections() {
    let connections = std::env::var("NET_CONNECTIONS").map_or(2_000, |n| n.parse().expect("a number"));
    let begun = Instant::now();
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let addr = listener.local_addr().unwrap().to_string();
    let descriptors = open_descriptors();
    let before = gort::num_goroutine();
    let far = gort::spawn(move || gort::blocking_on_system_stack(|| far_end(&addr, connections).unwrap()));
    let echoed = Arc::new(AtomicUsize::new(0));
    // Not so many but until the far end is done: a late packet of a connection that is long over, to a listener that had
    // this port before, may make the kernel hand out one that nobody is at the other end of.
    let accepting = gort::spawn({
        let (listener, echoed) = (listener.clone(), echoed.clone());
        move || {
            let mut all = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                let stream = Arc::new(stream);
                all.push(stream.clone());
                let echoed = echoed.clone();
                gort::go!(move || echo(&stream, &echoed));
            }
            all
        }
    });
    far.join().unwrap();
    listener.close();
    let all = accepting.join().unwrap();
    assert!(all.len() >= connections);
    println!("{connections} connections, each answered thrice: {:.1} s", begun.elapsed().as_secs_f64());
    all.iter().for_each(|stream| stream.close());
    drop((all, listener));
    while gort::num_goroutine() > before {
        gort::yield_now();
    }
    assert!(echoed.load(Ordering::Relaxed) >= 3 * connections);
    // What the child took while it was started is gone with it.
    assert!(open_descriptors() <= descriptors, "descriptors");
}

/// Says back what comes, until the end or until the stream is closed.
fn echo(mut stream: &TcpStream, echoed: &AtomicUsize) {
    let mut buf = [0; 256];
    while stream.wait_readable().is_ok() {
        match stream.read(&mut buf) {
            Ok(n) if n > 0 => stream.write_all(&buf[..n]).unwrap(),
            _ => return,
        }
        echoed.fetch_add(1, Ordering::Relaxed);
    }
}

/// One after the other, as each counts what the process has.
#[gort::test]
fn nothing_hangs_or_is_left_over() {
    let _limit = limit();
    random_ends_by_seed();
    many_connections();
}
