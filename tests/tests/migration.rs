//! The accessor of the runtime's thread-local words, in a program that is optimised as one piece: a goroutine that
//! has moved must not see the words of the thread that it has left.
//!
//! That it can fail was seen with `options(pure, nomem, …)` on the accessor's assembly (and the boot's self-test, which
//! notices that too, taken out): the optimiser then merges the reads, and the program ends with "the runtime takes this
//! thread for another". A plain `thread_local!` with a `Cell` in its place passes on x86-64, where the address is a
//! constant beside the segment register and never a value; nothing says that it must stay so.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_accessor_survives_the_optimiser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui-crates/migration");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui-crates");
    fs::copy(folder.join("../../../Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(target.join("release/migration")).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5000 moves\n", "{stderr}");
}
