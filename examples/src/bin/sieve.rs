//! The concurrent prime sieve: one goroutine for each prime, chained by unbuffered channels. It is the
//! program that Go is shown with; `sieve N` prints the first N primes, 25 by default.
//!
//! ```text
//! $ cargo run --release -p examples --bin sieve 10
//! 2
//! 3
//! 5
//! 7
//! 11
//! 13
//! 17
//! 19
//! 23
//! 29
//! ```

use std::io::{self, Write};

use gort::channel::{Receiver, Sender, bounded};
use gort::go;

#[gort::main]
fn main() {
    let n: u32 = examples::arguments("sieve [N]", |args| match args {
        [] => Some(25),
        [n] => examples::parse(n),
        _ => None,
    });

    let (numbers, mut survivors) = bounded(0);
    go!(generate(numbers));
    for _ in 0..n {
        // What has passed all filters so far is divided by no smaller prime.
        let prime = survivors.recv().expect("there is always another prime");
        if writeln!(io::stdout(), "{prime}").is_err() {
            break; // nobody reads on: `| head`
        }
        let (passed, next) = bounded(0);
        go!(filter(prime, survivors, passed));
        survivors = next;
    }
    // The end of main ends the goroutines, as in Go.
}

/// Sends 2, 3, 4, … as long as somebody receives.
fn generate(numbers: Sender<u64>) {
    for number in 2.. {
        if numbers.send(number).is_err() {
            return;
        }
    }
}

/// Passes on what `prime` does not divide.
fn filter(prime: u64, numbers: Receiver<u64>, passed: Sender<u64>) {
    for number in numbers {
        if number % prime != 0 && passed.send(number).is_err() {
            return;
        }
    }
}
