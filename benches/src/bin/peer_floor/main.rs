//! What the kernel alone asks for: no runtime does with less.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use benches::cpu;
use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::peer;
use benches::work::NAPS;
use rustix::param::page_size;

fn main() -> ExitCode {
    peer::run(&[("parked", parked), ("sleepers", sleepers)])
}

/// One page each: the least that a stack can take.
fn parked(n: u64) -> Outcome {
    let before = Memory::now();
    let start = Instant::now();
    let mut pages = vec![0_u8; n as usize * page_size()];
    let mut touched = 0;
    for page in pages.chunks_exact_mut(page_size()) {
        page[0] = 1;
        touched += 1;
    }
    let start = start.elapsed();
    let after = Memory::now();
    black_box(&pages);
    Outcome::grown(before, after, start, n, touched, n)
}

/// A page for each, and the time at both ends of each nap, as it takes to know how late it was. Nobody sleeps or wakes.
fn sleepers(n: u64) -> Outcome {
    let before = cpu::used();
    let mut pages = vec![0_u8; n as usize * page_size()];
    for page in pages.chunks_exact_mut(page_size()) {
        page[0] = 1;
    }
    let mut naps = 0;
    for _ in 0..n * NAPS {
        black_box(Instant::now().elapsed());
        naps += 1;
    }
    let used = cpu::used() - before;
    black_box(&pages);
    Outcome::checked(naps, n * NAPS, [("cpu_us", used.as_secs_f64() * 1e6 / naps as f64)])
}
