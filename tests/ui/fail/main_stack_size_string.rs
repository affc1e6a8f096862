#[gort::main(stack_size = "64K")]
fn main() {}
