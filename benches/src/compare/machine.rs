//! Where and with what the figures were taken.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use super::golang;
use super::peers::FOLDER;

/// Crates whose versions matter to the figures.
const CRATES: &[&str] = &["may", "tokio", "async-channel", "crossbeam-channel", "flume", "rayon"];

/// The machine and its system.
pub(super) fn machine() -> Value {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches(['\t', ' ', ':']));
    json!({
        "cpu": model,
        "cpus": thread::available_parallelism().map_or(1, |cpus| cpus.get()),
        "system": said("uname", &["-srm"]),
    })
}

/// What the peers are made of.
pub(super) fn versions() -> Value {
    let lock = fs::read_to_string(Path::new(FOLDER).join("../Cargo.lock")).unwrap_or_default();
    let mut versions = json!({
        "gort": env!("CARGO_PKG_VERSION"),
        "commit": said("git", &["-C", FOLDER, "describe", "--always", "--dirty"]),
        "rustc": said("rustc", &["--version"]),
        "go": golang::version(),
    });
    for name in CRATES {
        versions[name] = locked(&lock, name).into();
    }
    versions
}

/// Now, in UTC.
pub(super) fn date() -> Option<String> {
    said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])
}

fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    output.status.success().then_some(text)
}

/// The version of a crate in the text of a `Cargo.lock`.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let package = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != package);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    version.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"maybe\"\nversion = \"9.0.0\"\n\n\
                    [[package]]\nname = \"may\"\nversion = \"0.3.51\"\n";
        assert_eq!(locked(lock, "may"), Some("0.3.51"));
        assert_eq!(locked(lock, "tokio"), None);
    }
}
