//! A panic that a destructor catches while its goroutine ends by goexit was taken for the goexit:
//! `gort::panicking()` was false, and a mutex was not poisoned.

#[path = "api_support/program.rs"]
mod program;

use program::run_in;

#[test]
fn panic_inside_goexit() {
    run_in(&["panic_inside_goexit"], &[]).status(0).out("poisoned true");
}
