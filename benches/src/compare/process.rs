//! One run: a peer's process, its line of JSON, and what may befall it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::peers::Peer;
use crate::outcome::Outcome;
use crate::rows::{Program, Row};

/// A run that takes longer counts as hanging.
const LIMIT: Duration = Duration::from_secs(120);

/// How much of a peer's error output is kept.
const STDERR_KEPT: u64 = 16 * 1024;

pub(super) type Ended = Result<Outcome, Failure>;

/// Why a run has no outcome.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    /// It ended before its time: how, and the essence of its error output.
    Dies(String),
    /// It did not end.
    Hangs,
}

impl Failure {
    /// One word for it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Failure::Dies(_) => "dies",
            Failure::Hangs => "hangs",
        }
    }

    /// The rest of it.
    pub(super) fn why(&self) -> String {
        match self {
            Failure::Dies(why) => why.clone(),
            Failure::Hangs => format!("no end after {} s", LIMIT.as_secs()),
        }
    }
}

/// Runs `row`'s workload `n` times in a fresh process of `peer`.
pub(super) fn run(peer: &Peer, row: &Row, n: u64, procs: Option<usize>) -> Ended {
    let program = peer.program(row.program);
    let mut command = match row.program {
        Program::Peer => Command::new(&program),
        Program::Hello | Program::Serve => Command::new(peer.folder.join("drive")),
    };
    command.arg(row.workload);
    if row.program != Program::Peer {
        command.arg(&program);
    }
    command.arg(n.to_string()).env("RUST_BACKTRACE", "0");
    if let Some(procs) = row.procs.or(procs) {
        command.env("GOMAXPROCS", procs.to_string());
    }
    let (status, stdout, stderr) = supervise(&mut command, LIMIT)?;
    match Outcome::from_line(stdout.trim(), row.workload, n) {
        // A right figure from a process that then fails is no right figure.
        Ok(Outcome::Measured(_)) if !status.success() => Err(died(status, &stderr)),
        Ok(outcome) => Ok(outcome),
        Err(_) if !status.success() => Err(died(status, &stderr)),
        Err(error) => Err(Failure::Dies(error)),
    }
}

/// Waits for the end of the process, or ends it after `limit`.
fn supervise(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String, String), Failure> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::Dies(error.to_string()))?;
    let stdout = reader(child.stdout.take().expect("piped"), u64::MAX);
    let stderr = reader(child.stderr.take().expect("piped"), STDERR_KEPT);
    // Its standard output ends when it ends; so nobody polls meanwhile.
    let Ok(stdout) = stdout.recv_timeout(limit) else {
        // Gone already, if this fails.
        let _ = child.kill();
        let _ = child.wait();
        return Err(Failure::Hangs);
    };
    let status = child.wait().map_err(|error| Failure::Dies(error.to_string()))?;
    Ok((status, stdout, stderr.recv().unwrap_or_default()))
}

/// Reads to the end and sends the first `kept` bytes.
fn reader(mut pipe: impl Read + Send + 'static, kept: u64) -> mpsc::Receiver<String> {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(kept).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        let _ = tx.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    rx
}

fn died(status: ExitStatus, stderr: &str) -> Failure {
    let end = match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("exit status {}", status.code().unwrap_or(-1)),
    };
    match essence(stderr) {
        Some(why) => Failure::Dies(format!("{why} ({end})")),
        None => Failure::Dies(end),
    }
}

/// The line that says most: the message of the first Rust panic, which stands
/// below its place, or else the first line.
fn essence(stderr: &str) -> Option<&str> {
    let mut lines = stderr.lines().filter(|line| !line.trim().is_empty());
    let first = lines.clone().next();
    match lines.find(|line| line.contains(" panicked at ")) {
        Some(place) => lines.next().or(Some(place)),
        None => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Result<(ExitStatus, String, String), Failure> {
        supervise(Command::new("sh").arg("-c").arg(script), limit)
    }

    #[test]
    fn what_a_process_says_is_read() {
        let (status, stdout, stderr) = sh("echo out; echo err >&2", LIMIT).unwrap();
        assert!(status.success());
        assert_eq!((stdout.as_str(), stderr.as_str()), ("out\n", "err\n"));
    }

    #[test]
    fn much_error_output_neither_blocks_nor_piles_up() {
        let (_, _, stderr) = sh("yes | head -c 1000000 >&2", LIMIT).unwrap();
        assert_eq!(stderr.len() as u64, STDERR_KEPT);
    }

    #[test]
    fn a_process_that_hangs_is_ended() {
        let ended = sh("exec sleep 1000", Duration::from_millis(20));
        assert_eq!(ended.unwrap_err(), Failure::Hangs);
    }

    #[test]
    fn a_death_is_told_by_its_first_panic() {
        let check = |script: &str, expected: &str| {
            let (status, _, stderr) = sh(script, LIMIT).unwrap();
            assert_eq!(died(status, &stderr), Failure::Dies(expected.into()));
        };
        check("kill -9 $$", "signal 9");
        check("echo fatal error: x >&2; exit 2", "fatal error: x (exit status 2)");
        check(
            "printf \"\\nthread 'a' panicked at b:1:2:\\nout of c\\nnote: d\\n\" >&2; exit 101",
            "out of c (exit status 101)",
        );
    }
}
