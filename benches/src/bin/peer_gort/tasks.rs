//! Goroutines that start, yield, fork and wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::work::{fibonacci, forks, triangle};
use gort::channel::Sender;
use gort::sync::WaitGroup;
use gort::{chan, go, sleep, yield_now};

static TOTAL: AtomicU64 = AtomicU64::new(0);

pub(super) fn spawn(n: u64) -> Outcome {
    let start = Instant::now();
    // Not a handle each: the count of handles would be written by both sides.
    let wg: &'static WaitGroup = Box::leak(Box::default());
    wg.add(n as _);
    for i in 0..n {
        go!(move || {
            TOTAL.fetch_add(i, Relaxed);
            wg.done();
        });
    }
    wg.wait();
    Outcome::timed(start.elapsed(), n, TOTAL.load(Relaxed), triangle(n))
}

/// Each starts the next one and ends; the last one says so.
pub(super) fn spawn_chain(n: u64) -> Outcome {
    let (tx, rx) = chan(1);
    let start = Instant::now();
    go!(link(n, 0, tx));
    let total = rx.recv().unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn link(left: u64, total: u64, tx: Sender<u64>) {
    match left - 1 {
        0 => tx.send(total).unwrap(),
        left => go!(link(left, total + left, tx)),
    }
}

pub(super) fn spawn_join(n: u64) -> Outcome {
    let start = Instant::now();
    let total = (0..n).map(|i| gort::spawn(move || i).join().unwrap()).sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn yields(n: u64, goroutines: u64) -> Outcome {
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

pub(super) fn skynet(n: u64) -> Outcome {
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

pub(super) fn fib(n: u64) -> Outcome {
    let start = Instant::now();
    let result = fork_fib(n);
    Outcome::timed(start.elapsed(), forks(n), result, fibonacci(n))
}

fn fork_fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let fork = gort::spawn(move || fork_fib(n - 1));
    let other = fork_fib(n - 2);
    fork.join().unwrap() + other
}

pub(super) fn parked(n: u64) -> Outcome {
    let (release, released) = chan::<()>(0);
    let wg = WaitGroup::new();
    wg.add(n as _);
    let before = Memory::now();
    let start = Instant::now();
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
        sleep(Duration::from_millis(1));
    }
    let start = start.elapsed();
    sleep(Duration::from_millis(100));
    let after = Memory::now();
    drop(release);
    wg.wait();
    let total = TOTAL.load(Relaxed);
    Outcome::grown(before, after, start, n, total, n + triangle(n))
}
