#[gort::test]
const WORKS: bool = true;

fn main() {}
