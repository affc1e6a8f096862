fn show(_: &str) {}

fn main() {
    let n = 1;
    gort::go!(show(n, 2));
}
