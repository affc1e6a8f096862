//! What retake costs where it is never needed: gort's own programs, built with its machinery and without
//! (`--cfg gort_no_retake`: no M says where it is, so that nothing can be taken from it), in turns.
//!
//! ```text
//! cargo run --release -p benches --bin retake_cost -- [ROUNDS]
//! ```

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use benches::outcome::Outcome;

/// Those that enter and leave the runtime most often, and how often they do.
const WORKLOADS: &[(&str, u64)] =
    &[("pingpong", 1_000_000), ("prodcons0", 2_000_000), ("yield1", 10_000_000), ("spawn_join", 1_000_000)];
const CFG: &str = "--cfg gort_no_retake";

fn main() -> ExitCode {
    let rounds = env::args().nth(1).map_or(Ok(20), |n| n.parse::<usize>()).ok().filter(|&n| n > 0);
    let Some(rounds) = rounds else {
        eprintln!("retake_cost: how many rounds?");
        return ExitCode::from(2);
    };
    match measure(rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("retake_cost: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(rounds: usize) -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let target = program.ancestors().nth(2).ok_or("no target directory")?;
    let programs = [build(target, "")?, build(&target.join("no_retake"), CFG)?];
    println!("| workload   |        n | with, ns | without, ns | with/without |");
    println!("|------------|---------:|---------:|------------:|-------------:|");
    for &(workload, n) in WORKLOADS {
        let mut figures = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for turn in 0..2 {
                let which = (round + turn) % 2;
                figures[which].push(run(&programs[which], workload, n)?);
            }
        }
        let [with, without] = figures.map(best);
        println!("| {workload:<10} | {n:>8} | {with:>8.2} | {without:>11.2} | {:>12.3} |", with / without);
    }
    Ok(())
}

/// Builds gort's programs in a directory of their own, as the flags would have all else built again.
fn build(target: &Path, flags: &str) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let given = env::var("RUSTFLAGS").unwrap_or_default();
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--bin", "peer_gort", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .env("RUSTFLAGS", format!("{given} {flags}").trim())
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    status.success().then(|| target.join("release/peer_gort")).ok_or("cargo cannot build peer_gort".into())
}

/// Nanoseconds an operation.
fn run(program: &Path, workload: &str, n: u64) -> Result<f64, String> {
    let output = Command::new(program)
        .args([workload, &n.to_string()])
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let line = String::from_utf8_lossy(&output.stdout);
    match Outcome::from_line(line.trim(), workload, n)? {
        Outcome::Measured(metrics) if output.status.success() => {
            metrics.get("ns_per_op").copied().ok_or(format!("{workload}: no figure"))
        }
        _ => Err(format!("{workload}: {} {line}", output.status)),
    }
}

/// What is more than the best is the rest of the machine's.
fn best(figures: Vec<f64>) -> f64 {
    figures.into_iter().fold(f64::INFINITY, f64::min)
}
