//! Messages between tasks.
//!
//! tokio has no unbuffered channel; a bounded one of capacity 1 comes nearest,
//! and is faster than the unbuffered ones that other crates have. Nor has it
//! one with many receivers for each of which there is a message of its own;
//! async-channel is the usual one.

use std::time::Instant;

use benches::outcome::Outcome;
use benches::work::{RING, Sieve, triangle};
use tokio::spawn;
use tokio::sync::mpsc::{Receiver, Sender, channel};

pub(super) async fn pingpong(n: u64) -> Outcome {
    let (ping, mut pinged) = channel::<u64>(1);
    let (pong, mut ponged) = channel::<u64>(1);
    let start = Instant::now();
    spawn(async move {
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

pub(super) async fn prodcons(n: u64, capacity: usize) -> Outcome {
    let (tx, mut rx) = channel::<u64>(capacity.max(1));
    let start = Instant::now();
    spawn(async move {
        for i in 0..n {
            tx.send(i).await.unwrap();
        }
    });
    let mut total = 0;
    while let Some(i) = rx.recv().await {
        total += i;
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) async fn mpmc(n: u64) -> Outcome {
    let (tx, rx) = async_channel::bounded::<u64>(100);
    let start = Instant::now();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let rx = rx.clone();
            spawn(async move {
                let mut total: u64 = 0;
                while let Ok(i) = rx.recv().await {
                    total += i;
                }
                total
            })
        })
        .collect();
    for first in 0..4 {
        let tx = tx.clone();
        spawn(async move {
            for i in (first..n).step_by(4) {
                tx.send(i).await.unwrap();
            }
        });
    }
    drop(tx);
    let mut total = 0;
    for receiver in receivers {
        total += receiver.await.unwrap();
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) async fn ring(n: u64) -> Outcome {
    let start = Instant::now();
    let (first, mut rx) = channel::<u64>(1);
    for _ in 1..RING {
        let (tx, next) = channel(1);
        spawn(async move {
            while let Some(token) = rx.recv().await {
                tx.send(token + 1).await.unwrap();
            }
        });
        rx = next;
    }
    let rounds = n / RING;
    let mut token = 0;
    for _ in 0..rounds {
        first.send(token).await.unwrap();
        token = rx.recv().await.unwrap() + 1;
    }
    Outcome::timed(start.elapsed(), rounds * RING, token, rounds * RING)
}

pub(super) async fn sieve(n: u64) -> Outcome {
    let Sieve { limit, sum, messages } = Sieve::new(n);
    let start = Instant::now();
    let (tx, mut rx) = channel::<u64>(1);
    spawn(async move {
        for candidate in 2..=limit {
            tx.send(candidate).await.unwrap();
        }
    });
    let mut total = 0;
    while let Some(prime) = rx.recv().await {
        total += prime;
        let (tx, next) = channel(1);
        spawn(filter(prime, rx, tx));
        rx = next;
    }
    Outcome::timed(start.elapsed(), messages, total, sum)
}

async fn filter(prime: u64, mut rx: Receiver<u64>, tx: Sender<u64>) {
    while let Some(candidate) = rx.recv().await {
        if candidate % prime != 0 {
            tx.send(candidate).await.unwrap();
        }
    }
}
