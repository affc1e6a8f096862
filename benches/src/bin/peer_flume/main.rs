//! The workloads of channels on plain threads, with flume's.

#[path = "../peer_threads/channels.rs"]
mod channels;
mod selects;

use std::process::ExitCode;

use benches::peer;
use flume as chan;

fn main() -> ExitCode {
    peer::run(&[
        ("pingpong", channels::pingpong),
        ("prodcons0", |n| channels::prodcons(n, 0)),
        ("prodcons1", |n| channels::prodcons(n, 1)),
        ("prodcons100", |n| channels::prodcons(n, 100)),
        ("mpmc", channels::mpmc),
        ("ring", channels::ring),
        ("sieve", channels::sieve),
        ("select2", selects::select::<2>),
        ("select8", selects::select::<8>),
        ("select_nb", selects::non_blocking),
    ])
}
