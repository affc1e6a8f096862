#[gort::main]
fn start() {
    println!("one error");
}
