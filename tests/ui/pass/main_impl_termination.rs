use std::process::Termination;

#[gort::main]
fn main() -> impl Termination {
    Ok::<(), std::fmt::Error>(())
}
