// Errors in the body are the compiler's own, with the user's spans.
#[gort::main]
fn main() -> Result<(), String> {
    let n: u8 = "text";
    n.nothing();
}
