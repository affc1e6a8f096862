//! The panic without a runtime named a line of gort's and not the caller's.

use crate::program::run_in;

#[test]
fn no_runtime_names_gorts_own_line() {
    let cases = "go spawn run builder scope mutex read write barrier semaphore wait_group err_group err_group_go \
                 run_chan once once_lock timer ticker context park park_timeout current goexit blocking \
                 blocking_on_system_stack block_on channel_recv channel_recv_timeout channel_send \
                 channel_send_timeout channel_next mpsc_recv mpsc_recv_timeout mpsc_send mpsc_sync_send mpsc_next";
    for case in cases.split_whitespace() {
        names_the_callers_line(&format!("no_runtime_{case}"));
    }
}

#[test]
fn a_mistake_names_its_own_line() {
    for case in ["mistake_wait_group", "mistake_permits", "mistake_limit", "mistake_ticker"] {
        names_the_callers_line(case);
    }
}

fn names_the_callers_line(case: &str) {
    run_in(&[case], &[])
        .status(101)
        .err(&["panicked at tests/src/bin/prog_cases/main.rs:"])
        .err_without(&["panicked at gort/"]);
}
