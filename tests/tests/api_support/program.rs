//! Runs the cases of `src/bin/prog_cases` in processes of their own.

#![allow(dead_code)]

use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// A program that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn status(self, expected: i32) -> Self {
        assert_eq!(self.status.code(), Some(expected), "{}", self.all());
        self
    }

    #[track_caller]
    pub(crate) fn out(self, expected: &str) -> Self {
        assert_eq!(self.stdout.trim_end(), expected, "{}", self.all());
        self
    }

    #[track_caller]
    pub(crate) fn err(self, expected: &[&str]) -> Self {
        for part in expected {
            assert!(self.stderr.contains(part), "{part:?} is missing\n{}", self.all());
        }
        self
    }

    #[track_caller]
    pub(crate) fn err_is(self, expected: &str) -> Self {
        assert_eq!(self.stderr, expected, "{}", self.all());
        self
    }

    #[track_caller]
    pub(crate) fn err_without(self, unexpected: &[&str]) -> Self {
        for part in unexpected {
            assert!(!self.stderr.contains(part), "{part:?} is there\n{}", self.all());
        }
        self
    }

    pub(crate) fn all(&self) -> String {
        format!("{}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr)
    }
}

/// Runs a case to its end, which must come in time. A variable without a value is removed.
#[track_caller]
pub(crate) fn run_in(arguments: &[&str], env: &[(&str, Option<&str>)]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prog_cases"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["GODEBUG", "GORTDEBUG", "GOTRACEBACK", "GORT_STACK", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    for (name, value) in env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let child = command.spawn().expect("the program is built");
    let pid = child.id().to_string();
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || tx.send(child.wait_with_output()));
    let Ok(output) = rx.recv_timeout(LIMIT) else {
        let _ = Command::new("kill").args(["-9", &pid]).status();
        let output = rx.recv().expect("it was killed").expect("it has ended");
        panic!("{arguments:?} hangs; stderr:\n{}", String::from_utf8_lossy(&output.stderr));
    };
    let output = output.expect("it has ended");
    Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
pub(crate) fn run(arguments: &[&str]) -> Ended {
    run_in(arguments, &[])
}
