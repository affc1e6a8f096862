fn show() {}

fn main() {
    gort::go!(stack_size = 4096, stack_size = 8192; show());
}
