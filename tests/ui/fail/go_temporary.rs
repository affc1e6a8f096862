fn show(_: &str) {}

fn main() {
    gort::go!(show(&String::from("temporary")));
}
