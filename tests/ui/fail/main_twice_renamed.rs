use gort::main as entry;

#[entry]
#[entry]
fn main() {}
