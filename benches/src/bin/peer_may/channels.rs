//! Messages between coroutines.
//!
//! may has neither unbuffered nor bounded channels; its unbounded one for a
//! single sender and receiver is its fastest. Where a sender has to wait, it
//! does so by the usual means: an answer, or a semaphore.

use std::sync::Arc;
use std::time::Instant;

use benches::outcome::Outcome;
use benches::work::{RING, Sieve, triangle};
use may::go;
use may::sync::spsc::{Receiver, Sender, channel};
use may::sync::{Semphore, mpmc};

pub(super) fn pingpong(n: u64) -> Outcome {
    let (ping, pinged) = channel::<u64>();
    let (pong, ponged) = channel::<u64>();
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

/// Each message is answered before the next one is sent.
pub(super) fn rendezvous(n: u64) -> Outcome {
    let (tx, rx) = channel::<u64>();
    let (taken, took) = channel::<()>();
    let start = Instant::now();
    go!(move || {
        for i in 0..n {
            tx.send(i).unwrap();
            took.recv().unwrap();
        }
    });
    let mut total = 0;
    for i in rx {
        total += i;
        taken.send(()).unwrap();
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn prodcons(n: u64, capacity: usize) -> Outcome {
    let (tx, rx) = channel::<u64>();
    let room = Arc::new(Semphore::new(capacity));
    let start = Instant::now();
    go!({
        let room = room.clone();
        move || {
            for i in 0..n {
                room.wait();
                tx.send(i).unwrap();
            }
        }
    });
    let mut total = 0;
    for i in rx {
        total += i;
        room.post();
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

/// Unbounded, which spares may the waiting.
pub(super) fn unbounded(n: u64) -> Outcome {
    let (tx, rx) = channel::<u64>();
    let start = Instant::now();
    go!(move || {
        for i in 0..n {
            tx.send(i).unwrap();
        }
    });
    let total = rx.into_iter().sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn mpmc(n: u64) -> Outcome {
    let (tx, rx) = mpmc::channel::<u64>();
    let start = Instant::now();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let rx = rx.clone();
            go!(move || rx.into_iter().sum::<u64>())
        })
        .collect();
    for first in 0..4 {
        let tx = tx.clone();
        go!(move || {
            for i in (first..n).step_by(4) {
                tx.send(i).unwrap();
            }
        });
    }
    drop(tx);
    let total = receivers.into_iter().map(|h| h.join().unwrap()).sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn ring(n: u64) -> Outcome {
    let start = Instant::now();
    let (first, mut rx) = channel::<u64>();
    for _ in 1..RING {
        let (tx, next) = channel();
        go!(move || {
            for token in rx {
                tx.send(token + 1).unwrap();
            }
        });
        rx = next;
    }
    let rounds = n / RING;
    let mut token = 0;
    for _ in 0..rounds {
        first.send(token).unwrap();
        token = rx.recv().unwrap() + 1;
    }
    Outcome::timed(start.elapsed(), rounds * RING, token, rounds * RING)
}

pub(super) fn sieve(n: u64) -> Outcome {
    let Sieve { limit, sum, messages } = Sieve::new(n);
    let start = Instant::now();
    let (tx, mut rx) = channel::<u64>();
    go!(move || {
        for candidate in 2..=limit {
            tx.send(candidate).unwrap();
        }
    });
    let mut total = 0;
    while let Ok(prime) = rx.recv() {
        total += prime;
        let (tx, next) = channel();
        go!(move || filter(prime, rx, tx));
        rx = next;
    }
    Outcome::timed(start.elapsed(), messages, total, sum)
}

fn filter(prime: u64, rx: Receiver<u64>, tx: Sender<u64>) {
    for candidate in rx {
        if candidate % prime != 0 {
            tx.send(candidate).unwrap();
        }
    }
}
