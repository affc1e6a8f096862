//! Fork-join on rayon, which has no tasks that could wait.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use benches::lateness::Lateness;
use benches::outcome::Outcome;
use benches::peer;
use benches::work::{PIECES, fibonacci, forks, piece, pieces_total};
use rayon::ThreadPoolBuilder;

fn main() -> ExitCode {
    peer::run(&[("fib", fib), ("jobs", jobs)])
}

fn fib(n: u64) -> Outcome {
    let pool = ThreadPoolBuilder::new().num_threads(peer::procs()).build().unwrap();
    pool.install(|| {
        let start = Instant::now();
        let result = fork_fib(n);
        Outcome::timed(start.elapsed(), forks(n), result, fibonacci(n))
    })
}

fn fork_fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (fork, other) = rayon::join(|| fork_fib(n - 1), || fork_fib(n - 2));
    fork + other
}

/// A job for several comes every millisecond, and is waited for.
fn jobs(n: u64) -> Outcome {
    let pool = ThreadPoolBuilder::new().num_threads(peer::procs()).build().unwrap();
    let (took, total) = (Lateness::new(n), AtomicU64::new(0));
    for slot in 0..n {
        thread::sleep(Duration::from_millis(1));
        let start = Instant::now();
        pool.scope(|scope| {
            for _ in 0..PIECES {
                scope.spawn(|_| {
                    total.fetch_add(piece(), Relaxed);
                });
            }
        });
        took.note(slot, start, Duration::ZERO);
    }
    Outcome::checked(total.into_inner(), pieces_total(n), took.figures(n))
}
