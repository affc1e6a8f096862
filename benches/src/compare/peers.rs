//! The peers: what they are called and how their programs are built.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::golang;
use crate::rows::Row;

/// All peers, in the order of the table.
pub(super) const NAMES: &[&str] = &["gort", "go", "may", "tokio", "threads", "flume", "rayon", "floor"];

/// The one that shows what the kernel alone asks for, and competes with nobody.
pub(super) const FLOOR: &str = "floor";

/// The folder of this crate.
pub(super) const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// A peer that can be run.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
}

/// Peers that cannot be run, each with the reason.
pub(super) type Missing = Vec<(&'static str, String)>;

/// Builds the programs of the peers named that have one of the rows, as far as
/// this machine allows.
pub(super) fn build(names: &[&'static str], rows: &[&'static Row]) -> (Vec<Peer>, Missing) {
    let target = target_dir();
    let mut peers = Vec::new();
    let mut missing = Vec::new();
    for &name in names.iter().filter(|name| rows.iter().any(|row| row.includes(name))) {
        let program = match name {
            "go" => golang::build(&target),
            _ => build_rust(name, &target),
        };
        match program {
            Ok(program) => peers.push(Peer { name, program }),
            Err(why) => missing.push((name, why)),
        }
    }
    (peers, missing)
}

/// Where this program was built, two levels up: `target/release/compare`.
fn target_dir() -> PathBuf {
    let program = env::current_exe().expect("path of this program");
    program.ancestors().nth(2).expect("target dir").into()
}

/// A binary of this crate, always optimised: `cargo run --bin compare` has
/// built no other than `compare`.
fn build_rust(name: &str, target: &Path) -> Result<PathBuf, String> {
    let program = format!("peer_{name}");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--bin", &program])
        .arg("--manifest-path")
        .arg(Path::new(FOLDER).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("cargo cannot build {program}"));
    }
    Ok(target.join("release").join(program))
}
