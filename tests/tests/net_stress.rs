//! Many connections, peers that vanish in the middle of something, slow ones, and deadlines that strike at any
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

use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api_support::limit;
use gort::net::{Shutdown, TcpListener, TcpStream};

/// xorshift64*.
struct Rand(u64);

impl Rand {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }
}

fn seeds() -> Vec<u64> {
    match std::env::var("NET_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (1..=12).collect(),
    }
}

/// The byte at a place of a stream: what arrives can be checked wherever it is cut off.
fn byte(at: usize) -> u8 {
    (at as u8) ^ ((at >> 8) as u8).wrapping_mul(31)
}

/// Sends, with pauses and faults, what `byte` says. Ends at any point, by an orderly end or a close.
fn write_side(stream: &TcpStream, rand: &mut Rand) {
    let length = rand.below(400_000) as usize;
    let mut at = 0;
    while at < length {
        let n = (1 + rand.below(20_000) as usize).min(length - at);
        let part: Vec<u8> = (at..at + n).map(byte).collect();
        match rand.below(60) {
            0 => break,
            1 => return stream.close(),
            3 => gort::sleep(Duration::from_micros(rand.below(500))),
            4 => gort::yield_now(),
            5 => {
                let soon = Instant::now() + Duration::from_micros(rand.below(300));
                stream.set_write_deadline(Some(soon)).unwrap();
            }
            _ => {}
        }
        let mut writer = stream;
        match writer.write(&part) {
            Ok(n) => at += n,
            Err(e) if e.kind() == ErrorKind::TimedOut => stream.set_write_deadline(None).unwrap(),
            // The other side, or another goroutine of ours, has ended it.
            Err(_) => return,
        }
    }
    // It may be over already.
    let _ = stream.shutdown(Shutdown::Write);
}

/// Reads to an end of any kind and checks each byte.
fn read_side(stream: &TcpStream, rand: &mut Rand) {
    let mut at = 0;
    let mut buf = vec![0; 1 + rand.below(30_000) as usize];
    loop {
        match rand.below(80) {
            // Both, or the two writers might wait for each other's readers.
            0 => return drop(stream.shutdown(Shutdown::Both)),
            1 => return stream.close(),
            2 => gort::sleep(Duration::from_micros(rand.below(500))),
            3 => stream.set_read_timeout(Some(Duration::from_nanos(1 + rand.below(400_000)))).unwrap(),
            4 if stream.wait_readable().is_err() => stream.set_read_timeout(None).unwrap(),
            _ => {}
        }
        let mut reader = stream;
        match reader.read(&mut buf) {
            Ok(0) => return,
            Ok(n) => {
                for &b in &buf[..n] {
                    assert_eq!(b, byte(at), "at {at}");
                    at += 1;
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => stream.set_read_timeout(None).unwrap(),
            Err(_) => return,
        }
    }
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One connection whose four halves each meet a fate of their own.
fn connection(listener: &TcpListener, seed: u64) {
    let client = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let server = Arc::new(listener.accept().unwrap().0);
    let halves: Vec<_> = [client, server]
        .into_iter()
        .enumerate()
        .flat_map(|(side, stream)| {
            let (reads, writes) = (stream.clone(), stream);
            let seed = seed * 4 + side as u64 * 2;
            [
                gort::spawn(move || read_side(&reads, &mut Rand::new(seed))),
                gort::spawn(move || write_side(&writes, &mut Rand::new(seed + 1))),
            ]
        })
        .collect();
    for half in halves {
        half.join().unwrap();
    }
}

fn random_ends_by_seed() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    connection(&listener, 0);
    let before = (open_descriptors(), gort::num_goroutine());
    for seed in seeds() {
        eprintln!("NET_SEED={seed}");
        let procs = [1, 2, 3, 8][seed as usize % 4];
        let old = gort::gomaxprocs(procs);
        let all: Vec<_> = (0..20)
            .map(|i| {
                let listener = listener.clone();
                gort::spawn(move || connection(&listener, seed * 1000 + i))
            })
            .collect();
        for one in all {
            one.join().unwrap();
        }
        gort::gomaxprocs(old);
    }
    assert_eq!((open_descriptors(), gort::num_goroutine()), before, "descriptors, goroutines");
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
