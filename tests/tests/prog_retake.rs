//! Retake where it needs a process of its own: no room for threads, threads that end, GOMAXPROCS that shrinks.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

fn command(program: &str, procs: &str, godebug: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prog_retake"));
    command.arg(program).env("GOMAXPROCS", procs).env("GODEBUG", godebug).env_remove("GOTRACEBACK");
    command
}

fn output(program: &str, procs: &str, godebug: &str) -> Output {
    command(program, procs, godebug).output().unwrap()
}

fn run(program: &str, procs: &str, godebug: &str) -> String {
    let output = output(program, procs, godebug);
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

#[test]
fn no_room_for_threads() {
    assert_eq!(run("no_room_for_threads", "1", ""), "went on");
}

/// In Go's words, and with the goroutines: at boot the failure is sysmon's thread, and nobody else can tell.
#[test]
fn a_thread_that_must_be_is_denied() {
    let check = |program: &str, have: u32, parts: &[&str]| {
        for procs in ["1", "2"] {
            let ended = output(program, procs, "");
            assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0), "{ended:?}");
            let text = String::from_utf8_lossy(&ended.stderr);
            let start = format!(
                "runtime: failed to create new OS thread (have {have} already; errno=11)\n\
                 runtime: may need to increase max user processes (ulimit -u)\n\
                 fatal error: newosproc\n\ngoroutine 1 [running]:\n"
            );
            assert!(text.starts_with(&start), "{text}");
            parts.iter().for_each(|part| assert!(text.contains(part), "{part:?} is missing\n{text}"));
        }
    };
    check("no_thread_at_boot", 2, &[]);
    check("no_thread_to_lock", 3, &["prog_retake::no_thread_to_lock()\n\t"]);
}

#[test]
fn threads_end() {
    assert_eq!(run("threads_end", "2", ""), "few again");
}

#[test]
fn a_limit_of_threads() {
    const START: &str = "runtime: program exceeds 20-thread limit\nfatal error: thread exhaustion\n";
    let check = |program: &str, level: &str, stdout: &str| {
        let ended = command(program, "1", "").env("GOTRACEBACK", level).output().unwrap();
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        let crash = level == "crash";
        assert_eq!(ended.status.signal(), crash.then_some(libc::SIGABRT), "{level} {text}");
        assert_eq!(ended.status.code(), if crash { None } else { Some(2) }, "{level} {text}");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), stdout, "{text}");
        text.strip_prefix(START).expect(&text).to_owned()
    };
    let created =
        "created by prog_retake::forty_threads::{{closure}} in goroutine 1\n\ttests/src/bin/prog_retake.rs:";
    let shows_all = |text: &str| {
        // Those that sleep in the threads, and main.
        assert!(text.matches("\ngoroutine ").count() > 20 && text.contains(created), "{text}");
    };
    assert_eq!(check("more_threads_than_may_be", "none", ""), "");
    let text = check("more_threads_than_may_be", "crash", "");
    shows_all(&text);
    // Sysmon fails, or an M that hands its P on, or a goroutine in the midst of something of the runtime's.
    let (first, _) = text.split_once("\n\n").expect("several goroutines");
    assert!(first.starts_with("\nruntime stack:\n") || first.starts_with("\ngoroutine "), "{text}");
    assert!(first.contains("\ngort::sched::thread_exhaustion()\n"), "{text}");
    let text = check("fewer_threads_than_there_are", "single", "all have begun\n");
    shows_all(&text);
    assert!(text.starts_with("\ngoroutine 1 [running]:\n"), "{text}");
    assert!(text.contains("\nprog_retake::fewer_threads_than_there_are()\n"), "{text}");
}

#[test]
fn a_late_sleeper_goes_ahead() {
    assert_eq!(run("a_late_sleeper_goes_ahead", "1", ""), "went ahead");
}

#[test]
fn a_slice_ends_past_the_cap() {
    assert_eq!(run("a_slice_ends_past_the_cap", "1", ""), "gave way");
}

#[test]
fn a_ping_pong_pair_wakes_nobody() {
    assert_eq!(run("a_ping_pong_pair_wakes_nobody", "2", ""), "slept on");
}

#[test]
fn an_idle_p_helps_after_contention() {
    assert_eq!(run("an_idle_p_helps_after_contention", "2", ""), "helped");
}

#[test]
fn threads_may_run_where_they_could() {
    for procs in ["1", "2", "8"] {
        assert_eq!(run("threads_may_run_where_they_could", procs, ""), "all");
    }
}

#[test]
fn shrinks_under_hogs() {
    for procs in ["1", "2", "4", "8"] {
        assert_eq!(run("shrinks_under_hogs", procs, ""), "resized");
        assert_eq!(run("shrinks_under_hogs", procs, "nomembarrier=1"), "resized");
    }
}

/// The output is read only when all have begun, which most could not if those that block kept their P.
#[test]
fn println_from_everywhere() {
    for procs in ["1", "2"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_prog_retake"))
            .arg("println_from_everywhere")
            .env("GOMAXPROCS", procs)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "all have begun\n");
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        // Each one's lines are whole, and in order.
        let mut next = [0; 100];
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let [i, n, text]: [&str; 3] = line.split(' ').collect::<Vec<_>>().try_into().expect(line);
            let next = &mut next[i.parse::<usize>().unwrap()];
            assert_eq!((n.parse(), text), (Ok(*next), "x".repeat(100).as_str()), "{line}");
            *next += 1;
        }
        assert_eq!(next, [100; 100]);
    }
}

/// What the program prints once it has warned that too many compute, and was told to end.
fn run_until_warned(program: &str, procs: usize) -> String {
    let mut child = command(program, &procs.to_string(), "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut warning = String::new();
    errors.read_line(&mut warning).unwrap();
    assert!(warning.starts_with("gort: too many goroutines compute without a pause"), "{warning}");
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    assert!(output.status.success() && rest.is_empty(), "{}: {rest}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

/// 64 threads for each P go on without one; then one warning, and whoever computes keeps its P.
#[test]
fn more_hogs_than_the_cap() {
    for procs in [1, 2] {
        let begun: usize = run_until_warned("more_hogs_than_the_cap", procs).parse().unwrap();
        assert_eq!(begun, procs * (64 + 1));
    }
}

/// What was counted for the cap was every thread without a P: a hundred in the kernel, and nobody was helped any more.
#[test]
fn bug_blocked_threads_were_counted_as_hogs() {
    for procs in ["1", "2"] {
        for godebug in ["", "nomembarrier=1"] {
            let output = output("blocked_threads_are_no_hogs", procs, godebug);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "went on\n", "{output:?}");
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        }
    }
}

#[test]
fn sleepers_that_come_back_as_hogs() {
    assert_eq!(run_until_warned("sleepers_that_come_back_as_hogs", 1), "");
}
