#[gort::main(crate = crate::nothing)]
fn main() {}
