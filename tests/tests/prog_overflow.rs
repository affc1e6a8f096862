//! Stack overflow explains itself; other faults go where they went before.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

/// `program`: its name and, after a space, its argument.
fn run(program: &str, env: &[(&str, &str)]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_prog_overflow"))
        .args(program.split(' '))
        .env_remove("GOTRACEBACK")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

fn explained(program: &str, env: &[(&str, &str)], limit: &str) -> String {
    let (output, text) = run(program, env);
    let crash = env.contains(&("GOTRACEBACK", "crash"));
    assert_eq!(output.status.code(), if crash { None } else { Some(2) }, "{text}");
    assert_eq!(output.status.signal(), crash.then_some(libc::SIGABRT), "{text}");
    let header =
        format!("runtime: goroutine stack exceeds {limit}-byte limit\nfatal error: stack overflow\n");
    assert!(text.starts_with(&header), "{text}");
    text
}

#[test]
fn a_goroutine_overflows() {
    for env in [&[][..], &[("GODEBUG", "noguardinstall=1")], &[("GOMAXPROCS", "1")]] {
        let text = explained("go", env, "196608");
        assert!(text.contains("[running]:\n") && text.contains("recurse()\n"), "{text}");
        assert!(text.contains(" frames elided...\n"), "{text}");
        assert!(text.contains("created by ") && text.contains("prog_overflow/main.rs:"), "{text}");
    }
}

#[test]
fn the_main_goroutine_overflows() {
    let text = explained("main", &[], "16711680");
    assert!(text.contains("goroutine 1 [running]:\n") && text.contains("recurse()\n"), "{text}");
}

#[test]
fn a_blocking_call_overflows() {
    explained("blocking", &[], "196608");
}

/// On the process's first thread and on another, with the goroutine that is served.
#[test]
fn a_call_on_the_system_stack_overflows() {
    for (program, goroutine) in [("system_stack_of_the_first", 1), ("system_stack_of_another", 2)] {
        let (output, text) = run(program, &[("GOMAXPROCS", "2")]);
        assert_eq!(output.status.code(), Some(2), "{}: {text}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "512\n", "{text}");
        let (limit, rest) = text.split_once("-byte limit\nfatal error: stack overflow\n").expect("a reason");
        let limit: usize = limit.strip_prefix("runtime: system stack exceeds ").unwrap().parse().unwrap();
        // The first thread's is what the process was given.
        assert!(goroutine == 1 || limit == 8 << 20, "{text}");
        let (_, rest) = rest.split_once(&format!("\ngoroutine {goroutine} [running]:\n")).expect("who");
        let parts = ["recurse()\n", " frames elided...\n", "calls_on_the_system_stack()\n", "created by "];
        for part in &parts[..if goroutine == 1 { 3 } else { 4 }] {
            assert!(rest.contains(part), "{part:?} is missing\n{text}");
        }
        assert!(!rest.contains("\ngoroutine "), "{text}");
    }
}

/// As on a machine that is busy, or slow to read the program's debug information.
#[test]
fn names_may_come_late() {
    let text = explained("slow_names", &[], "196608");
    assert!(text.contains("[running]:\n") && text.contains("recurse()\n"), "{text}");
}

/// Names cannot be looked up: the process ends all the same, with the addresses.
#[test]
fn names_may_not_come_at_all() {
    for program in ["holds_the_allocator", "holds_it_in_the_midst", "has_no_memory_left"] {
        let text = explained(program, &[], "196608");
        assert!(text.contains("\nruntime: pcs 0x") && !text.contains("recurse()\n"), "{text}");
    }
}

#[test]
fn levels() {
    let check = |level: &str, own: &str, main: &str| {
        let text = explained("go", &[("GOTRACEBACK", level), ("GOMAXPROCS", "1")], "196608");
        assert_eq!(text.contains(own), level != "none", "{level} {text}");
        assert_eq!(text.contains("recurse"), level != "none", "{level} {text}");
        assert_eq!(text.contains(main), !["none", "single"].contains(&level), "{level} {text}");
    };
    check("none", "goroutine 2 ", "goroutine 1 ");
    check("single", "goroutine 2 [running]:\n", "goroutine 1 ");
    check("all", "goroutine 2 [running]:\n", "\n\ngoroutine 1 [park]:\n");
    for level in ["system", "crash"] {
        check(level, "goroutine 2 gp=0x", "\n\ngoroutine 1 gp=0x");
    }
}

#[test]
fn other_faults_go_where_they_went_before() {
    let (output, text) = run("wild", &[]);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{text}");
    assert!(!text.contains("stack overflow"), "{text}");
}

/// Whatever handler a program has had before, or has installed since: it gets its own faults, and gort gort's.
#[test]
fn a_programs_own_handlers_go_on() {
    for handler in ["handled_before", "handled_simply_before", "handled_later"] {
        let (output, text) = run(handler, &[]);
        assert!(output.status.success() && text.is_empty(), "{handler}: {}: {text}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "handled 8\n", "{handler}");
        let text = explained(&format!("{handler} overflow"), &[], "196608");
        assert!(text.contains("recurse()\n"), "{text}");
    }
}

#[test]
fn std_still_explains_overflows_of_plain_threads() {
    let (output, text) = run("thread", &[]);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{text}");
    assert!(text.contains("has overflowed its stack"), "{text}");
}
