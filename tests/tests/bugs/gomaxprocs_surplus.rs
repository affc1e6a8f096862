//! A P that was on its way from one M to another when `gomaxprocs(n)` took it away was neither on the idle
//! list nor marked, and went on running goroutines beside the n that are left.

use crate::program::run_in;

#[test]
fn gomaxprocs_surplus() {
    for procs in ["1", "2", "8"] {
        run_in(&["resizes"], &[("GOMAXPROCS", Some(procs))]).status(0).out("resized");
    }
}
