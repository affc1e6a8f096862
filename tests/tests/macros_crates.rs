//! The macros in crates that differ from this one: in the name they know gort by, in the edition,
//! and in that their tests fail. They are packages of their own, in `ui-crates`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui-crates")
}

/// Runs cargo in a package of `ui-crates`, with the dependencies that the workspace is locked to.
fn cargo(package: &str, args: &[&str]) -> Output {
    let folder = here().join("ui-crates").join(package);
    fs::copy(here().join("../Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file");
    Command::new(env!("CARGO"))
        .args(args)
        .arg("--offline")
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("cargo runs")
}

fn text(output: &Output) -> String {
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    format!("{}\n{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr))
}

/// The names of the programs in `ui/pass`.
fn programs() -> Vec<String> {
    let files = fs::read_dir(here().join("ui/pass")).expect("the folder");
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = files.map(|file| name(file.unwrap().path())).collect();
    names.sort();
    names
}

#[test]
fn renamed() {
    let output = cargo("renamed", &["build"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = Command::new(target().join("debug/renamed")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert!(text(&output).contains("4 goroutines ran"), "{}", text(&output));
}

#[test]
fn verdicts_of_tests() {
    let output = cargo("renamed", &["test", "--no-fail-fast", "--test", "outcomes"]);
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

#[test]
fn edition_2021() {
    let output = cargo("edition-2021", &["build"]);
    assert!(output.status.success(), "{}", text(&output));
    for name in programs() {
        let program = target().join("debug").join(&name);
        let output = Command::new(program).output().unwrap_or_else(|error| {
            panic!("{name} is missing in ui-crates/edition-2021/Cargo.toml: {error}")
        });
        assert!(output.status.success(), "{name}: {}\n{}", output.status, text(&output));
    }
}
