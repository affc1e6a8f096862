fn show() {}

fn main() {
    gort::go!(name = "worker", priority = 1; show());
}
