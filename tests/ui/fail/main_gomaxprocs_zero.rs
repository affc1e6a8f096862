#[gort::main(gomaxprocs = 0)]
fn main() {}
