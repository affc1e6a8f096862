//! `go!` where a macro writes it.
use gort::go;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static DONE: AtomicUsize = AtomicUsize::new(0);

fn add(n: usize) -> usize {
    DONE.fetch_add(n, SeqCst)
}

macro_rules! start {
    ($e:expr) => {
        go!($e)
    };
}

macro_rules! start_call {
    ($f:expr, $($arg:expr),*) => {
        go!($f($($arg),*))
    };
}

macro_rules! start_method {
    ($receiver:expr, $name:literal, $stack:expr) => {
        go!(name = $name, stack_size = $stack; $receiver.fetch_add(1, SeqCst))
    };
}

macro_rules! start_block {
    ($b:block) => {
        go! { $b }
    };
}

macro_rules! start_double {
    ($e:expr) => {
        go!(add(2 * $e));
        go! { let n = 2 * $e; add(n) }
        go!(move || add(2 * $e))
    };
}

macro_rules! repeat {
    ($($n:literal)*) => {
        $( go! { let _0 = $n; add(_0) } )*
    };
}

#[gort::main]
fn main() {
    let n = 1;
    start!(add(n));
    start!(move || add(n));
    start!(if n > 0 { add(n) } else { 0 });
    start_call!(add, n);
    start_call!(|a, b| add(a + b), n, 0);
    start_method!(DONE, "adder", 1 << 18);
    start_block!({ add(n) });
    repeat!(1 1 1);
    // An expression stays one expression: 2 * (1 + 1), not 2 * 1 + 1.
    start_double!(1 + n);
    match n {
        1 => go!(add(n)),
        _ => go!(add(n)),
    }
    while DONE.load(SeqCst) < 23 {
        gort::yield_now();
    }
}
