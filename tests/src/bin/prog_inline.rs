//! Programs whose goroutines run on the stack of their joiner; the tests are in `tests/prog_inline.rs`.

use std::hint::black_box;

#[inline(never)]
fn host_function(what: &'static str) -> usize {
    black_box(gort::spawn(move || guest_function(what)).join().unwrap())
}

#[inline(never)]
fn guest_function(what: &str) -> usize {
    match what {
        "deadlock" => {
            let (tx, rx) = gort::chan::<()>(0);
            rx.recv().unwrap();
            drop(tx);
        }
        "overflow" => return recurse(1),
        // Nobody recovers from this one.
        "panic" => {
            gort::go!(|| panic!("on purpose"));
            gort::park();
        }
        "exit" => std::process::exit(7),
        _ => unreachable!("{what}"),
    }
    0
}

#[inline(never)]
#[allow(unconditional_recursion)]
fn recurse(n: usize) -> usize {
    let page = black_box([n; 64]);
    black_box(recurse(n + 1)) + page[0]
}

/// A goroutine counts while it runs, wherever it does.
fn count() {
    for _ in 0..1000 {
        assert_eq!(gort::num_goroutine(), 1);
        assert_eq!(gort::spawn(gort::num_goroutine).join().unwrap(), 2);
        let nested = || gort::spawn(gort::num_goroutine).join().unwrap();
        assert_eq!(gort::spawn(nested).join().unwrap(), 3);
        assert!(gort::spawn(|| gort::goexit()).join().is_err());
    }
    assert_eq!(gort::num_goroutine(), 1);
}

#[gort::main]
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("count") => count(),
        Some("deadlock") => drop(host_function("deadlock")),
        Some("overflow") => drop(gort::spawn(|| host_function("overflow")).join()),
        Some("panic") => drop(host_function("panic")),
        Some("exit") => drop(host_function("exit")),
        other => unreachable!("{other:?}"),
    }
}
