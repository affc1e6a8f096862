#[gort::test]
#[test]
fn works() {}

fn main() {}
