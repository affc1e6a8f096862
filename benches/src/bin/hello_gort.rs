//! The least program that starts a goroutine.

#[gort::main]
fn main() {
    gort::spawn(|| println!("hello")).join().unwrap();
}
