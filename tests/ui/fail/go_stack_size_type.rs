fn show() {}

fn main() {
    let size = "64K";
    gort::go!(stack_size = size; show());
}
