//! One test for each bug that was fixed, by its name: those that show in processes of their own. What is told by
//! goroutines of a test is in `bug_*.rs` beside this folder.

mod blocking_while_panicking;
mod boots_at_once;
mod channel_without_runtime;
mod false_deadlock;
mod false_deadlock_at_boot;
mod gomaxprocs_surplus;
mod local_panics_when_dropped;
mod local_set_by_destructor_on_thread;
mod local_used_by_its_destructor;
mod no_runtime_names_gorts_own_line;
#[path = "../api_support/program.rs"]
mod program;
mod scoped_result_dropped_twice;
mod stack_sorts_by_changing_ids;
mod waiting_while_panicking;

use std::process::Command;

/// Runs a program of `prog_bugs`; a hang is killed and fails.
fn check(program: &str) {
    let out = Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_prog_bugs"), program])
        .output()
        .expect("timeout is there");
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program}: {:?}\n{stderr}", out.status);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "done\n");
}

/// The M of a goroutine that was locked for the length of one park asked the template thread, which had
/// never been started, for the M that was to take its P.
#[test]
fn new_m_for_a_panicking_goroutine_was_never_started() {
    check("panicking_goroutine_waits");
}

/// The same, by a `try_recv` that meets a select which has yet to send.
#[test]
fn new_m_for_a_goroutine_kept_on_its_thread_was_never_started() {
    check("try_recv_from_a_select");
}

/// The look for a deadlock saw everybody asleep, then no timer, then everybody asleep: between the looks an M had
/// woken for the last timer and set the next. (It rarely shows; the models in `sched/verdict.rs` find it always.)
#[test]
fn deadlock_found_between_two_sleeps() {
    (0..3).for_each(|_| check("thread_waits_beside_sleeps"));
}
