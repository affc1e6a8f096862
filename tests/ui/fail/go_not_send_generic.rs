fn start<T: 'static>(value: T) {
    gort::go!(drop(value));
}

fn main() {
    start("text");
}
