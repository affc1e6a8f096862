#[gort::main(gomaxprocs = 1, gomaxprocs = 2)]
fn main() {}
