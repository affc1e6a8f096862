#[gort::main]
fn start() {
    println!("one error");
}

fn main() {
    start();
}
