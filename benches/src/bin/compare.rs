//! Runs the comparison; see `benches/README.md`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::compare::main()
}
