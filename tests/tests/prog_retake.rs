//! Retake where it needs a process of its own: no room for threads, threads that end, GOMAXPROCS that shrinks.

use std::process::Command;

fn run(program: &str, procs: &str, godebug: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_prog_retake"))
        .arg(program)
        .env("GOMAXPROCS", procs)
        .env("GODEBUG", godebug)
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

#[test]
fn no_room_for_threads() {
    assert_eq!(run("no_room_for_threads", "1", ""), "went on");
}

#[test]
fn threads_end() {
    assert_eq!(run("threads_end", "2", ""), "few again");
}

#[test]
fn shrinks_under_hogs() {
    for procs in ["1", "2", "4", "8"] {
        assert_eq!(run("shrinks_under_hogs", procs, ""), "resized");
        assert_eq!(run("shrinks_under_hogs", procs, "nomembarrier=1"), "resized");
    }
}
