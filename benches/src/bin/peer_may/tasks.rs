//! Coroutines that start, yield, fork and wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::work::{fibonacci, forks, triangle};
use may::coroutine::{self, sleep, yield_now};
use may::go;
use may::sync::{WaitGroup, mpmc, mpsc};

static TOTAL: AtomicU64 = AtomicU64::new(0);

pub(super) fn spawn(n: u64) -> Outcome {
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

/// Each starts the next one and ends; the last one says so.
pub(super) fn spawn_chain(n: u64) -> Outcome {
    let (tx, rx) = mpsc::channel();
    let start = Instant::now();
    link(n, 0, tx);
    let total = rx.recv().unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn link(left: u64, total: u64, tx: mpsc::Sender<u64>) {
    go!(move || match left - 1 {
        0 => tx.send(total).unwrap(),
        left => link(left, total + left, tx),
    });
}

pub(super) fn spawn_join(n: u64) -> Outcome {
    let start = Instant::now();
    let total = (0..n).map(|i| go!(move || i).join().unwrap()).sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn yields(n: u64, tasks: u64) -> Outcome {
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

pub(super) fn skynet(n: u64) -> Outcome {
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

pub(super) fn fib(n: u64) -> Outcome {
    let start = Instant::now();
    let result = fork_fib(n);
    Outcome::timed(start.elapsed(), forks(n), result, fibonacci(n))
}

fn fork_fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let fork = go!(move || fork_fib(n - 1));
    let other = fork_fib(n - 2);
    fork.join().unwrap() + other
}

pub(super) fn parked(n: u64) -> Outcome {
    let (release, released) = mpmc::channel::<()>();
    let all = WaitGroup::new();
    let before = Memory::now();
    let start = Instant::now();
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
        sleep(Duration::from_millis(1));
    }
    let start = start.elapsed();
    sleep(Duration::from_millis(100));
    let after = Memory::now();
    drop(release);
    all.wait();
    let total = TOTAL.load(Relaxed);
    Outcome::grown(before, after, start, n, total, n + triangle(n))
}
