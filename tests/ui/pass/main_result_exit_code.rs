use std::io;
use std::process::ExitCode;

#[gort::main]
fn main() -> io::Result<ExitCode> {
    let status: u8 = "0".parse().map_err(io::Error::other)?;
    Ok(ExitCode::from(status))
}
