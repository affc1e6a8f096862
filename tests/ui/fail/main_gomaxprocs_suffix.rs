#[gort::main(gomaxprocs = 4u8)]
fn main() {}
