//! What is measured, and so wants the machine for itself: nothing else is in this binary.

#[path = "api_support/program.rs"]
mod program;

use program::run_in;

#[test]
fn two_that_compute_run_side_by_side() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return;
    }
    let ended = run_in(&["side_by_side"], &[("GOMAXPROCS", Some("2"))]).status(0);
    let mut micros: Vec<u64> = ended.stdout.lines().map(|l| l.parse().expect("a number")).collect();
    micros.sort_unstable();
    assert_eq!(micros.len(), 20);
    // The machine is shared: a quarter must be good, the rest must come at all.
    assert!(micros[5] < 3_000, "{micros:?}");
}
