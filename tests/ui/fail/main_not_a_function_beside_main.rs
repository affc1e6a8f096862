#[gort::main]
use std::io;

fn main() -> io::Result<()> {
    Ok(())
}
