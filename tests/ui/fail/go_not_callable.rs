fn main() {
    gort::go!(1 + 1);
}
