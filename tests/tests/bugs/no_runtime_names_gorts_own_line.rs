//! The panic without a runtime named a line of gort's and not the caller's.

use crate::program::run_in;

#[test]
fn no_runtime_names_gorts_own_line() {
    let cases =
        ["no_runtime_go", "no_runtime_spawn", "no_runtime_run", "no_runtime_builder", "no_runtime_scope"];
    for case in cases {
        run_in(&[case], &[])
            .status(101)
            .err(&["panicked at tests/src/bin/prog_cases/main.rs:"])
            .err_without(&["panicked at gort/"]);
    }
}
