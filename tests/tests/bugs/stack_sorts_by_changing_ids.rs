//! `runtime::stack(true)` sorted descriptors by an id that may change under its hands, when one is used
//! again meanwhile; std's sort noticed that and panicked.

use crate::program::run_in;

#[test]
fn stack_sorts_by_changing_ids() {
    run_in(&["dumps_while_many_end"], &[("GOMAXPROCS", Some("8"))]).status(0).out("dumped");
}
