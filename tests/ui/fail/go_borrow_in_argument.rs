fn show(_: u8, _: &str) {}

fn main() {
    let text = String::from("local");
    gort::go!(show(1, text.as_str()));
}
