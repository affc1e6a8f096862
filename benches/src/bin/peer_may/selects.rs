//! Waiting for one of several channels.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::TryRecvError;
use std::time::Instant;

use benches::outcome::Outcome;
use benches::work::triangle;
use may::sync::spsc::{Receiver, Sender, channel};
use may::{cqueue, go};

/// `K` channels, into each of which one coroutine sends its share of the numbers
/// below `n`, each after the one before it was taken, which the other channel
/// says. Without that the senders would run ahead of any choice.
fn sources<const K: usize>(n: u64) -> [(Receiver<u64>, Sender<()>); K] {
    std::array::from_fn(|first| {
        let (tx, rx) = channel();
        let (taken, took) = channel();
        go!(move || {
            for i in (first as u64..n).step_by(K) {
                tx.send(i).unwrap();
                took.recv().unwrap();
            }
        });
        (rx, taken)
    })
}

/// By may's queue of events, with a coroutine for each channel. Its `select!`
/// starts those anew for every choice.
pub(super) fn select<const K: usize>(n: u64) -> Outcome {
    let start = Instant::now();
    let sources = sources::<K>(n);
    let total = AtomicU64::new(0);
    cqueue::scope(|queue| {
        for (rx, taken) in sources {
            let total = &total;
            go!(queue, 0, move |event| {
                for v in rx {
                    total.fetch_add(v, Relaxed);
                    taken.send(()).unwrap();
                    event.send(0);
                }
            });
        }
        for _ in 0..n {
            queue.poll(None).unwrap();
        }
    });
    Outcome::timed(start.elapsed(), n, total.into_inner(), triangle(n))
}

pub(super) fn non_blocking(n: u64) -> Outcome {
    let (tx, rx) = channel::<u64>();
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
