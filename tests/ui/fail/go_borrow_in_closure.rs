fn main() {
    let text = String::from("local");
    gort::go!(|| println!("{text}"));
}
