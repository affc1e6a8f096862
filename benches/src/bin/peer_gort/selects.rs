//! Waiting for one of several channels.

use std::hint::black_box;
use std::time::Instant;

use benches::outcome::Outcome;
use benches::work::triangle;
use gort::channel::{Receiver, Sender};
use gort::{chan, go, select};

/// `K` unbuffered channels, into each of which one goroutine sends its share
/// of the numbers below `n`. The senders' other halves keep them open.
fn sources<const K: usize>(n: u64) -> ([Receiver<u64>; K], Vec<Sender<u64>>) {
    let mut open = Vec::new();
    let receivers = std::array::from_fn(|first| {
        let (tx, rx) = chan(0);
        open.push(tx.clone());
        go!(move || {
            for i in (first as u64..n).step_by(K) {
                tx.send(i).unwrap();
            }
        });
        rx
    });
    (receivers, open)
}

pub(super) fn select2(n: u64) -> Outcome {
    let start = Instant::now();
    let ([a, b], _open) = sources(n);
    let mut total = 0;
    for _ in 0..n {
        select! {
            recv(a) -> v => total += v.unwrap(),
            recv(b) -> v => total += v.unwrap(),
        }
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn select8(n: u64) -> Outcome {
    let start = Instant::now();
    let ([a, b, c, d, e, f, g, h], _open) = sources(n);
    let mut total = 0;
    for _ in 0..n {
        select! {
            recv(a) -> v => total += v.unwrap(),
            recv(b) -> v => total += v.unwrap(),
            recv(c) -> v => total += v.unwrap(),
            recv(d) -> v => total += v.unwrap(),
            recv(e) -> v => total += v.unwrap(),
            recv(f) -> v => total += v.unwrap(),
            recv(g) -> v => total += v.unwrap(),
            recv(h) -> v => total += v.unwrap(),
        }
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn non_blocking(n: u64) -> Outcome {
    let (tx, rx) = chan::<u64>(1);
    let mut nothing = 0;
    let start = Instant::now();
    for _ in 0..n {
        select! {
            recv(black_box(&rx)) -> v => panic!("{v:?} out of nowhere"),
            default => nothing += 1,
        }
    }
    let elapsed = start.elapsed();
    tx.send(1).unwrap();
    Outcome::timed(elapsed, n, nothing + rx.recv().unwrap(), n + 1)
}
