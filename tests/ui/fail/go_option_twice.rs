fn show() {}

fn main() {
    gort::go!(name = "a", name = "b"; show());
}
