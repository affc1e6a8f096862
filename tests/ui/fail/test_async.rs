#[gort::test]
async fn works() {
    std::future::ready(()).await;
}

fn main() {}
