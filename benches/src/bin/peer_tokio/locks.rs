//! Taking turns by tokio's mutex, the one that may be held while its holder waits.

use std::sync::Arc;
use std::time::Instant;

use benches::outcome::Outcome;
use tokio::spawn;
use tokio::sync::Mutex;

pub(super) async fn mutex(n: u64, tasks: u64) -> Outcome {
    let each = n / tasks;
    let count = Arc::new(Mutex::new(0));
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            let count = count.clone();
            spawn(async move {
                for _ in 0..each {
                    *count.lock().await += 1;
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    let elapsed = start.elapsed();
    let total = *count.lock().await;
    Outcome::timed(elapsed, each * tasks, total, each * tasks)
}
