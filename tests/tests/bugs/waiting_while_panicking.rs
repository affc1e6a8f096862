//! A goroutine that waits while it panics (a destructor sleeps, receives, locks) lets its M hand over the P.
//! When no other M is idle a new one is needed, and as the thread is locked for the time, the template
//! thread is asked to make it. That had never been started: the P was lost, and with one P everything stood
//! still.

use crate::program::run_in;

#[test]
fn waiting_while_panicking() {
    for procs in ["1", "2", "3"] {
        run_in(&["waiting_while_panicking"], &[("GOMAXPROCS", Some(procs))]).status(0).out("waited");
    }
}
