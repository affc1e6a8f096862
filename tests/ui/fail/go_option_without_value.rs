fn show() {}

fn main() {
    gort::go!(stack_size = 4096, name; show());
}
