//! `go!` brings no unsafe code, and lets the user's stand.
use gort::go;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static DONE: AtomicUsize = AtomicUsize::new(0);

unsafe fn dangerous(n: usize) {
    DONE.fetch_add(n, SeqCst);
}

#[gort::main]
fn main() {
    // SAFETY: it isn't dangerous.
    unsafe { go!(dangerous(1)) }
    go!(unsafe { dangerous(1) });
    while DONE.load(SeqCst) < 2 {
        gort::yield_now();
    }
}
