//! What the kernel alone asks for: no runtime does with less.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use benches::memory::Memory;
use benches::outcome::Outcome;
use benches::peer;
use rustix::param::page_size;

fn main() -> ExitCode {
    peer::run(&[("parked", parked)])
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
