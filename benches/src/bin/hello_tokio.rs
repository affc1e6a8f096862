//! The least program that starts a task.

use tokio::runtime::Builder;

fn main() {
    let runtime =
        Builder::new_multi_thread().worker_threads(benches::peer::procs()).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::spawn(async { println!("hello") }).await.unwrap();
    });
}
