use gort::main;

#[gort::main]
#[main]
fn main() {}
