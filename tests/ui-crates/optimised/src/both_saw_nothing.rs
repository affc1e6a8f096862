//! Two threads that send to each other and then look, without waiting: one at least finds what the other has sent.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gort::channel::{Receiver, Sender, bounded};

const ROUNDS: usize = 20_000;

/// Waits until both are here.
fn meet(arrived: &AtomicUsize, meeting: usize) {
    arrived.fetch_add(1, SeqCst);
    for turn in 0.. {
        if arrived.load(SeqCst) >= 2 * meeting {
            return;
        }
        if turn > 1000 {
            std::thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

/// In which rounds it found something.
fn send_and_look(arrived: &AtomicUsize, mine: &Sender<()>, other: &Receiver<()>) -> Vec<bool> {
    let round = |round: usize| {
        meet(arrived, 2 * round + 1);
        mine.send(()).unwrap();
        let found = other.try_recv().is_ok();
        meet(arrived, 2 * round + 2);
        while other.try_recv().is_ok() {}
        found
    };
    (0..ROUNDS).map(round).collect()
}

pub fn run() {
    let (a, a_out) = bounded(1);
    let (b, b_out) = bounded(1);
    let arrived = AtomicUsize::new(0);
    let (first, second) = std::thread::scope(|s| {
        let first = s.spawn(|| send_and_look(&arrived, &a, &b_out));
        let second = s.spawn(|| send_and_look(&arrived, &b, &a_out));
        (first.join().unwrap(), second.join().unwrap())
    });
    let neither = first.iter().zip(&second).filter(|found| matches!(found, (false, false))).count();
    println!("neither in {neither} rounds");
}
