//! The workloads on may, whose coroutines have stacks of their own, too.

mod channels;
mod locks;
mod naps;
mod selects;
mod tasks;

use std::process::ExitCode;

use benches::outcome::Outcome;
use benches::peer;
use may::go;

fn main() -> ExitCode {
    may::config().set_workers(peer::procs());
    peer::run(&[
        ("spawn", |n| on_worker(tasks::spawn, n)),
        ("spawn_chain", |n| on_worker(tasks::spawn_chain, n)),
        ("spawn_join", |n| on_worker(tasks::spawn_join, n)),
        ("yield1", |n| on_worker(|n| tasks::yields(n, 1), n)),
        ("yield1000", |n| on_worker(|n| tasks::yields(n, 1000), n)),
        ("skynet", |n| on_worker(tasks::skynet, n)),
        ("fib", |n| on_worker(tasks::fib, n)),
        ("parked", |n| on_worker(tasks::parked, n)),
        ("pingpong", |n| on_worker(channels::pingpong, n)),
        ("prodcons0", |n| on_worker(channels::rendezvous, n)),
        ("prodcons1", |n| on_worker(|n| channels::prodcons(n, 1), n)),
        ("prodcons100", |n| on_worker(channels::unbounded, n)),
        ("mpmc", |n| on_worker(channels::mpmc, n)),
        ("ring", |n| on_worker(channels::ring, n)),
        ("sieve", |n| on_worker(channels::sieve, n)),
        ("select2", |n| on_worker(selects::select::<2>, n)),
        ("select8", |n| on_worker(selects::select::<8>, n)),
        ("select_nb", |n| on_worker(selects::non_blocking, n)),
        ("mutex8", |n| on_worker(|n| locks::mutex(n, 8), n)),
        ("mutex1", |n| on_worker(|n| locks::mutex(n, 1), n)),
        ("sleepers", |n| on_worker(naps::sleepers, n)),
        ("lone", |n| on_worker(naps::lone, n)),
        ("hogs", |n| on_worker(naps::hogs, n)),
        ("blocking", |n| on_worker(naps::blocking, n)),
        ("jobs", |n| on_worker(naps::jobs, n)),
    ])
}

/// Runs the work in a coroutine, so that what it starts goes to the worker's
/// own queue.
fn on_worker(work: fn(u64) -> Outcome, n: u64) -> Outcome {
    go!(move || work(n)).join().unwrap()
}
