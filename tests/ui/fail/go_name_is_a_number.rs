fn show() {}

fn main() {
    gort::go!(name = 1; show());
}
