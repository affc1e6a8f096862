//! The workloads on tokio's multi-threaded runtime.
//!
//! The work starts in a task on a worker, which is many times as fast as the
//! thread in `block_on` where tasks wait for each other. Only `spawn` is faster
//! from there, and so that is where it starts.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::time::{Duration, Instant};

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::peer::{self, triangle};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

fn main() -> ExitCode {
    peer::run(&[
        ("spawn", |n| runtime().block_on(spawn(n))),
        ("spawn_join", |n| on_worker(spawn_join(n))),
        ("yield1", |n| on_worker(yields(n, 1))),
        ("yield1000", |n| on_worker(yields(n, 1000))),
        ("pingpong", |n| on_worker(pingpong(n))),
        ("skynet", |n| on_worker(skynet(n))),
        ("parked", |n| on_worker(parked(n))),
    ])
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(peer::procs()).enable_time().build().unwrap()
}

fn on_worker(work: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
    runtime().block_on(async { tokio::spawn(work).await.unwrap() })
}

/// tokio has no wait group; this is the usual one: a count and a `Notify`.
struct Countdown {
    left: AtomicU64,
    zero: Notify,
}

impl Countdown {
    fn new(n: u64) -> Arc<Countdown> {
        Arc::new(Countdown { left: AtomicU64::new(n), zero: Notify::new() })
    }

    fn done(&self) {
        // Pairs with itself: the last one has seen what came before the others.
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.zero.notify_one();
        }
    }
}

static TOTAL: AtomicU64 = AtomicU64::new(0);

async fn spawn(n: u64) -> Outcome {
    let start = Instant::now();
    let countdown = Countdown::new(n);
    for i in 0..n {
        let countdown = countdown.clone();
        tokio::spawn(async move {
            TOTAL.fetch_add(i, Relaxed);
            countdown.done();
        });
    }
    countdown.zero.notified().await;
    Outcome::timed(start.elapsed(), n, TOTAL.load(Relaxed), triangle(n))
}

async fn spawn_join(n: u64) -> Outcome {
    let start = Instant::now();
    let mut total = 0;
    for i in 0..n {
        total += tokio::spawn(async move { i }).await.unwrap();
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

async fn yields(n: u64, tasks: u64) -> Outcome {
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

/// tokio has no unbuffered channel; a bounded one of capacity 1 comes nearest.
async fn pingpong(n: u64) -> Outcome {
    let (ping, mut pinged) = mpsc::channel::<u64>(1);
    let (pong, mut ponged) = mpsc::channel::<u64>(1);
    let start = Instant::now();
    tokio::spawn(async move {
        while let Some(ball) = pinged.recv().await {
            pong.send(ball + 1).await.unwrap();
        }
    });
    let mut ball = 0;
    for _ in 0..n {
        ping.send(ball).await.unwrap();
        ball = ponged.recv().await.unwrap();
    }
    Outcome::timed(start.elapsed(), n, ball, n)
}

async fn skynet(n: u64) -> Outcome {
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

/// All wait for one message of a `watch` channel, the one with many receivers.
async fn parked(n: u64) -> Outcome {
    let (release, released) = watch::channel(false);
    let countdown = Countdown::new(n);
    let before = Memory::now();
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
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_millis(100)).await;
    let after = Memory::now();
    release.send(true).unwrap();
    countdown.zero.notified().await;
    let total = TOTAL.load(Relaxed);
    Outcome::grown(before, after, n, total, n + triangle(n))
}
