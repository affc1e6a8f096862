fn show() {}

fn main() {
    gort::go!(stack_size = 0; show());
}
