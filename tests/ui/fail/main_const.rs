#[gort::main]
const fn main() {
    println!("one error");
}
