//! Waiting for one of several channels.

use std::hint::black_box;
use std::time::Instant;

use benches::outcome::Outcome;
use benches::work::triangle;
use tokio::select;
use tokio::spawn;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// `K` channels of capacity 1, into each of which one task sends its share
/// of the numbers below `n`. The senders' other halves keep them open.
fn sources<const K: usize>(n: u64) -> ([Receiver<u64>; K], Vec<Sender<u64>>) {
    let mut open = Vec::new();
    let receivers = std::array::from_fn(|first| {
        let (tx, rx) = channel(1);
        open.push(tx.clone());
        spawn(async move {
            for i in (first as u64..n).step_by(K) {
                tx.send(i).await.unwrap();
            }
        });
        rx
    });
    (receivers, open)
}

pub(super) async fn select2(n: u64) -> Outcome {
    let start = Instant::now();
    let ([mut a, mut b], _open) = sources(n);
    let mut total = 0;
    for _ in 0..n {
        select! {
            v = a.recv() => total += v.unwrap(),
            v = b.recv() => total += v.unwrap(),
        }
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) async fn select8(n: u64) -> Outcome {
    let start = Instant::now();
    let ([mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h], _open) = sources(n);
    let mut total = 0;
    for _ in 0..n {
        select! {
            v = a.recv() => total += v.unwrap(),
            v = b.recv() => total += v.unwrap(),
            v = c.recv() => total += v.unwrap(),
            v = d.recv() => total += v.unwrap(),
            v = e.recv() => total += v.unwrap(),
            v = f.recv() => total += v.unwrap(),
            v = g.recv() => total += v.unwrap(),
            v = h.recv() => total += v.unwrap(),
        }
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) async fn non_blocking(n: u64) -> Outcome {
    let (tx, mut rx) = channel::<u64>(1);
    let mut nothing = 0;
    let start = Instant::now();
    for _ in 0..n {
        match black_box(&mut rx).try_recv() {
            Err(TryRecvError::Empty) => nothing += 1,
            v => panic!("{v:?} out of nowhere"),
        }
    }
    let elapsed = start.elapsed();
    tx.send(1).await.unwrap();
    Outcome::timed(elapsed, n, nothing + rx.recv().await.unwrap(), n + 1)
}
