#[gort::main(4)]
fn main() {}
