fn main() {
    let numbers = vec![1];
    gort::go!((&numbers).first());
}
