#[gort::main(gomaxprocs = 1.5)]
fn main() {}
