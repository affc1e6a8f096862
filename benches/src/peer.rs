//! The command line of a peer in Rust: `PEER WORKLOAD N`.

use std::env;
use std::panic;
use std::process::{self, ExitCode};
use std::thread;

use crate::outcome::Outcome;

/// Does the work `n` times and says how that went.
pub type Workload = fn(n: u64) -> Outcome;

/// Runs the workload that the arguments name, prints its line of JSON and
/// returns the exit status: 0 if it was measured or is unsupported, 1 if its
/// result was wrong, 2 if the arguments make no sense.
pub fn run(workloads: &[(&str, Workload)]) -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [name, n] = args.as_slice() else {
        eprintln!("usage: PEER WORKLOAD N");
        return ExitCode::from(2);
    };
    let Ok(n) = n.parse::<u64>() else {
        eprintln!("not a number: {n}");
        return ExitCode::from(2);
    };
    end_on_panic();
    let outcome = match workloads.iter().find(|(known, _)| known == name) {
        Some((_, workload)) => workload(n),
        None => Outcome::Unsupported("no such workload".into()),
    };
    println!("{}", outcome.to_line(name, n));
    ExitCode::from(matches!(outcome, Outcome::Wrong(_)) as u8)
}

/// Ends the process at the first panic in any thread or task. Otherwise what
/// waits for a task that is gone would wait for ever.
fn end_on_panic() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        process::abort();
    }));
}

/// How many threads a peer shall run its tasks on: `GOMAXPROCS`, so that one
/// setting holds for all peers, or else the number of CPUs.
pub fn procs() -> usize {
    env::var("GOMAXPROCS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|&procs| procs > 0)
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, |cpus| cpus.get()))
}
