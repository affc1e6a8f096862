//! Whole programs whose goroutines run on the stack of their joiner.

use std::process::Command;

/// Status and error output. With one P nobody else runs the goroutine first.
fn run(program: &str, env: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_prog_inline"))
        .arg(program)
        .env_remove("GOTRACEBACK")
        .env("GOMAXPROCS", "1")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn paragraph<'a>(text: &'a str, head: &str) -> &'a str {
    text.split("\n\n").find(|p| p.starts_with(head)).unwrap_or_else(|| panic!("{head} in {text}"))
}

#[test]
fn each_counts() {
    for procs in ["1", "2", "8"] {
        assert_eq!(run("count", &[("GOMAXPROCS", procs)]), (Some(0), String::new()));
    }
}

#[test]
fn a_deadlock_shows_host_and_guest() {
    let (status, text) = run("deadlock", &[]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.starts_with("fatal error: all goroutines are asleep - deadlock!\n"), "{text}");
    let host = paragraph(&text, "goroutine 1 [join]:\n");
    assert!(host.contains("host_function()\n") && !host.contains("guest_function("), "{text}");
    let guest = text.split("\n\n").find(|p| p.contains("guest_function()\n")).expect("the guest");
    assert!(guest.contains(" [chan receive]:\n") && !guest.contains("host_function()\n"), "{text}");
    assert!(guest.contains("created by prog_inline::host_function in goroutine 1\n"), "{text}");
}

#[test]
fn an_overflow_is_the_guests() {
    let (status, text) = run("overflow", &[]);
    assert_eq!(status, Some(2), "{text}");
    let limit = text
        .strip_prefix("runtime: goroutine stack exceeds ")
        .and_then(|rest| rest.split_once("-byte limit\nfatal error: stack overflow\n"))
        .and_then(|(limit, _)| limit.parse::<usize>().ok());
    // What was left of the main goroutine's.
    assert!(limit.is_some_and(|n| (128 << 10..16_711_680).contains(&n)), "{text}");
    let guest = text.split("\n\n").find(|p| p.contains("recurse()\n")).expect("the guest");
    assert!(guest.contains(" [running]:\n") && guest.contains("guest_function()\n"), "{text}");
    assert!(!guest.contains("host_function()\n"), "{text}");
    assert!(guest.contains("created by prog_inline::host_function in goroutine "), "{text}");
}

#[test]
fn a_panic_elsewhere_while_it_is_parked() {
    let (status, text) = run("panic", &[("GOTRACEBACK", "all")]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("on purpose"), "{text}");
    assert!(text.contains("goroutine 1 [join]:\n"), "{text}");
}

#[test]
fn it_may_end_the_process() {
    assert_eq!(run("exit", &[]), (Some(7), String::new()));
}
