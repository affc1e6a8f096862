#![forbid(unsafe_code)]
#![deny(warnings)]
use gort::go;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static DONE: AtomicUsize = AtomicUsize::new(0);
const STACK: usize = 1 << 18;

fn add(n: usize) {
    DONE.fetch_add(n, SeqCst);
}

#[gort::main]
fn main() {
    // Names of the user's that are spelled like the options.
    let name = "worker";
    let stack_size = STACK;
    let options = 1;
    go!(name = "worker", stack_size = 1 << 20; add(1));
    go!(name = name; add(options));
    go!(name = format!("{name} {options}"); move || add(options));
    go!(stack_size = stack_size, name = String::from(name); DONE.fetch_add(1, SeqCst));
    go! { stack_size = STACK; let n = 1; add(n) }
    go! {
        name = name,
        stack_size = 0x4_0000,;
        add(0);
        add(1);
    }
    while DONE.load(SeqCst) < 6 {
        gort::yield_now();
    }
}
