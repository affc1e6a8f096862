//! Waiting for one of several of flume's channels.

use std::hint::black_box;
use std::thread::spawn;
use std::time::Instant;

use benches::outcome::Outcome;
use benches::work::triangle;
use flume::{Receiver, Selector, Sender, TryRecvError, bounded};

/// `K` unbuffered channels, into each of which one thread sends its share
/// of the numbers below `n`. The senders' other halves keep them open.
fn sources<const K: usize>(n: u64) -> ([Receiver<u64>; K], Vec<Sender<u64>>) {
    let mut open = Vec::new();
    let receivers = std::array::from_fn(|first| {
        let (tx, rx) = bounded(0);
        open.push(tx.clone());
        spawn(move || {
            for i in (first as u64..n).step_by(K) {
                tx.send(i).unwrap();
            }
        });
        rx
    });
    (receivers, open)
}

pub(super) fn select<const K: usize>(n: u64) -> Outcome {
    let start = Instant::now();
    let (receivers, _open) = sources::<K>(n);
    let mut total = 0;
    for _ in 0..n {
        let selector = receivers.iter().fold(Selector::new(), |all, rx| all.recv(rx, |v| v));
        total += selector.wait().unwrap();
    }
    Outcome::timed(start.elapsed(), n, total, triangle(n))
}

pub(super) fn non_blocking(n: u64) -> Outcome {
    let (tx, rx) = bounded::<u64>(1);
    let mut nothing = 0;
    let start = Instant::now();
    for _ in 0..n {
        match black_box(&rx).try_recv() {
            Err(TryRecvError::Empty) => nothing += 1,
            v => panic!("{v:?} out of nowhere"),
        }
    }
    let elapsed = start.elapsed();
    tx.send(1).unwrap();
    Outcome::timed(elapsed, n, nothing + rx.recv().unwrap(), n + 1)
}
