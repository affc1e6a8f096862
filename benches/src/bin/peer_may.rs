//! The workloads on may, whose coroutines have stacks of their own, too.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::peer::{self, triangle};
use may::coroutine::{self, sleep, yield_now};
use may::go;
use may::sync::{WaitGroup, mpmc, mpsc, spsc};

fn main() -> ExitCode {
    may::config().set_workers(peer::procs());
    peer::run(&[
        ("spawn", |n| on_worker(spawn, n)),
        ("spawn_join", |n| on_worker(spawn_join, n)),
        ("yield1", |n| on_worker(|n| yields(n, 1), n)),
        ("yield1000", |n| on_worker(|n| yields(n, 1000), n)),
        ("pingpong", |n| on_worker(pingpong, n)),
        ("skynet", |n| on_worker(skynet, n)),
        ("parked", |n| on_worker(parked, n)),
    ])
}

/// Runs the work in a coroutine, so that what it starts goes to the worker's
/// own queue.
fn on_worker(work: fn(u64) -> Outcome, n: u64) -> Outcome {
    go!(move || work(n)).join().unwrap()
}

static TOTAL: AtomicU64 = AtomicU64::new(0);

fn spawn(n: u64) -> Outcome {
    let start = Instant::now();
    let all = WaitGroup::new();
    for i in 0..n {
        let one = all.clone();
        go!(move || {
            TOTAL.fetch_add(i, Relaxed);
            drop(one);
        });
    }
    all.wait();
    Outcome::timed(start.elapsed(), n, TOTAL.load(Relaxed), triangle(n))
}

fn spawn_join(n: u64) -> Outcome {
    let start = Instant::now();
    let total = (0..n).map(|i| go!(move || i).join().unwrap()).sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn yields(n: u64, tasks: u64) -> Outcome {
    let each = n / tasks;
    let start = Instant::now();
    let handles: Vec<coroutine::JoinHandle<u64>> = (0..tasks)
        .map(|_| {
            go!(move || {
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
    Outcome::timed(start.elapsed(), each * tasks, total, each * tasks)
}

/// may has neither unbuffered nor bounded channels; its unbounded one for a
/// single sender and receiver is its fastest here.
fn pingpong(n: u64) -> Outcome {
    let (ping, pinged) = spsc::channel::<u64>();
    let (pong, ponged) = spsc::channel::<u64>();
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
    let (up, result) = mpsc::channel();
    go!(move || skynet_node(&up, 0, n));
    let total = result.recv().unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn skynet_node(up: &mpsc::Sender<u64>, first: u64, leaves: u64) {
    if leaves == 1 {
        up.send(first).unwrap();
        return;
    }
    let (tx, rx) = mpsc::channel();
    for i in 0..10 {
        let tx = tx.clone();
        go!(move || skynet_node(&tx, first + i * (leaves / 10), leaves / 10));
    }
    let total = (0..10).map(|_| rx.recv().unwrap()).sum();
    up.send(total).unwrap();
}

fn parked(n: u64) -> Outcome {
    let (release, released) = mpmc::channel::<()>();
    let all = WaitGroup::new();
    let before = Memory::now();
    for i in 0..n {
        let released = released.clone();
        let one = all.clone();
        go!(move || {
            TOTAL.fetch_add(1, Relaxed);
            assert!(released.recv().is_err());
            TOTAL.fetch_add(i, Relaxed);
            drop(one);
        });
    }
    while TOTAL.load(Relaxed) < n {
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(100));
    let after = Memory::now();
    drop(release);
    all.wait();
    let total = TOTAL.load(Relaxed);
    Outcome::grown(before, after, n, total, n + triangle(n))
}
