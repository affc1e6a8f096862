//! Taking turns.

use std::sync::{Arc, Mutex};
use std::thread::spawn;
use std::time::Instant;

use benches::outcome::Outcome;

pub(super) fn mutex(n: u64, threads: u64) -> Outcome {
    let each = n / threads;
    let count = Arc::new(Mutex::new(0));
    let start = Instant::now();
    let handles: Vec<_> = (0..threads)
        .map(|_| {
            let count = count.clone();
            spawn(move || {
                for _ in 0..each {
                    *count.lock().unwrap() += 1;
                }
            })
        })
        .collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
    let elapsed = start.elapsed();
    let total = *count.lock().unwrap();
    Outcome::timed(elapsed, each * threads, total, each * threads)
}
