//! The workloads on plain threads, with crossbeam's channels.

mod channels;
mod locks;
mod naps;
mod selects;
mod tasks;

use std::process::ExitCode;

use benches::peer;
use crossbeam_channel as chan;

fn main() -> ExitCode {
    peer::run(&[
        ("spawn", tasks::spawn),
        ("spawn_chain", tasks::spawn_chain),
        ("spawn_join", tasks::spawn_join),
        ("yield1", |n| tasks::yields(n, 1)),
        ("yield1000", |n| tasks::yields(n, 1000)),
        ("skynet", tasks::skynet),
        ("fib", tasks::fib),
        ("parked", tasks::parked),
        ("pingpong", channels::pingpong),
        ("prodcons0", |n| channels::prodcons(n, 0)),
        ("prodcons1", |n| channels::prodcons(n, 1)),
        ("prodcons100", |n| channels::prodcons(n, 100)),
        ("mpmc", channels::mpmc),
        ("ring", channels::ring),
        ("sieve", channels::sieve),
        ("select2", selects::select2),
        ("select8", selects::select8),
        ("select_nb", selects::non_blocking),
        ("mutex8", |n| locks::mutex(n, 8)),
        ("mutex1", |n| locks::mutex(n, 1)),
        ("sleepers", naps::sleepers),
        ("lone", naps::lone),
        ("hogs", naps::hogs),
        ("blocking", naps::blocking),
        ("jobs", naps::jobs),
    ])
}
