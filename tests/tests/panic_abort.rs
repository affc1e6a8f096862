//! Programs with `panic = "abort"`. The program is a package of its own, in `ui-crates/abort`.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui-crates/abort");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui-crates");
    fs::copy(folder.join("../../../Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/abort")
}

fn run(program: &Path, case: &str) -> (Output, String) {
    let output = Command::new(program)
        .arg(case)
        .env_remove("GOTRACEBACK")
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

#[test]
fn panic_abort() {
    let program = build();
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
    let (output, text) = run(&program, "goexit");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("gort: goexit needs panic = \"unwind\""), "{text}");
    let (output, text) = run(&program, "deadlock");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("all goroutines are asleep - deadlock!\n\ngoroutine 1 [park]:\n"), "{text}");
}
