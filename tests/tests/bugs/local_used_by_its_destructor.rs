//! The destructor of a goroutine-local that uses its own key made the value anew, which was dropped, which
//! used the key, for ever. std's `thread_local!` refuses: `with` panics, `try_with` is an error.

use crate::program::run_in;

#[test]
fn local_used_by_its_destructor() {
    let ended = run_in(&["local_used_by_its_destructor"], &[]);
    // Whatever the joiner is told: it must come to an end.
    assert!(ended.stdout.starts_with("ended"), "{}", ended.stderr);
}
