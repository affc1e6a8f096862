//! Messages between threads, over crossbeam's channels or flume's: whichever
//! `crate::chan` is.

use std::thread::spawn;
use std::time::Instant;

use benches::outcome::Outcome;
use benches::work::{RING, Sieve, triangle};

use crate::chan::{Receiver, Sender, bounded};
pub(super) fn pingpong(n: u64) -> Outcome {
    let (ping, pinged) = bounded::<u64>(0);
    let (pong, ponged) = bounded::<u64>(0);
    let start = Instant::now();
    spawn(move || {
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

pub(super) fn prodcons(n: u64, capacity: usize) -> Outcome {
    let (tx, rx) = bounded::<u64>(capacity);
    let start = Instant::now();
    spawn(move || {
        for i in 0..n {
            tx.send(i).unwrap();
        }
    });
    let total = rx.into_iter().sum();
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn mpmc(n: u64) -> Outcome {
    let (tx, rx) = bounded::<u64>(100);
    let start = Instant::now();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let rx = rx.clone();
            spawn(move || rx.into_iter().sum::<u64>())
        })
        .collect();
    for first in 0..4 {
        let tx = tx.clone();
        spawn(move || {
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
    let (first, mut rx) = bounded::<u64>(0);
    for _ in 1..RING {
        let (tx, next) = bounded(0);
        spawn(move || {
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
    let (tx, mut rx) = bounded::<u64>(0);
    spawn(move || {
        for candidate in 2..=limit {
            tx.send(candidate).unwrap();
        }
    });
    let mut total = 0;
    while let Ok(prime) = rx.recv() {
        total += prime;
        let (tx, next) = bounded(0);
        spawn(move || filter(prime, rx, tx));
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
