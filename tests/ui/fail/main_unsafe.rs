#[gort::main]
unsafe fn main() {}
