//! The smallest goroutine program.
//!
//! ```text
//! $ cargo run --release -p examples --bin hello
//! hello from goroutine 1
//! 0
//! 1
//! 2
//! ```

#[gort::main]
fn main() {
    println!("hello from goroutine {}", gort::current().id());
    let (tx, rx) = gort::channel::bounded(0);
    gort::go!(move || {
        for i in 0..3 {
            tx.send(i).unwrap();
        }
    });
    for v in rx {
        println!("{v}");
    }
}
