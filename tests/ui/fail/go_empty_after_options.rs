fn main() {
    gort::go!(name = "worker";);
}
