//! A plain thread counted itself as one that waits only after its waker could come. A waker that was
//! quick enough left it counted, and it then took itself, about to go on, for the last of a deadlock.

use crate::program::run_in;

#[test]
fn false_deadlock() {
    for procs in ["1", "2", "3"] {
        run_in(&["runs_again_and_again"], &[("GOMAXPROCS", Some(procs))]).status(0).out("ran");
    }
}
