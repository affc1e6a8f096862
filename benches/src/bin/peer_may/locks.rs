//! Taking turns.

use std::sync::Arc;
use std::time::Instant;

use benches::outcome::Outcome;
use may::go;
use may::sync::Mutex;

pub(super) fn mutex(n: u64, tasks: u64) -> Outcome {
    let each = n / tasks;
    let count = Arc::new(Mutex::new(0));
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            let count = count.clone();
            go!(move || {
                for _ in 0..each {
                    *count.lock().unwrap() += 1;
                }
            })
        })
        .collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
    let elapsed = start.elapsed();
    let total = *count.lock().unwrap();
    Outcome::timed(elapsed, each * tasks, total, each * tasks)
}
