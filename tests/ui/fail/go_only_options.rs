fn main() {
    gort::go!(name = "worker", stack_size = 1 << 20);
}
