//! The least program that starts a coroutine.

use may::go;

fn main() {
    may::config().set_workers(benches::peer::procs());
    go!(|| println!("hello")).join().unwrap();
}
