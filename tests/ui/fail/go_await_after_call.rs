fn main() {
    drop(start());
}

async fn show() {}

async fn start() {
    gort::go!(show().await);
}
