/// Not a function.
#[gort::main]
pub struct Main;
