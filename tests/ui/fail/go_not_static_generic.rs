use std::fmt::Display;

fn start<T: Display + Send>(value: T) {
    gort::go!(show(value));
}

fn show<T: Display>(_: T) {}

fn main() {
    start("text");
}
