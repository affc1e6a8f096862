#[gort::main(gomaxprocs)]
fn main() {}
