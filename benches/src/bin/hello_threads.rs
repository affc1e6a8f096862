//! The least program that starts a thread.

fn main() {
    std::thread::spawn(|| println!("hello")).join().unwrap();
}
