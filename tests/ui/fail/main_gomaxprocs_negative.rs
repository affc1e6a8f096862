#[gort::main(gomaxprocs = -1)]
fn main() {}
