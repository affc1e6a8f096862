#[gort::main]
#[gort::main]
fn main() {}
