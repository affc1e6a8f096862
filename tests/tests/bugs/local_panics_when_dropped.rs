//! When the destructor of a goroutine-local panicked, the goroutine was not counted out, and locals that were
//! set meanwhile were left to the next goroutine in the same descriptor.

use crate::program::run_in;

#[test]
fn local_panics_when_dropped() {
    run_in(&["local_panics_when_dropped"], &[("GOMAXPROCS", Some("1"))]).status(0).out("counted");
}
