#[gort::main(crate = "gort")]
fn main() {}
