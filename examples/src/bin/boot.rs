//! The walk of the seed: what happens between the start of the process and the first line of `main`, step
//! by step, under the names that Go gives the steps. `GODEBUG=inittrace=1` prints the same, of any program.
//!
//! ```text
//! $ cargo run --release -p examples --bin boot
//! gort 0.1.0 booted in 19 steps and 302 µs. Each step: how long it took, what it is for, what it set.
//! rt0               39.7 µs  The first thread becomes m0; its stack is g0's, where the scheduler runs.
//!                            g0 stack [0x7ffc3044f000, 0x7ffc30c4f000), 8192 KiB
//! settls             0.1 µs  A thread finds its M in thread-local storage; a stored number comes back.
//!                            m0 in thread-local storage, 0x123 self-test passed
//! …
//! procresize         2.2 µs  The Ps: as many goroutines run at the same time.
//!                            gomaxprocs=2 by the number of processors
//! …
//! newproc           38.1 µs  The first goroutine is made, and waits to be run.
//!                            goroutine 1: runtime.main, stack 8 MiB
//! mstart             0.1 µs  m0 enters the scheduler, which finds that goroutine.
//!                            m0 schedules on its own stack, g0
//! sysmon            38.0 µs  The watchman: a thread beside the scheduler, for what is late.
//!                            on an M of its own, without a P
//! main               0.0 µs  Your main, in goroutine 1.
//!                            runtime.main calls main.main
//! ```

use std::fmt::Write as _;
use std::io::{self, Write as _};

#[gort::main]
fn main() {
    examples::arguments("boot", |args| args.is_empty().then_some(()));
    let steps = gort::runtime::init_trace();
    let total: u64 = steps.last().map_or(0, |last| last.at + last.took);
    let mut text = format!(
        "{} booted in {} steps and {} µs. Each step: how long it took, what it is for, what it set.\n",
        gort::runtime::version(),
        steps.len(),
        total.div_ceil(1000),
    );
    for step in &steps {
        let took = step.took as f64 / 1000.0;
        let _ = writeln!(text, "{:<15}{took:>7.1} µs  {}", step.name, purpose(step.name));
        for line in step.set.split("; ") {
            let _ = writeln!(text, "{:<27}{line}", "");
        }
    }
    let _ = io::stdout().write_all(text.as_bytes()); // an error: nobody reads on
}

/// What a step is for, in the words of one who has not read Go's runtime. G is a goroutine, M an operating
/// system thread, P the right to run goroutines, of which there are GOMAXPROCS.
fn purpose(step: &str) -> &'static str {
    match step {
        "rt0" => "The first thread becomes m0; its stack is g0's, where the scheduler runs.",
        "settls" => "A thread finds its M in thread-local storage; a stored number comes back.",
        "check" => "Atomics and the clock do what the rest relies on.",
        "args" => "The command line.",
        "osinit" => "What machine and what kernel this is.",
        "schedinit" => "The scheduler: at most so many Ms.",
        "tracebackinit" => "What tells of a crash is put in its place.",
        "stackinit" => "Where goroutines' stacks come from, by sizes that double.",
        "mallocinit" => "Where descriptors of goroutines come from.",
        "mcommoninit" => "The M of the first thread, with a stack for signal handlers.",
        "initSigmask" => "Which signals are blocked, for all Ms to come.",
        "goenvs" => "The environment.",
        "parsedebugvars" => "The knobs in GODEBUG.",
        "procresize" => "The Ps: as many goroutines run at the same time.",
        "nocounterpart" => "Steps that Go needs and Rust does not.",
        "newproc" => "The first goroutine is made, and waits to be run.",
        "mstart" => "m0 enters the scheduler, which finds that goroutine.",
        "sysmon" => "The watchman: a thread beside the scheduler, for what is late.",
        "main" => "Your main, in goroutine 1.",
        _ => "",
    }
}
