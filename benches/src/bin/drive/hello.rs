//! Programs that say hello: how long they take, how large they are.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{self, Command};
use std::time::Instant;

use benches::lateness::quantile;
use benches::outcome::Outcome;

/// The median of the time from before the start of a process to after its end,
/// and `ok` only if each of them said hello and nothing else.
pub(super) fn whole_process(program: &Path, n: u64) -> io::Result<Outcome> {
    let mut said = 0;
    let mut took = Vec::new();
    for _ in 0..n {
        let start = Instant::now();
        let output = Command::new(program).output()?;
        took.push(start.elapsed());
        said += (output.status.success() && output.stdout == b"hello\n" && output.stderr.is_empty()) as u64;
    }
    took.sort_unstable();
    let median = quantile(&took, 0.5).as_secs_f64() * 1e3;
    Ok(Outcome::checked(said, n, [("ms_per_op", median)]))
}

/// The size of the program without its symbols.
pub(super) fn size(program: &Path) -> io::Result<Outcome> {
    let stripped = env::temp_dir().join(format!("stripped-{}", process::id()));
    let output = Command::new("strip").arg("-o").arg(&stripped).arg(program).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let said = Command::new(&stripped).output();
    let size = fs::metadata(&stripped)?.len();
    fs::remove_file(&stripped)?;
    let said = (said?.stdout == b"hello\n") as u64;
    Ok(Outcome::checked(said, 1, [("kib", size as f64 / 1024.0)]))
}
