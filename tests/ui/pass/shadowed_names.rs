//! Modules of the user's that are called like the crates that the expansions need.
#![allow(dead_code)]
mod core {}
mod gort {}
mod std {}

struct Options;
struct Send;
struct FnOnce;
struct String;

use ::std::rc::Rc;
use ::std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static DONE: AtomicUsize = AtomicUsize::new(0);

fn add(n: usize) {
    DONE.fetch_add(n, SeqCst);
}

#[::gort::main(gomaxprocs = 2)]
fn main() {
    let _own = (Options, Send, FnOnce, String, Rc::new(1));
    ::gort::go!(add(1));
    ::gort::go!(DONE.fetch_add(1, SeqCst));
    ::gort::go!(name = "adder"; add(1));
    ::gort::go!(|| add(1));
    ::gort::go! { add(1); add(1) }
    while DONE.load(SeqCst) < 6 {
        ::gort::yield_now();
    }
}

#[::gort::test]
fn unit() {}

#[::gort::test]
fn result() -> ::std::result::Result<(), ::std::fmt::Error> {
    Ok(())
}
