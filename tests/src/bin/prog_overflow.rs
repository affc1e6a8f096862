//! Programs for `tests/tests/prog_overflow.rs`: faults of several kinds.

use std::hint::black_box;

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let big = black_box([n; 64]);
    if n == u64::MAX {
        return 0;
    }
    1 + recurse(black_box(n + 1)) + big[(n % 64) as usize]
}

fn wild() {
    // SAFETY: none: it is meant to fault.
    unsafe { black_box(8 as *const u8).read_volatile() };
}

fn on_a_thread(f: fn()) {
    std::thread::spawn(f).join().unwrap();
}

#[gort::main]
fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    match case.as_str() {
        "main" => println!("{}", recurse(0)),
        "go" => {
            gort::go!(|| println!("{}", recurse(0)));
            gort::park();
        }
        "blocking" => {
            // Not joined: on a stack of its own.
            gort::go!(|| gort::blocking(|| println!("{}", recurse(0))));
            gort::park();
        }
        "wild" => gort::spawn(wild).join().unwrap(),
        "thread" => gort::blocking(|| on_a_thread(|| println!("{}", recurse(0)))),
        other => panic!("no program {other:?}"),
    }
}
