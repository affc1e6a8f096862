use std::process::ExitCode;

#[gort::main]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
