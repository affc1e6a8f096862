//! The least program that says hello.

fn main() {
    println!("hello");
}
