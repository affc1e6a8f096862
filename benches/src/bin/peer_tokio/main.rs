//! The workloads on tokio's multi-threaded runtime.
//!
//! The work starts in a task on a worker, which is many times as fast as the
//! thread in `block_on` where tasks wait for each other. Only `spawn` is faster
//! from there, and so that is where it starts.

mod channels;
mod countdown;
mod locks;
mod naps;
mod selects;
mod tasks;

use std::future::Future;
use std::process::ExitCode;

use benches::outcome::Outcome;
use benches::peer;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    peer::run(&[
        ("spawn", |n| runtime().block_on(tasks::spawn(n))),
        ("spawn_chain", |n| on_worker(tasks::spawn_chain(n))),
        ("spawn_join", |n| on_worker(tasks::spawn_join(n))),
        ("yield1", |n| on_worker(tasks::yields(n, 1))),
        ("yield1000", |n| on_worker(tasks::yields(n, 1000))),
        ("skynet", |n| on_worker(tasks::skynet(n))),
        ("fib", |n| on_worker(tasks::fib(n))),
        ("parked", |n| on_worker(tasks::parked(n))),
        ("pingpong", |n| on_worker(channels::pingpong(n))),
        ("prodcons0", |n| on_worker(channels::prodcons(n, 0))),
        ("prodcons1", |n| on_worker(channels::prodcons(n, 1))),
        ("prodcons100", |n| on_worker(channels::prodcons(n, 100))),
        ("mpmc", |n| on_worker(channels::mpmc(n))),
        ("ring", |n| on_worker(channels::ring(n))),
        ("sieve", |n| on_worker(channels::sieve(n))),
        ("select2", |n| on_worker(selects::select2(n))),
        ("select8", |n| on_worker(selects::select8(n))),
        ("select_nb", |n| on_worker(selects::non_blocking(n))),
        ("mutex8", |n| on_worker(locks::mutex(n, 8))),
        ("mutex1", |n| on_worker(locks::mutex(n, 1))),
        ("sleepers", |n| on_worker(naps::sleepers(n))),
        ("lone", |n| on_worker(naps::lone(n))),
        ("hogs", |n| on_worker(naps::hogs(n))),
        ("blocking", |n| on_worker(naps::blocking(n))),
        ("jobs", |n| on_worker(naps::jobs(n))),
    ])
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(peer::procs()).enable_time().build().unwrap()
}

fn on_worker(work: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
    runtime().block_on(async { tokio::spawn(work).await.unwrap() })
}
