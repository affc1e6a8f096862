#[gort::test(ignore)]
fn works() {}

fn main() {}
