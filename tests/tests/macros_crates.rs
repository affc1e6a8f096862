//! The macros in a crate that knows gort by another name, and whose tests fail. It is a package of its own,
//! `ui-crates/renamed`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where programs of this profile are, target/PROFILE: this is target/PROFILE/deps/macros_crates-HASH.
fn built() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

/// Runs cargo in `ui-crates/renamed`, with the workspace's target folder and dependencies.
fn cargo(args: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(args)
        .arg("--offline")
        .arg("--target-dir")
        .arg(built().parent().unwrap())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("ui-crates/renamed"))
        .output()
        .expect("cargo runs")
}

fn text(output: &Output) -> String {
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    format!("{}\n{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr))
}

#[test]
fn renamed() {
    let output = cargo(&["build"]);
    assert!(output.status.success(), "{}", text(&output));
    let program = built().with_file_name("debug").join("renamed");
    let output = Command::new(program).output().expect("it runs");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert!(text(&output).contains("4 goroutines ran"), "{}", text(&output));
}

#[test]
fn verdicts_of_tests() {
    let output = cargo(&["test", "--no-fail-fast", "--test", "outcomes"]);
    let said = text(&output);
    assert!(!output.status.success(), "{said}");
    let check = |test: &str, verdict: &str| {
        let line = said.lines().find(|line| line.starts_with(&format!("test {test}")));
        assert!(line.is_some_and(|line| line.contains(verdict)), "{test}: {verdict}\n{said}");
    };
    check("passes", "ok");
    check("panics ", "FAILED");
    check("ok", "ok");
    check("err", "FAILED");
    check("success", "ok");
    check("failure", "FAILED");
    check("panics_as_it_should", "ok");
    check("does_not_panic_as_it_should", "FAILED");
    check("is_ignored", "ignored");
    assert!(said.contains("4 passed; 4 failed; 1 ignored"), "{said}");
}
