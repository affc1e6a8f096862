//! A goroutine-local of a plain thread that was set by the destructor of another leaked, and a descriptor
//! with it.

use crate::program::run_in;

#[test]
fn local_set_by_destructor_on_thread() {
    let ended = run_in(&["local_set_by_destructor_on_thread"], &[]).status(0);
    assert_eq!(ended.stderr, "dropped late\ndropped late\n");
}
