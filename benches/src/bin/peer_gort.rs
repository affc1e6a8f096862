//! The workloads on gort.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::peer::{self, triangle};
use gort::channel::Sender;
use gort::sync::WaitGroup;
use gort::{chan, go, sleep, yield_now};

#[gort::main]
fn main() -> ExitCode {
    peer::run(&[
        ("spawn", spawn),
        ("spawn_join", spawn_join),
        ("yield1", |n| yields(n, 1)),
        ("yield1000", |n| yields(n, 1000)),
        ("pingpong", pingpong),
        ("skynet", skynet),
        ("parked", parked),
    ])
}

static TOTAL: AtomicU64 = AtomicU64::new(0);

fn spawn(n: u64) -> Outcome {
    let start = Instant::now();
    let wg = WaitGroup::new();
    wg.add(n as _);
    for i in 0..n {
        let wg = wg.clone();
        go!(move || {
            TOTAL.fetch_add(i, Relaxed);
            wg.done();
        });
    }
    wg.wait();
    Outcome::timed(start.elapsed(), n, TOTAL.load(Relaxed), triangle(n))
}

fn spawn_join(n: u64) -> Outcome {
    let start = Instant::now();
    let total = (0..n).map(|i| gort::spawn(move || i).join().unwrap()).sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn yields(n: u64, goroutines: u64) -> Outcome {
    let each = n / goroutines;
    let start = Instant::now();
    let handles: Vec<_> = (0..goroutines)
        .map(|_| {
            gort::spawn(move || {
                let mut count = 0;
                for _ in 0..each {
                    yield_now();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let total = handles.into_iter().map(|h| h.join().unwrap()).sum();
    Outcome::timed(start.elapsed(), each * goroutines, total, each * goroutines)
}

fn pingpong(n: u64) -> Outcome {
    let (ping, pinged) = chan::<u64>(0);
    let (pong, ponged) = chan::<u64>(0);
    let start = Instant::now();
    go!(move || {
        for ball in pinged {
            pong.send(ball + 1).unwrap();
        }
    });
    let mut ball = 0;
    for _ in 0..n {
        ping.send(ball).unwrap();
        ball = ponged.recv().unwrap();
    }
    Outcome::timed(start.elapsed(), n, ball, n)
}

fn skynet(n: u64) -> Outcome {
    let start = Instant::now();
    let (up, result) = chan(0);
    go!(move || skynet_node(&up, 0, n));
    let total = result.recv().unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn skynet_node(up: &Sender<u64>, first: u64, leaves: u64) {
    if leaves == 1 {
        up.send(first).unwrap();
        return;
    }
    let (tx, rx) = chan(0);
    for i in 0..10 {
        let tx = tx.clone();
        go!(move || skynet_node(&tx, first + i * (leaves / 10), leaves / 10));
    }
    let total = (0..10).map(|_| rx.recv().unwrap()).sum();
    up.send(total).unwrap();
}

fn parked(n: u64) -> Outcome {
    let (release, released) = chan::<()>(0);
    let wg = WaitGroup::new();
    wg.add(n as _);
    let before = Memory::now();
    for i in 0..n {
        let released = released.clone();
        let wg = wg.clone();
        go!(move || {
            TOTAL.fetch_add(1, Relaxed);
            assert!(released.recv().is_err());
            TOTAL.fetch_add(i, Relaxed);
            wg.done();
        });
    }
    while TOTAL.load(Relaxed) < n {
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(100));
    let after = Memory::now();
    drop(release);
    wg.wait();
    let total = TOTAL.load(Relaxed);
    Outcome::grown(before, after, n, total, n + triangle(n))
}
