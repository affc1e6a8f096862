#[gort::main(gomaxprocs = true)]
fn main() {}
