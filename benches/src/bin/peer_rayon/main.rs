//! Fork-join on rayon, which has no tasks that could wait.

use std::process::ExitCode;
use std::time::Instant;

use benches::outcome::Outcome;
use benches::peer;
use benches::work::{fibonacci, forks};
use rayon::ThreadPoolBuilder;

fn main() -> ExitCode {
    peer::run(&[("fib", fib)])
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
