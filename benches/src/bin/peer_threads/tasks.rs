//! Threads that start, yield, fork and wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::work::{fibonacci, forks, triangle};
use crossbeam_channel::{Sender, bounded};

/// A count that unparks the thread that made it when it reaches zero.
struct Countdown {
    left: AtomicU64,
    waiter: Thread,
}

impl Countdown {
    fn new(n: u64) -> Arc<Countdown> {
        Arc::new(Countdown { left: AtomicU64::new(n), waiter: thread::current() })
    }

    fn done(&self) {
        // Pairs with itself, and with the Acquire in `wait`.
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.waiter.unpark();
        }
    }

    fn wait(&self) {
        while self.left.load(Acquire) != 0 {
            thread::park();
        }
    }
}

static TOTAL: AtomicU64 = AtomicU64::new(0);

pub(super) fn spawn(n: u64) -> Outcome {
    let start = Instant::now();
    let countdown = Countdown::new(n);
    for i in 0..n {
        let countdown = countdown.clone();
        thread::spawn(move || {
            TOTAL.fetch_add(i, Relaxed);
            countdown.done();
        });
    }
    countdown.wait();
    Outcome::timed(start.elapsed(), n, TOTAL.load(Relaxed), triangle(n))
}

/// Each starts the next one and ends; the last one says so.
pub(super) fn spawn_chain(n: u64) -> Outcome {
    let (tx, rx) = bounded(1);
    let start = Instant::now();
    link(n, 0, tx);
    let total = rx.recv().unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn link(left: u64, total: u64, tx: Sender<u64>) {
    thread::spawn(move || match left - 1 {
        0 => tx.send(total).unwrap(),
        left => link(left, total + left, tx),
    });
}

pub(super) fn spawn_join(n: u64) -> Outcome {
    let start = Instant::now();
    let total = (0..n).map(|i| thread::spawn(move || i).join().unwrap()).sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn yields(n: u64, threads: u64) -> Outcome {
    let each = n / threads;
    let start = Instant::now();
    let handles: Vec<_> = (0..threads)
        .map(|_| {
            thread::spawn(move || {
                let mut count = 0;
                for _ in 0..each {
                    thread::yield_now();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let total = handles.into_iter().map(|h| h.join().unwrap()).sum();
    Outcome::timed(start.elapsed(), each * threads, total, each * threads)
}

pub(super) fn skynet(n: u64) -> Outcome {
    let start = Instant::now();
    let (up, result) = bounded(0);
    thread::spawn(move || skynet_node(&up, 0, n));
    let total = result.recv().unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn skynet_node(up: &Sender<u64>, first: u64, leaves: u64) {
    if leaves == 1 {
        up.send(first).unwrap();
        return;
    }
    let (tx, rx) = bounded(0);
    for i in 0..10 {
        let tx = tx.clone();
        thread::spawn(move || skynet_node(&tx, first + i * (leaves / 10), leaves / 10));
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
    let fork = thread::spawn(move || fork_fib(n - 1));
    let other = fork_fib(n - 2);
    fork.join().unwrap() + other
}

pub(super) fn parked(n: u64) -> Outcome {
    let (release, released) = bounded::<()>(0);
    let countdown = Countdown::new(n);
    let before = Memory::now();
    let start = Instant::now();
    for i in 0..n {
        let released = released.clone();
        let countdown = countdown.clone();
        thread::spawn(move || {
            TOTAL.fetch_add(1, Relaxed);
            assert!(released.recv().is_err());
            TOTAL.fetch_add(i, Relaxed);
            countdown.done();
        });
    }
    while TOTAL.load(Relaxed) < n {
        thread::sleep(Duration::from_millis(1));
    }
    let start = start.elapsed();
    thread::sleep(Duration::from_millis(100));
    let after = Memory::now();
    drop(release);
    countdown.wait();
    let total = TOTAL.load(Relaxed);
    Outcome::grown(before, after, start, n, total, n + triangle(n))
}
