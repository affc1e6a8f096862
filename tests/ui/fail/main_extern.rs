#[gort::main]
extern "C" fn main() {}
