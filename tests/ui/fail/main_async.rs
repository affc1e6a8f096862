#[gort::main]
async fn main() {
    let text = std::future::ready("one error").await;
    println!("{text}");
}
