//! The handle of an ended scoped goroutine was dropped, the result panicked when it was dropped, and
//! unwinding dropped the handle, and so the result, again.

use crate::program::run_in;

#[test]
fn scoped_result_dropped_twice() {
    run_in(&["scoped_result_panics_when_dropped"], &[]).status(0).out("dropped 1");
}
