#[gort::main(gomaxprocs = 2, threads = 4)]
fn main() {}
