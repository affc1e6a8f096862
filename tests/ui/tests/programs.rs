//! What the macros accept: each program in `ui/pass` ends well. Package `ui` builds them in the workspace's edition,
//! `edition_2021` in the one before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names of the programs.
fn names() -> Vec<String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors().map(|folder| folder.join("ui/pass"));
    let files = fs::read_dir(folders.find(|folder| folder.is_dir()).expect("the folder")).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = files.map(|file| name(file.unwrap().path())).collect();
    names.sort();
    names
}

#[test]
fn programs() {
    // target/PROFILE/deps/programs-HASH; cargo has built the programs before the tests of their package.
    let this = std::env::current_exe().unwrap();
    let built = this.ancestors().nth(2).unwrap();
    for name in names() {
        let program = built.join(format!("{}_{name}", env!("CARGO_PKG_NAME")));
        let output = Command::new(program).output().unwrap_or_else(|error| {
            panic!("{name} is missing in the manifest of {}: {error}", env!("CARGO_PKG_NAME"))
        });
        assert!(output.status.success(), "{name}: {}\n{output:?}", output.status);
    }
}
