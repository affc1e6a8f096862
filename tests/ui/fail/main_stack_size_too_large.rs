#[gort::main(stack_size = 18446744073709551616)]
fn main() {}
