fn show(_: &str) {}

fn main() {
    let text = String::from("local");
    gort::go!(show(&text));
}
