//! Random programs of channel operations against the model, by seed: see `tests::differential`.
//!
//! ```text
//! $ cargo run --release -p tests --bin differential -- SEED COUNT
//! ```
//!
//! Short in CI (`tests/tests/differential.rs`), long by hand: `differential 1 1000000`.

use tests::differential::{exact, run};

#[gort::main]
fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u64>().expect("SEED COUNT are numbers"));
    let (seed, count) = (args.next().unwrap_or(1), args.next().unwrap_or(10_000));
    for s in seed..seed + count {
        exact::check(s, 200);
        run::check(s);
    }
    println!("{count} programs from seed {seed}: all explained");
}
