//! Tasks that start, yield, fork and wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::work::{fibonacci, forks, triangle};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use crate::countdown::Countdown;

static TOTAL: AtomicU64 = AtomicU64::new(0);

pub(super) async fn spawn(n: u64) -> Outcome {
    let start = Instant::now();
    let countdown: &'static Countdown = Box::leak(Box::new(Countdown::new(n)));
    for i in 0..n {
        tokio::spawn(async move {
            TOTAL.fetch_add(i, Relaxed);
            countdown.done();
        });
    }
    countdown.wait().await;
    Outcome::timed(start.elapsed(), n, TOTAL.load(Relaxed), triangle(n))
}

/// Each starts the next one and ends; the last one says so.
pub(super) async fn spawn_chain(n: u64) -> Outcome {
    let (tx, rx) = oneshot::channel();
    let start = Instant::now();
    link(n, 0, tx);
    let total = rx.await.unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn link(left: u64, total: u64, tx: oneshot::Sender<u64>) {
    tokio::spawn(async move {
        match left - 1 {
            0 => tx.send(total).unwrap(),
            left => link(left, total + left, tx),
        }
    });
}

pub(super) async fn spawn_join(n: u64) -> Outcome {
    let start = Instant::now();
    let mut total = 0;
    for i in 0..n {
        total += tokio::spawn(async move { i }).await.unwrap();
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) async fn yields(n: u64, tasks: u64) -> Outcome {
    let each = n / tasks;
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            tokio::spawn(async move {
                let mut count = 0;
                for _ in 0..each {
                    yield_now().await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for handle in handles {
        total += handle.await.unwrap();
    }
    Outcome::timed(start.elapsed(), each * tasks, total, each * tasks)
}

pub(super) async fn skynet(n: u64) -> Outcome {
    let start = Instant::now();
    let total = skynet_node(0, n).await.unwrap();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

fn skynet_node(first: u64, leaves: u64) -> JoinHandle<u64> {
    tokio::spawn(async move {
        if leaves == 1 {
            return first;
        }
        let children: [_; 10] =
            std::array::from_fn(|i| skynet_node(first + i as u64 * (leaves / 10), leaves / 10));
        let mut total = 0;
        for child in children {
            total += child.await.unwrap();
        }
        total
    })
}

pub(super) async fn fib(n: u64) -> Outcome {
    let start = Instant::now();
    let result = fork_fib(n).await;
    Outcome::timed(start.elapsed(), forks(n), result, fibonacci(n))
}

/// Boxed, as a future that holds another of its own kind has to be.
fn fork_fib(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let fork = tokio::spawn(fork_fib(n - 1));
        let other = fork_fib(n - 2).await;
        fork.await.unwrap() + other
    })
}

/// All wait for one message of a `watch` channel, the one with many receivers.
pub(super) async fn parked(n: u64) -> Outcome {
    let (release, released) = watch::channel(false);
    let countdown = Countdown::new(n);
    let before = Memory::now();
    let start = Instant::now();
    for i in 0..n {
        let mut released = released.clone();
        let countdown = countdown.clone();
        tokio::spawn(async move {
            TOTAL.fetch_add(1, Relaxed);
            released.changed().await.unwrap();
            TOTAL.fetch_add(i, Relaxed);
            countdown.done();
        });
    }
    while TOTAL.load(Relaxed) < n {
        sleep(Duration::from_millis(1)).await;
    }
    let start = start.elapsed();
    sleep(Duration::from_millis(100)).await;
    let after = Memory::now();
    release.send(true).unwrap();
    countdown.wait().await;
    let total = TOTAL.load(Relaxed);
    Outcome::grown(before, after, start, n, total, n + triangle(n))
}
