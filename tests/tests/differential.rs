//! Random programs of channel operations against a sequential model. More seeds: `DIFFERENTIAL_SEEDS=100000`, or the
//! program `differential`.

use tests::differential::{exact, run};

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let count = std::env::var("DIFFERENTIAL_SEEDS").map_or(usual, |n| n.parse().expect("a number of seeds"));
    0..count
}

/// One goroutine, operations that do not wait: each result is known.
#[gort::test]
fn each_result_is_the_models() {
    seeds(200).for_each(|seed| exact::check(seed, 300));
}

/// Goroutines and threads at once: some order of the operations explains all results.
#[gort::test]
fn an_order_explains_all_results() {
    seeds(500).for_each(run::check);
}
