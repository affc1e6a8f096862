//! The program `stress`, a few rounds for each number of Ps, with and without `membarrier`.

use std::process::Command;

fn stress(procs: &str, rounds: &str, env: &[(&str, &str)]) {
    let output = Command::new(env!("CARGO_BIN_EXE_stress"))
        .args(["1", rounds])
        .env("GOMAXPROCS", procs)
        .env_remove("GODEBUG")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "GOMAXPROCS={procs} {env:?}: {output:?}");
}

#[test]
fn few_and_many_ps() {
    for procs in ["1", "2", "3", "8", "64"] {
        stress(procs, "150", &[]);
    }
}

#[test]
fn fences_instead_of_membarrier() {
    for procs in ["1", "3", "8"] {
        stress(procs, "60", &[("GODEBUG", "nomembarrier=1")]);
    }
}

#[test]
fn gomaxprocs_that_changes_all_the_time() {
    stress("2", "200", &[("STRESS_RESIZE", "1")]);
}
