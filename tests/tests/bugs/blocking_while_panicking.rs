//! A goroutine that gives up its P while it panics (`blocking_on_system_stack` in a destructor) came back on
//! another thread. std counts panics per thread: one thread was left panicking for good, the other's count
//! went below zero.

use crate::program::run_in;

#[test]
fn blocking_while_panicking() {
    for procs in ["1", "2"] {
        run_in(&["blocking_while_panicking"], &[("GOMAXPROCS", Some(procs))]).status(0).out("stayed");
    }
}
