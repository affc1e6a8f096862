#[gort::main(stack_size = )]
fn main() {}
