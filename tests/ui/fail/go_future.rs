fn main() {
    gort::go!(async { println!("never polled") });
}
