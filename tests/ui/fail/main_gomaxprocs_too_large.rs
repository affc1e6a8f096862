#[gort::main(gomaxprocs = 4294967296)]
fn main() {}
