//! The peers: what they are called and how their programs are built.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::golang;
use crate::rows::{Program, Row};

/// All peers, in the order of the table.
pub(super) const NAMES: &[&str] = &["gort", "go", "may", "tokio", "threads", "flume", "rayon", "floor"];

/// The one that shows what the kernel alone asks for, and competes with nobody.
pub(super) const FLOOR: &str = "floor";

/// The folder of this crate.
pub(super) const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// A peer that can be run.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// Where its programs are.
    pub(super) folder: PathBuf,
}

impl Peer {
    pub(super) fn program(&self, kind: Program) -> PathBuf {
        self.folder.join(file_name(kind, self.name))
    }
}

/// Peers that cannot be run, each with the reason.
pub(super) type Missing = Vec<(&'static str, String)>;

/// Builds the programs that the peers named need for the rows, as far as this
/// machine allows.
pub(super) fn build(names: &[&'static str], rows: &[&'static Row]) -> (Vec<Peer>, Missing) {
    let target = target_dir();
    let folder = target.join("release");
    let mut peers = Vec::new();
    let mut missing = Vec::new();
    for &name in names {
        let of_peer = rows.iter().filter(|row| row.includes(name));
        let kinds: BTreeSet<Program> = of_peer.map(|row| row.program).collect();
        let built = match name {
            _ if kinds.is_empty() => continue,
            "go" => kinds.iter().try_for_each(|&kind| golang::build(kind, &target)),
            _ => build_rust(kinds.iter().map(|&kind| file_name(kind, name)).collect(), &target),
        };
        match built {
            Ok(()) => peers.push(Peer { name, folder: folder.clone() }),
            Err(why) => missing.push((name, why)),
        }
    }
    (peers, missing)
}

/// Builds the program that drives hellos and servers, if a row needs it.
pub(super) fn build_drive(rows: &[&'static Row]) -> Result<(), String> {
    match rows.iter().any(|row| row.program != Program::Peer) {
        true => build_rust(vec!["drive".to_string()], &target_dir()),
        false => Ok(()),
    }
}

pub(super) fn file_name(kind: Program, peer: &str) -> String {
    format!("{}_{peer}", kind.prefix())
}

/// Where this program was built, two levels up: `target/release/compare`.
fn target_dir() -> PathBuf {
    let program = env::current_exe().expect("path of this program");
    program.ancestors().nth(2).expect("target dir").into()
}

/// Binaries of this crate, always optimised: `cargo run --bin compare` has
/// built no other than `compare`.
fn build_rust(programs: Vec<String>, target: &Path) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release"])
        .args(programs.iter().flat_map(|program| ["--bin", program]))
        .arg("--manifest-path")
        .arg(Path::new(FOLDER).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("cargo cannot build {}", programs.join(", "))),
    }
}
