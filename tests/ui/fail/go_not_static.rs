fn start(text: &str) {
    gort::go!(show(text));
}

fn show(_: &str) {}

fn main() {
    start("text");
}
