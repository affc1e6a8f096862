fn main() {
    drop(start());
}

fn show(_: u8) {}

async fn start() {
    gort::go!(show(std::future::ready(1).await));
}
