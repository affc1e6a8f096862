//! Programs that are optimised as one piece, with `panic = "abort"`. They are a package of their own,
//! `ui-crates/optimised`.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A program of the package, which the first call builds.
fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui-crates/optimised");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("optimised");
        fs::copy(folder.join("../../../Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--release", "--offline"])
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("release")
    });
    built.join(name)
}

/// The accessor of the runtime's thread-local words: a goroutine that has moved must not see the words of the thread
/// that it has left.
///
/// That it can fail was seen with `options(pure, nomem, …)` on the accessor's assembly (and the boot's self-test, which
/// notices that too, taken out): the optimiser then merges the reads, and the program ends with "the runtime takes this
/// thread for another". A plain `thread_local!` with a `Cell` in its place passes on x86-64, where the address is a
/// constant beside the segment register and never a value; nothing says that it must stay so.
#[test]
fn the_accessor_survives_the_optimiser() {
    let output = Command::new(program("migration")).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5000 moves\n", "{stderr}");
}

fn run(program: &Path, case: &str) -> (Output, String) {
    run_with(program, &[case])
}

fn run_with(program: &Path, arguments: &[&str]) -> (Output, String) {
    let output = Command::new(program)
        .args(arguments)
        .env_remove("GOTRACEBACK")
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

#[test]
fn panic_abort() {
    let program = program("abort");
    let (output, text) = run(&program, "works");
    assert!(output.status.success(), "{text}");
    assert_eq!(output.stdout, b"1 worked\n");
    for case in ["go", "spawn", "blocking"] {
        let (output, text) = run(&program, case);
        assert_eq!(output.status.code(), Some(2), "{case}: {text}");
        for part in ["on purpose\n", " [running]:\n", "user_function()\n", "created by ", " in goroutine 1\n"]
        {
            assert!(text.contains(part), "{case}: {part:?} is missing\n{text}");
        }
    }
    // As in plain Rust.
    let (output, text) = run(&program, "main");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{text}");
    let (output, text) = run(&program, "aborts");
    assert_eq!((output.status.signal(), text.as_str()), (Some(libc::SIGABRT), ""));
    let (output, text) = run(&program, "goexit");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("gort: goexit needs panic = \"unwind\""), "{text}");
    let (output, text) = run(&program, "deadlock");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("all goroutines are asleep - deadlock!\n\ngoroutine 1 [park]:\n"), "{text}");
}

/// A hook that was set after boot and does not call the one that was there: std aborts, and the report comes then.
#[test]
fn panic_abort_with_another_hook() {
    let program = program("abort");
    for case in ["go", "spawn", "blocking"] {
        let (output, text) = run_with(&program, &[case, "their hook"]);
        assert_eq!(output.status.code(), Some(2), "{case}: {text}");
        for part in ["their hook: ", "on purpose\n", "user_function()\n", "created by ", " in goroutine 1\n"]
        {
            assert!(text.contains(part), "{case}: {part:?} is missing\n{text}");
        }
        // Nothing of how it has ended before that.
        let (_, frames) = text.split_once(" [running]:\n").unwrap_or_else(|| panic!("{case}: {text}"));
        assert!(
            frames.lines().next().is_some_and(|line| line.ends_with("user_function()")),
            "{case}: {text}"
        );
    }
    for arguments in [["main", "their hook"], ["go", "a hook that aborts"]] {
        let (output, text) = run_with(&program, &arguments);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{arguments:?}: {text}");
        assert!(!text.contains("[running]"), "{text}");
    }
}

/// `try_recv` looked at an empty channel while what its own thread had sent before was not to be seen yet: of two that
/// send to each other and then look, neither found anything. With a lock around each, as in Go, one does. Unoptimised
/// there is too much between the two to see it.
#[test]
fn both_saw_nothing() {
    let (output, text) = run(&program("abort"), "both_saw_nothing");
    assert!(output.status.success(), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "neither in 0 rounds\n");
}
