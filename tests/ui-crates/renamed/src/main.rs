//! gort is called `goroutines` here, and something else is called `gort`.
#![forbid(unsafe_code)]
#![deny(warnings)]

use goroutines::go;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

mod gort {
    pub fn status() -> u8 {
        7
    }
}

static DONE: AtomicUsize = AtomicUsize::new(0);

fn add(n: usize) {
    DONE.fetch_add(n, SeqCst);
}

#[goroutines::main(gomaxprocs = 2)]
fn main() -> ExitCode {
    go!(add(1));
    go!(move || add(1));
    go!(name = "adder"; DONE.fetch_add(1, SeqCst));
    goroutines::go! {
        let n = 1;
        add(n)
    }
    while DONE.load(SeqCst) < 4 {
        goroutines::yield_now();
    }
    println!("{} goroutines ran", DONE.load(SeqCst));
    ExitCode::from(gort::status())
}
