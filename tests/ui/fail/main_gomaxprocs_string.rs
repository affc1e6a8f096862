#[gort::main(gomaxprocs = "four")]
fn main() {}
